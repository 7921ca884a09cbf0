#include "server/rpc_queue.h"

#include <grpc/support/time.h>

namespace dunlin {
namespace {

thread_local const RpcQueue* current_queue = nullptr;

// Lets `queue` tell of `tag` at once. Of the past, not of the present: that would wait for gRPC's timers, which wait
// for an instant of the system's clock and are late by as much as that is wrong.
void Wake(grpc::ServerCompletionQueue* queue, grpc::Alarm* alarm, void* tag) {
  alarm->Set(queue, gpr_inf_past(GPR_CLOCK_REALTIME), tag);
}

}  // namespace

void RpcQueue::Post(Operation* operation) {
  {
    MutexLock lock(&posted_mutex_);
    posted_.push_back(operation);
    if (posted_.size() > 1) {
      return;
    }
  }
  Wake(queue_.get(), &post_alarm_, Tag(&post_));
}

void RpcQueue::OnPosted(bool) {
  std::vector<Operation*> posted;
  {
    MutexLock lock(&posted_mutex_);
    posted.swap(posted_);
  }
  for (Operation* const operation : posted) {
    operation->OnEnded(true);
  }
}

bool RpcQueue::IsCurrent() const { return current_queue == this; }

void RpcQueue::Start() {
  thread_ = std::thread([this] { Run(); });
}

void RpcQueue::Stop() {
  if (stopped_) {
    return;
  }
  stopped_ = true;
  if (thread_.joinable()) {
    Wake(queue_.get(), &stop_alarm_, Tag(&stop_request_));
    thread_.join();
    return;
  }
  // gRPC wants a queue to be emptied.
  stop_requested_ = true;
  Run();
}

// Nothing may be asked of a queue that is shut down, so that it is only once nobody is left who might.
void RpcQueue::Run() {
  current_queue = this;
  void* tag = nullptr;
  bool ok = false;
  do {
    if (stop_requested_ && calls_ == 0 && !shut_down_) {
      shut_down_ = true;
      queue_->Shutdown();
    }
    if (!queue_->Next(&tag, &ok)) {
      return;
    }
    static_cast<Operation*>(tag)->OnEnded(ok);
  } while (true);
}

}  // namespace dunlin
