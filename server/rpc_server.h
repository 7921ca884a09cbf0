#ifndef DUNLIN_SERVER_RPC_SERVER_H_
#define DUNLIN_SERVER_RPC_SERVER_H_

#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/acceptor.h"
#include "server/call_queue.h"
#include "server/health_service.h"
#include "server/limits.h"
#include "server/listen_address.h"
#include "server/rpc_service.h"
#include "storage/limits.h"
#include "storage/logger.h"
#include "storage/mutex.h"

namespace dunlin {

struct RpcServerOptions {
  // Where to listen, in the form of ParseListenAddress().
  std::string listen;
  size_t request_size_max_bytes = kRequestSizeMaxBytes;
  // Connections beyond it are closed at once.
  size_t connections_max = kConnectionsMaxHard;
  uint32_t connection_streams_max = kConnectionStreamsMaxDefault;
  size_t metadata_size_max_bytes = kMetadataSizeMaxBytesDefault;
  // Threads that wait for calls and answer them, each at a queue of its own.
  size_t rpc_threads = 1;
};

// RpcServer is the gRPC front of a replica: our services, and beside them health (grpc.health.v1), server reflection
// and channelz. It starts as NOT_SERVING, before the first connection is accepted: a load balancer never sees an
// unready replica as ready. Calls are handed to the services nevertheless; what to answer while unready is up to them.
//
// Calls come by queues with a thread each (CallQueue); the services must not block there.
//
// It finds dead peers by pinging idle connections, and lets clients ping it every 10 s or more.
//
// What it does not promise: that a call which its service never finishes is ended. Calls served with ServeUnary() end
// by themselves when they are cancelled; whoever owns streams finishes them in a hook (see AtShutdown()).
//
// Thread-safety: safe for concurrent use.
class RpcServer {
 public:
  // Binds, starts to serve and to accept connections.
  // Errors: those of ParseListenAddress() and ListeningSockets::Open(); kInternal when gRPC refuses to start.
  // REQUIRES: the services and `logger` outlive the server.
  static absl::StatusOr<std::unique_ptr<RpcServer>> Start(const RpcServerOptions& options,
                                                          const std::vector<RpcService*>& services, Logger* logger);

  // Shuts down without mercy for calls under way.
  ~RpcServer();

  RpcServer(const RpcServer&) = delete;
  RpcServer& operator=(const RpcServer&) = delete;

  // Where the server listens, with the port that was bound.
  const ListenAddress& address() const { return address_; }

  // Answers health checks, for the server as a whole and for each service, with SERVING or NOT_SERVING. After
  // Shutdown() they stay NOT_SERVING.
  void SetServing(bool serving) ABSL_LOCKS_EXCLUDED(mutex_);

  // Adds what is to be done once no new connections come in, such as finishing streams; hooks run in the order they
  // were added, on the thread that calls Shutdown(). A hook added after that never runs.
  void AtShutdown(std::function<void()> hook) ABSL_LOCKS_EXCLUDED(mutex_);

  // Stops in this order: NOT_SERVING, no new connections, hooks, the end of health streams, no new calls, then waits
  // for the calls under way for kShutdownGrace, but not beyond `deadline`, and cancels what is left. Returns once all
  // have ended. Only the first call does anything; others return at once.
  void Shutdown(absl::Time deadline) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  RpcServer(ListenAddress address, std::vector<std::string> service_names)
      : address_(std::move(address)), service_names_(std::move(service_names)) {}

  absl::Status Build(grpc::ServerBuilder* builder, const RpcServerOptions& options,
                     const std::vector<RpcService*>& services);
  void SetHealth(bool serving) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const ListenAddress address_;
  const std::vector<std::string> service_names_;
  HealthService health_;
  // What is destroyed first comes last: the server before the queues, which its calls end by, and those at which calls
  // arrive before those that streams go on at.
  StreamQueues streams_;
  std::vector<std::unique_ptr<CallQueue>> queues_;
  std::unique_ptr<grpc::Server> server_;
  // Hands connections to server_, and so stops before it.
  std::unique_ptr<Acceptor> acceptor_;

  Mutex mutex_;
  bool shut_down_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::function<void()>> hooks_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace dunlin

#endif  // DUNLIN_SERVER_RPC_SERVER_H_
