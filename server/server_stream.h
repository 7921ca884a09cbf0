#ifndef DUNLIN_SERVER_SERVER_STREAM_H_
#define DUNLIN_SERVER_SERVER_STREAM_H_

#include <grpcpp/grpcpp.h>
#include <grpcpp/support/async_stream.h>

#include <functional>
#include <memory>

#include "server/call_queue.h"
#include "server/rpc_queue.h"

namespace dunlin {

class ServerStream;

// StreamCall is gRPC's side of one call of a method that answers with a stream: awaited at a CallQueue, then under way
// at one of the queues of streams. It deletes itself once gRPC has told of the end of the call and of its status.
//
// Thread-safety: as ServerStream's.
class StreamCall {
 public:
  using Writer = grpc::ServerAsyncWriter<grpc::ByteBuffer>;

  // Of all calls of a method that come by a queue.
  struct Method {
    CallQueue* queue;
    // Asks gRPC for the next call.
    std::function<void(grpc::ServerContext*, grpc::ByteBuffer*, Writer*, grpc::CompletionQueue* call,
                       grpc::ServerCompletionQueue* arrivals, void* tag)>
        await;
    // Makes a ServerStream of `call`, on the thread of its queue.
    std::function<void(const grpc::ByteBuffer& request, StreamCall* call)> open;
  };

  // Awaits the next call of `method`. On the thread of the queue at which it arrives, or before that runs.
  static void Await(const std::shared_ptr<const Method>& method);

  grpc::ServerContext* context() { return &context_; }

 private:
  friend class ServerStream;

  using Notice = RpcQueue::Notice<StreamCall>;

  explicit StreamCall(std::shared_ptr<const Method> method)
      : method_(std::move(method)), queue_(method_->queue->streams()->Next()) {}
  ~StreamCall() = default;

  // On the thread of the queue at which it has arrived; all else on that of its own.
  void OnAccepted(bool ok);
  void OnOpened(bool);
  void OnWritten(bool ok);
  void OnEnded(bool ok);
  void OnFinished(bool ok);
  void ReleaseOfGrpc();

  const std::shared_ptr<const Method> method_;
  // Where it goes on once it has arrived.
  RpcQueue* const queue_;
  grpc::ServerContext context_;
  grpc::ByteBuffer request_;
  Writer writer_{&context_};
  // Set when it is opened.
  ServerStream* stream_ = nullptr;
  // It has been cancelled, which may be told before it is opened.
  bool cancelled_ = false;

  Notice accepted_{this, &StreamCall::OnAccepted};
  Notice opened_{this, &StreamCall::OnOpened};
  Notice written_{this, &StreamCall::OnWritten};
  Notice ended_{this, &StreamCall::OnEnded};
  Notice finished_{this, &StreamCall::OnFinished};
  // Of ended_ and finished_, what gRPC has yet to tell.
  int awaited_ = 2;
};

// ServerStream is our side: who has messages to say. It is told what becomes of them on the thread of its call's
// queue, and must not block there.
//
// Thread-safety: StartWrite() and Finish() may come from any thread, one after the other.
class ServerStream {
 public:
  ServerStream(const ServerStream&) = delete;
  ServerStream& operator=(const ServerStream&) = delete;

  // Says `message`. Returns what has become of it; OnWriteDone() follows if that is open.
  // REQUIRES: nothing is being said, and Finish() has not been called.
  RpcQueue::Outcome StartWrite(const grpc::ByteBuffer& message);

  // Ends the stream; OnDone() follows. REQUIRES: as StartWrite(). Has to be called for each stream, once.
  void Finish(const grpc::Status& status);

  // gRPC has taken the message, or will take no more, if not `ok`.
  virtual void OnWriteDone(bool ok) = 0;
  // The caller has gone, or the server is shut down: time to call Finish(). May come after that, too.
  virtual void OnCancel() = 0;
  // The last call: nothing of `call` may be used any more.
  virtual void OnDone() = 0;

 protected:
  explicit ServerStream(StreamCall* call) : call_(call) { call->stream_ = this; }
  virtual ~ServerStream() = default;

  StreamCall* call() const { return call_; }

 private:
  StreamCall* const call_;
};

// Begins to take the calls of a method that come by `queue`; `await` is made by DUNLIN_RPC_METHOD (unary_method.h).
void ServeStream(CallQueue* queue, decltype(StreamCall::Method::await) await, decltype(StreamCall::Method::open) open);

}  // namespace dunlin

#endif  // DUNLIN_SERVER_SERVER_STREAM_H_
