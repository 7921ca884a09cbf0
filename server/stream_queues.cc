#include "server/stream_queues.h"

#include <grpc/grpc.h>
#include <grpcpp/grpcpp.h>

namespace dunlin {
namespace {

// A queue whose thread leaves it to others to wait for connections. grpc::CompletionQueue makes none by itself.
std::unique_ptr<grpc::CompletionQueue> NewQueueWithoutConnections() {
  const grpc_completion_queue_attributes attributes{GRPC_CQ_CURRENT_VERSION, GRPC_CQ_NEXT, GRPC_CQ_NON_POLLING,
                                                    /*cq_shutdown_cb=*/nullptr};
  // Whoever makes a queue may be the first in the process who needs gRPC; from then on the queue sees to that itself.
  grpc_init();
  auto queue = std::make_unique<grpc::CompletionQueue>(grpc_completion_queue_create(
      grpc_completion_queue_factory_lookup(&attributes), &attributes, /*reserved=*/nullptr));
  grpc_shutdown();
  return queue;
}

}  // namespace

StreamQueues::StreamQueues() {
  for (std::unique_ptr<RpcQueue>& queue : queues_) {
    queue = std::make_unique<RpcQueue>(NewQueueWithoutConnections());
  }
}

void StreamQueues::Start() {
  for (const std::unique_ptr<RpcQueue>& queue : queues_) {
    queue->Start("streams", kWatchThreadNiceness);
  }
}

void StreamQueues::Stop() {
  for (const std::unique_ptr<RpcQueue>& queue : queues_) {
    queue->Stop();
  }
}

}  // namespace dunlin
