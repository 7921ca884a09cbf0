#ifndef DUNLIN_SERVER_RPC_SERVICE_H_
#define DUNLIN_SERVER_RPC_SERVICE_H_

#include <grpcpp/grpcpp.h>

#include <string>

#include "server/call_queue.h"

namespace dunlin {

// RpcService is a gRPC service whose calls come by queues.
//
// Thread-safety: one thread calls it, while the server is started.
class RpcService {
 public:
  virtual ~RpcService() = default;

  // Its full name, by which health checks know it.
  virtual std::string name() const = 0;

  // What gRPC is given. Outlives the server.
  virtual grpc::Service* service() = 0;

  // Begins to take the calls that come by `queue`, of which a server may have several.
  virtual void Serve(CallQueue* queue) = 0;
};

}  // namespace dunlin

#endif  // DUNLIN_SERVER_RPC_SERVICE_H_
