#ifndef DUNLIN_SERVER_HEALTH_SERVICE_H_
#define DUNLIN_SERVER_HEALTH_SERVICE_H_

#include <grpcpp/grpcpp.h>

#include <map>
#include <memory>
#include <set>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/types/optional.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "server/rpc_service.h"
#include "server/server_stream.h"
#include "storage/mutex.h"

namespace dunlin {

// HealthService answers gRPC's health checks (https://github.com/grpc/grpc/blob/master/doc/health-checking.md). gRPC
// has a service of its own for that, whose interface would bring threads that wait for calls beside ours.
//
// Thread-safety: safe for concurrent use.
class HealthService final : public RpcService {
 public:
  HealthService() = default;

  // From now on tells of `service`, "" for the server as a whole, that it takes calls or does not.
  void SetServing(const std::string& service, bool serving) ABSL_LOCKS_EXCLUDED(mutex_);

  // Ends all streams, and those opened later too.
  void Shutdown() ABSL_LOCKS_EXCLUDED(mutex_);

  std::string name() const override { return grpc::health::v1::Health::service_full_name(); }
  grpc::Service* service() override { return &service_; }
  void Serve(CallQueue* queue) override;

 private:
  class Stream;
  using Status = grpc::health::v1::HealthCheckResponse::ServingStatus;

  // Nothing for a service that it has never been told of.
  absl::optional<Status> StatusOf(const std::string& service) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Open(const grpc::ByteBuffer& request, StreamCall* call) ABSL_LOCKS_EXCLUDED(mutex_);
  // Says what is to be said next, if gRPC can take it.
  void Pump(Stream* stream) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // gRPC has taken what was said last, or will take no more, if not `ok`.
  void OnWritten(Stream* stream, bool ok) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // What streams are told.
  void OnWriteDone(Stream* stream, bool ok) ABSL_LOCKS_EXCLUDED(mutex_);
  void OnCancel(Stream* stream) ABSL_LOCKS_EXCLUDED(mutex_);
  void Forget(Stream* stream) ABSL_LOCKS_EXCLUDED(mutex_);

  grpc::health::v1::Health::WithRawMethod_Check<
      grpc::health::v1::Health::WithRawMethod_Watch<grpc::health::v1::Health::Service>>
      service_;

  Mutex mutex_;
  std::map<std::string, Status> statuses_ ABSL_GUARDED_BY(mutex_);
  std::set<Stream*> streams_ ABSL_GUARDED_BY(mutex_);
  bool shut_down_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace dunlin

#endif  // DUNLIN_SERVER_HEALTH_SERVICE_H_
