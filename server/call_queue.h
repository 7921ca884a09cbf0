#ifndef DUNLIN_SERVER_CALL_QUEUE_H_
#define DUNLIN_SERVER_CALL_QUEUE_H_

#include <grpcpp/grpcpp.h>

#include <memory>
#include <utility>

#include "server/rpc_queue.h"
#include "server/stream_queues.h"

namespace dunlin {

// CallQueue is one of the queues at which a server's calls arrive. Its thread waits for connections, and who finds a
// request there answers it, so that a call costs no change of threads
// (docs/decisions/0024-one-thread-waits-for-calls.md). What becomes of a stream, once it has arrived, is told at
// another queue (0028-streams-have-queues-of-their-own.md there).
//
// Thread-safety: as RpcQueue's.
class CallQueue final : public RpcQueue {
 public:
  // Takes a queue of a server that is yet to be started. `streams` must outlive this object.
  CallQueue(std::unique_ptr<grpc::ServerCompletionQueue> queue, StreamQueues* streams)
      : RpcQueue(std::move(queue)), streams_(streams) {}

  // For calls that are to arrive.
  grpc::ServerCompletionQueue* arrivals() { return static_cast<grpc::ServerCompletionQueue*>(get()); }

  StreamQueues* streams() { return streams_; }

 private:
  StreamQueues* const streams_;
};

}  // namespace dunlin

#endif  // DUNLIN_SERVER_CALL_QUEUE_H_
