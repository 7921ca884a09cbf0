#include "server/rpc_queue.h"

#include "storage/this_thread.h"

#include <grpc/grpc.h>
#include <grpc/support/time.h>

namespace dunlin {
namespace {

thread_local const RpcQueue* current_queue = nullptr;

// Lets `queue` tell of `tag` at once. Of the past, not of the present: that would wait for gRPC's timers, which wait
// for an instant of the system's clock and are late by as much as that is wrong.
void Wake(grpc::CompletionQueue* queue, grpc::Alarm* alarm, void* tag) {
  alarm->Set(queue, gpr_inf_past(GPR_CLOCK_REALTIME), tag);
}

}  // namespace

// gRPC keeps the first end of an operation that this thread brings about, at this queue, for this thread alone. It may
// be another one's: whoever holds a connection does what others have left to do there.
RpcQueue::Outcome RpcQueue::Ask(Operation* operation, absl::FunctionRef<void()> ask) {
  grpc_completion_queue* const queue = queue_->cq();
  grpc_completion_queue_thread_local_cache_init(queue);
  ask();
  void* ended = nullptr;
  int done = 0;
  if (grpc_completion_queue_thread_local_cache_flush(queue, &ended, &done) == 0) {
    return Outcome::kOpen;
  }
  void* tag = nullptr;
  bool ok = done != 0;
  // What gRPC's C++ knows it by; not everything there has a tag of ours.
  if (!static_cast<grpc::internal::CompletionQueueTag*>(ended)->FinalizeResult(&tag, &ok)) {
    return Outcome::kOpen;
  }
  if (tag == Tag(operation)) {
    return ok ? Outcome::kDone : Outcome::kFailed;
  }
  Post(static_cast<Operation*>(tag), ok);
  return Outcome::kOpen;
}

void RpcQueue::Post(Operation* operation, bool ok) {
  {
    MutexLock lock(&posted_mutex_);
    posted_.push_back({operation, ok});
    if (posted_.size() > 1) {
      return;
    }
  }
  Wake(queue_.get(), &post_alarm_, Tag(&post_));
}

void RpcQueue::OnPosted(bool) {
  std::vector<Posted> posted;
  {
    MutexLock lock(&posted_mutex_);
    posted.swap(posted_);
  }
  for (const Posted& one : posted) {
    one.operation->OnEnded(one.ok);
  }
}

bool RpcQueue::IsCurrent() const { return current_queue == this; }

void RpcQueue::Start(const char* name, int niceness) {
  thread_ = std::thread([this, name, niceness] {
    NameThisThread(name);
    if (niceness != 0) {
      LowerThisThread(niceness);
    }
    Run();
  });
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
    if (stop_requested_ && !shut_down_ && calls_.load(std::memory_order_relaxed) == 0) {
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
