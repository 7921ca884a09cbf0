#ifndef DUNLIN_SERVER_UNARY_METHOD_H_
#define DUNLIN_SERVER_UNARY_METHOD_H_

#include <google/protobuf/message.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/support/async_unary_call.h>

#include <atomic>
#include <cstddef>
#include <functional>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "server/call_queue.h"
#include "server/limits.h"
#include "server/request_parser.h"

// How a service of ours implements a unary method, by gRPC's completion queues with raw bytes (why raw:
// docs/decisions/0010-requests-are-parsed-by-us.md; why queues: 0024-one-thread-waits-for-calls.md there):
//
//   class KVServiceImpl final : public RpcService {
//     void Serve(CallQueue* queue) override {
//       ServeUnary<v1::GetRequest, v1::GetResponse>(
//           queue, DUNLIN_RPC_METHOD(&service_, Get),
//           [this](v1::GetRequest&& get, Responder<v1::GetResponse> responder) { responder.Finish(Read(get)); });
//     }
//
//     v1::KVService::WithRawMethod_Get<v1::KVService::Service> service_;
//   };
namespace dunlin {

namespace internal {

using UnaryWriter = grpc::ServerAsyncResponseWriter<grpc::ByteBuffer>;

// Asks gRPC for the next call of a method.
using AwaitUnary = std::function<void(grpc::ServerContext*, grpc::ByteBuffer*, UnaryWriter*,
                                      grpc::CompletionQueue* call, grpc::ServerCompletionQueue* arrivals, void* tag)>;

// UnaryCall is one call: awaited, then under way. The first of its answer and its cancellation completes it; what comes
// later has no effect. Owned by gRPC, until it has told of the end and of the answer, and the Responder together:
// whoever lets go last deletes it.
//
// Thread-safety: safe for concurrent use, once it is under way.
class UnaryCall {
 public:
  // Of all calls of a method that come by a queue.
  struct Method {
    CallQueue* queue;
    AwaitUnary await;
    // How many calls are under way. Relaxed: a hint that publishes nothing.
    mutable std::atomic<size_t> unanswered{0};
    // Handles a call, of which it takes over the Responder's share.
    std::function<void(const grpc::ByteBuffer& request, UnaryCall* call)> handle;
  };

  // Awaits the next call of `method`. On the queue's thread, or before that runs.
  static void Await(const std::shared_ptr<const Method>& method);

  void Complete(const absl::Status& status);
  void Complete(const google::protobuf::Message& reply);
  void Complete(const grpc::ByteBuffer& encoded_reply);

  bool cancelled() const { return cancelled_.load(std::memory_order_relaxed); }
  absl::Time deadline() const { return deadline_; }

  // Lets go of a share.
  void Release();

 private:
  using Notice = RpcQueue::Notice<UnaryCall>;

  explicit UnaryCall(std::shared_ptr<const Method> method) : method_(std::move(method)) {}
  ~UnaryCall() = default;

  // Answers, here or on the queue's thread. REQUIRES: Claim() has returned true.
  void Answer(const grpc::Status& status, const grpc::ByteBuffer& reply);
  void Send(const grpc::Status& status, const grpc::ByteBuffer& reply);

  // Returns true to exactly one caller: the one that must answer.
  bool Claim() { return !claimed_.exchange(true, std::memory_order_relaxed); }

  // What gRPC tells: that there is a call, or will be none any more; that it has ended, with its answer or without;
  // that the answer has been taken.
  void OnAccepted(bool ok);
  void OnEnded(bool ok);
  void OnSendPosted(bool) { Send(posted_->status, posted_->reply); }
  void OnAnswered(bool ok);
  void ReleaseOfGrpc();

  // What belongs to gRPC.
  struct Rpc {
    grpc::ServerContext context;
    grpc::ByteBuffer request;
    UnaryWriter writer{&context};
  };

  const std::shared_ptr<const Method> method_;
  // Until gRPC lets go: a Responder may outlive the server.
  absl::optional<Rpc> rpc_{absl::in_place};
  absl::Time deadline_;
  // The answer, if it has been posted to the queue's thread.
  struct Posted {
    grpc::Status status;
    grpc::ByteBuffer reply;
  };
  std::unique_ptr<const Posted> posted_;

  Notice accepted_{this, &UnaryCall::OnAccepted};
  Notice ended_{this, &UnaryCall::OnEnded};
  Notice send_{this, &UnaryCall::OnSendPosted};
  Notice answered_{this, &UnaryCall::OnAnswered};
  // Of ended_ and answered_, what gRPC has yet to tell. Used by the queue's thread.
  int awaited_ = 2;

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

  void Finish(const absl::StatusOr<grpc::ByteBuffer>& encoded) {
    if (encoded.ok()) {
      FinishEncoded(*encoded);
    } else {
      Finish(encoded.status());
    }
  }

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

// Begins to take the calls of a method that come by `queue`. Each request is parsed and handed to `handler`, on the
// queue's thread, as `handler(Request&&, Responder<Response>)`. It may keep the Responder, and what it moves out of the
// request, and answer later from any thread, but must not block: nobody else is answered meanwhile. A request that does
// not parse is answered INVALID_ARGUMENT without the handler. As many calls are awaited beforehand as `awaited` says;
// those that come faster wait in gRPC.
//
// Requests take turns in one object, which keeps the memory of its strings from one to the next.
template <typename Request, typename Response, typename Handler>
void ServeUnary(CallQueue* queue, internal::AwaitUnary await, Handler handler, size_t awaited = kCallsAwaited) {
  auto method = std::make_shared<internal::UnaryCall::Method>();
  method->queue = queue;
  method->await = std::move(await);
  method->handle = [handler = std::move(handler), message = Request()](const grpc::ByteBuffer& request,
                                                                       internal::UnaryCall* call) mutable {
    Responder<Response> responder(call);
    if (absl::Status status = ParseRequest(request, &message); !status.ok()) {
      responder.Finish(status);
    } else {
      handler(std::move(message), std::move(responder));
    }
    if (request.Length() > kRequestKeptMaxBytes) {
      message = Request();
    }
  };
  for (size_t i = 0; i < awaited; ++i) {
    internal::UnaryCall::Await(method);
  }
}

// How gRPC is asked for the next call of `method` of `service`, a pointer to a service that has it as a raw method:
// `tag` is told at `arrivals`, and what becomes of the call after that at `call`.
#define DUNLIN_RPC_METHOD(service, method)                                                                    \
  [grpc_service = (service)](grpc::ServerContext* context, grpc::ByteBuffer* request, auto* writer,           \
                             grpc::CompletionQueue* call, grpc::ServerCompletionQueue* arrivals, void* tag) { \
    grpc_service->Request##method(context, request, writer, call, arrivals, tag);                             \
  }

}  // namespace dunlin

#endif  // DUNLIN_SERVER_UNARY_METHOD_H_
