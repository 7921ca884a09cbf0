#ifndef DUNLIN_SERVER_UNARY_METHOD_H_
#define DUNLIN_SERVER_UNARY_METHOD_H_

#include <google/protobuf/message.h>
#include <grpcpp/grpcpp.h>

#include <atomic>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/request_parser.h"

// How a service of ours implements a unary method of gRPC's raw callback API (why raw:
// docs/decisions/0010-callback-api-with-raw-bytes.md):
//
//   class KVServiceImpl : public v1::KVService::WithRawCallbackMethod_Get<v1::KVService::Service> {
//     grpc::ServerUnaryReactor* Get(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
//                                   grpc::ByteBuffer* response) override {
//       return HandleUnary<v1::GetRequest, v1::GetResponse>(
//           context, *request, response, [this](v1::GetRequest&& get, Responder<v1::GetResponse> responder) {
//             responder.Finish(Read(get));
//           });
//     }
//   };
namespace dunlin {

namespace internal {

// UnaryCall is one call under way. The first of its answer and its cancellation completes it; what comes later has no
// effect. Owned by gRPC and the Responder together: whichever lets go last deletes it.
//
// Thread-safety: safe for concurrent use.
class UnaryCall final : public grpc::ServerUnaryReactor {
 public:
  UnaryCall(const grpc::CallbackServerContext& context, grpc::ByteBuffer* response);

  void Complete(const absl::Status& status);
  void Complete(const google::protobuf::Message& reply);
  void Complete(const grpc::ByteBuffer& encoded_reply);

  bool cancelled() const { return cancelled_.load(std::memory_order_relaxed); }
  absl::Time deadline() const { return deadline_; }

  // Lets go of one of the two shares.
  void Release();

 private:
  ~UnaryCall() override = default;

  // Returns true to exactly one caller: the one that may touch response_ and must finish the reactor.
  bool Claim() { return !claimed_.exchange(true, std::memory_order_relaxed); }

  void OnCancel() override;
  void OnDone() override { Release(); }

  // Gone once the call is completed: only the claimant may use it, before it finishes the reactor.
  grpc::ByteBuffer* const response_;
  const absl::Time deadline_;

  // Relaxed: what the claimant writes is published by gRPC, and nobody else reads it.
  std::atomic<bool> claimed_{false};
  // Relaxed: a hint that publishes nothing.
  std::atomic<bool> cancelled_{false};
  // Release on the way down, acquire for the last one, so that the deletion comes after everybody's last use.
  std::atomic<int> shares_{2};
};

}  // namespace internal

// Responder answers one call. It moves with the work, to any thread, and is used once.
//
// A call whose Responder is destroyed unused is answered INTERNAL: a bug of ours must not leave a caller waiting.
//
// A cancelled call (the caller gave up, its deadline passed, the server shuts down) is completed at once, whatever its
// handler is waiting for; the answer that the handler gives later is thrown away. So no handler can hold up a shutdown.
//
// Thread-safety: cancelled() and deadline() are safe for concurrent use; otherwise one thread at a time.
template <typename Response>
class Responder {
 public:
  // Takes over one of the call's shares.
  explicit Responder(internal::UnaryCall* call) : call_(call) {}

  Responder(Responder&&) noexcept = default;
  Responder& operator=(Responder&&) noexcept = default;

  // Answers with a message.
  // REQUIRES: this Responder has neither been used nor moved from; the same for the calls below.
  void Finish(const Response& response) { Use()->Complete(response); }

  // Answers with an error.
  // REQUIRES: !error.ok()
  void Finish(const absl::Status& error) { Use()->Complete(error); }

  void Finish(const absl::StatusOr<Response>& result) {
    if (result.ok()) {
      Finish(*result);
    } else {
      Finish(result.status());
    }
  }

  // Answers with the encoding of a Response made elsewhere; the bytes are shared, not copied.
  void FinishEncoded(const grpc::ByteBuffer& response) { Use()->Complete(response); }

  // Whether nobody waits for the answer any more: a reason to stop working on it, if that is easy.
  bool cancelled() const { return call_->cancelled(); }

  // When the caller stops waiting; InfiniteFuture when it never does.
  absl::Time deadline() const { return call_->deadline(); }

 private:
  struct Releaser {
    void operator()(internal::UnaryCall* call) const {
      call->Complete(absl::InternalError("the request was dropped without an answer; this is a bug of the server"));
      call->Release();
    }
  };
  using Share = std::unique_ptr<internal::UnaryCall, Releaser>;

  // Once completed, the Releaser's answer has no effect.
  Share Use() { return std::move(call_); }

  Share call_;
};

// Parses `request` and hands it to `handler`, which is called once, before this returns, as
// `handler(Request&&, Responder<Response>)`. It may keep both and answer later from any thread, but must not block:
// it runs on one of gRPC's few threads. A request that does not parse is answered INVALID_ARGUMENT without the handler.
//
// Returns the reactor to return to gRPC.
template <typename Request, typename Response, typename Handler>
grpc::ServerUnaryReactor* HandleUnary(grpc::CallbackServerContext* context, const grpc::ByteBuffer& request,
                                      grpc::ByteBuffer* response, Handler&& handler) {
  auto* call = new internal::UnaryCall(*context, response);
  Responder<Response> responder(call);
  Request message;
  if (absl::Status status = ParseRequest(request, &message); !status.ok()) {
    responder.Finish(status);
  } else {
    std::forward<Handler>(handler)(std::move(message), std::move(responder));
  }
  return call;
}

}  // namespace dunlin

#endif  // DUNLIN_SERVER_UNARY_METHOD_H_
