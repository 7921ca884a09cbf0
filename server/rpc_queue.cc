#include "server/rpc_queue.h"

#include <chrono>

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
    alarm_.Set(queue_.get(), std::chrono::system_clock::now(), Tag(&stop_request_));
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
