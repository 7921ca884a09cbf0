// The least that a gRPC server can do to answer a call: it takes Get of KVService, looks at nothing, and answers with
// as many bytes as it was told. What a replica's reads are measured beside.
//
//   echo_server PORT_FILE callback|queue REPLY_BYTES
//
// "callback" is gRPC's callback API, on its own threads; "queue" is one completion queue with one thread. Which is the
// better one differs by load.

#include <grpcpp/grpcpp.h>

#include <fstream>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "dunlin/v1/kv.grpc.pb.h"

namespace dunlin::bench {
namespace {

grpc::ByteBuffer ReplyOf(size_t size) {
  v1::GetResponse response;
  // Whoever parses it gets an entry of about that size.
  response.mutable_entry()->set_value(std::string(size, 'v'));
  std::string bytes = response.SerializeAsString();
  const size_t excess = bytes.size() - size;
  response.mutable_entry()->set_value(std::string(size > excess ? size - excess : 0, 'v'));
  bytes = response.SerializeAsString();
  const grpc::Slice slice(bytes);
  return grpc::ByteBuffer(&slice, 1);
}

void TellPort(const std::string& port_file, int port) { std::ofstream(port_file) << port << std::endl; }

// ---- The callback API ----

class CallbackEcho final : public v1::KVService::WithRawCallbackMethod_Get<v1::KVService::Service> {
 public:
  explicit CallbackEcho(size_t reply_size) : reply_(ReplyOf(reply_size)) {}

  grpc::ServerUnaryReactor* Get(grpc::CallbackServerContext* context, const grpc::ByteBuffer*,
                                grpc::ByteBuffer* response) override {
    *response = reply_;
    grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }

 private:
  const grpc::ByteBuffer reply_;
};

void ServeByCallbacks(const std::string& port_file, size_t reply_size) {
  CallbackEcho service(reply_size);
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&service);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  TellPort(port_file, port);
  server->Wait();
}

// ---- The completion queue ----

using QueueService = v1::KVService::WithRawMethod_Get<v1::KVService::Service>;

// A place for a call, used again and again.
class QueueCall {
 public:
  QueueCall(QueueService* service, grpc::ServerCompletionQueue* queue, const grpc::ByteBuffer* reply)
      : service_(service), queue_(queue), reply_(reply) {
    Await();
  }

  void Proceed() {
    if (answers_) {
      Await();
      return;
    }
    answers_ = true;
    call_->responder.Finish(*reply_, grpc::Status::OK, this);
  }

 private:
  struct Call {
    grpc::ServerContext context;
    grpc::ByteBuffer request;
    grpc::ServerAsyncResponseWriter<grpc::ByteBuffer> responder{&context};
  };

  void Await() {
    answers_ = false;
    call_ = std::make_unique<Call>();
    service_->RequestGet(&call_->context, &call_->request, &call_->responder, queue_, queue_, this);
  }

  QueueService* const service_;
  grpc::ServerCompletionQueue* const queue_;
  const grpc::ByteBuffer* const reply_;
  std::unique_ptr<Call> call_;
  bool answers_ = false;
};

void ServeByQueue(const std::string& port_file, size_t reply_size) {
  // More than come at once.
  constexpr size_t kPlaces = 256;
  const grpc::ByteBuffer reply = ReplyOf(reply_size);
  QueueService service;
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&service);
  const std::unique_ptr<grpc::ServerCompletionQueue> queue = builder.AddCompletionQueue();
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  std::vector<std::unique_ptr<QueueCall>> places;
  for (size_t i = 0; i < kPlaces; ++i) {
    places.push_back(std::make_unique<QueueCall>(&service, queue.get(), &reply));
  }
  TellPort(port_file, port);
  void* tag = nullptr;
  bool ok = false;
  while (queue->Next(&tag, &ok)) {
    static_cast<QueueCall*>(tag)->Proceed();
  }
}

int Main(const std::vector<std::string>& arguments) {
  size_t reply_size = 0;
  if (arguments.size() == 3 && absl::SimpleAtoi(arguments[2], &reply_size)) {
    if (arguments[1] == "callback") {
      ServeByCallbacks(arguments[0], reply_size);
      return 0;
    }
    if (arguments[1] == "queue") {
      ServeByQueue(arguments[0], reply_size);
      return 0;
    }
  }
  std::cerr << "usage: echo_server PORT_FILE callback|queue REPLY_BYTES" << std::endl;
  return 2;
}

}  // namespace
}  // namespace dunlin::bench

int main(int argc, char** argv) { return dunlin::bench::Main({argv + 1, argv + argc}); }
