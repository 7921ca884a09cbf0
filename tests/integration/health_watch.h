#ifndef DUNLIN_TESTS_INTEGRATION_HEALTH_WATCH_H_
#define DUNLIN_TESTS_INTEGRATION_HEALTH_WATCH_H_

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "storage/mutex.h"

namespace dunlin {

// HealthWatch follows what a server says of itself by grpc.health.v1.Health/Watch, as a load balancer does.
//
// Thread-safety: safe for concurrent use.
class HealthWatch {
 public:
  enum class Health { kUnknown = 0, kServing = 1, kNotServing = 2 };

  explicit HealthWatch(const std::string& address);
  // Cancels the stream.
  ~HealthWatch();
  HealthWatch(const HealthWatch&) = delete;
  HealthWatch& operator=(const HealthWatch&) = delete;

  // Whether it has said so, or says so within the patience.
  bool Saw(Health health) const;

 private:
  void Run();

  grpc::ClientContext context_;
  grpc::CompletionQueue queue_;
  std::unique_ptr<grpc::GenericStub> stub_;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> stream_;

  mutable Mutex mutex_;
  std::vector<Health> seen_ ABSL_GUARDED_BY(mutex_);

  std::thread thread_;
};

}  // namespace dunlin

#endif  // DUNLIN_TESTS_INTEGRATION_HEALTH_WATCH_H_
