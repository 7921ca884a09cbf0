#ifndef DUNLIN_TESTS_BENCHMARKS_LOAD_GRPC_TARGET_H_
#define DUNLIN_TESTS_BENCHMARKS_LOAD_GRPC_TARGET_H_

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "google/protobuf/message_lite.h"
#include "tests/benchmarks/load/load_target.h"

namespace dunlin::bench {

// A channel with a connection of its own, whatever other channels to the same address there are.
std::shared_ptr<grpc::Channel> NewConnection(const std::string& address, size_t number);

// The bytes of `message`, ready to be sent any number of times.
grpc::ByteBuffer Encode(const google::protobuf::MessageLite& message);

// Makes one call and returns its answer. Aborts the program when it fails.
grpc::ByteBuffer CallOnce(const std::string& address, const std::string& method, const grpc::ByteBuffer& request);

// GrpcTarget makes unary calls of one method of a gRPC server, any server's: requests come encoded, and answers are not
// decoded, so that the generator takes as little of the machine as gRPC lets it. Calls are spread over the connections.
class GrpcTarget final : public LoadTarget {
 public:
  struct Options {
    std::string address;
    // "/package.Service/Method".
    std::string method;
    size_t connections = 4;
    size_t slots = 64;
    // The next request.
    std::function<const grpc::ByteBuffer&()> next_request;
  };

  explicit GrpcTarget(Options options);
  // REQUIRES: no call is under way.
  ~GrpcTarget() override;

  size_t slots() const override { return options_.slots; }
  void Start(size_t slot) override;
  std::optional<Ended> Next(absl::Time deadline) override;

 private:
  struct Call {
    std::optional<grpc::ClientContext> context;
    std::unique_ptr<grpc::GenericClientAsyncResponseReader> reader;
    grpc::ByteBuffer reply;
    grpc::Status status;
  };

  const Options options_;
  std::vector<std::unique_ptr<grpc::GenericStub>> stubs_;
  std::vector<Call> calls_;
  grpc::CompletionQueue queue_;
};

}  // namespace dunlin::bench

#endif  // DUNLIN_TESTS_BENCHMARKS_LOAD_GRPC_TARGET_H_
