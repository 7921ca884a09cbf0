#include "server/rpc_queue.h"

#include <grpc/support/time.h>

namespace dunlin {

void RpcQueue::Start() {
  thread_ = std::thread([this] { Run(); });
}

void RpcQueue::Stop() {
  if (stopped_) {
    return;
  }
  stopped_ = true;
  if (thread_.joinable()) {
    // Of the past, not of the present: that would wait for gRPC's timers, which wait for an instant of the system's
    // clock and are late by as much as that is wrong.
    alarm_.Set(queue_.get(), gpr_inf_past(GPR_CLOCK_REALTIME), Tag(&stop_request_));
    thread_.join();
    return;
  }
  // gRPC wants a queue to be emptied.
  stop_requested_ = true;
  Run();
}

// Nothing may be asked of a queue that is shut down, so that it is only once nobody is left who might.
void RpcQueue::Run() {
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
