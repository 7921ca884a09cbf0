#ifndef DUNLIN_TESTS_SERVER_RAW_CALL_H_
#define DUNLIN_TESTS_SERVER_RAW_CALL_H_

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>

namespace dunlin {

// What came back from a call.
struct RawAnswer {
  grpc::Status status;
  std::string bytes;
};

// Calls `method` ("/package.Service/Method") with a request made of `bytes`, whatever they are, and waits for the
// answer. It also serves streaming methods: one request, the first response.
RawAnswer RawCall(const std::shared_ptr<grpc::Channel>& channel, const std::string& method, const std::string& bytes);

// The encoding of a message with one text or bytes field: for services whose definitions are not at hand.
std::string OneField(int number, const std::string& content);

}  // namespace dunlin

#endif  // DUNLIN_TESTS_SERVER_RAW_CALL_H_
