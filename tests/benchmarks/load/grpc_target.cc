#include "tests/benchmarks/load/grpc_target.h"

#include <cstdlib>
#include <iostream>
#include <utility>

namespace dunlin::bench {

std::shared_ptr<grpc::Channel> NewConnection(const std::string& address, size_t number) {
  grpc::ChannelArguments arguments;
  // Channels with the same arguments share connections.
  arguments.SetInt("dunlin.connection", static_cast<int>(number));
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
}

grpc::ByteBuffer Encode(const google::protobuf::MessageLite& message) {
  const grpc::Slice slice(message.SerializeAsString());
  return grpc::ByteBuffer(&slice, 1);
}

grpc::ByteBuffer CallOnce(const std::string& address, const std::string& method, const grpc::ByteBuffer& request) {
  grpc::GenericStub stub(NewConnection(address, 0));
  grpc::CompletionQueue queue;
  grpc::ClientContext context;
  context.set_wait_for_ready(true);
  grpc::ByteBuffer reply;
  grpc::Status status;
  const auto reader = stub.PrepareUnaryCall(&context, method, request, &queue);
  reader->StartCall();
  reader->Finish(&reply, &status, nullptr);
  void* tag = nullptr;
  bool ok = false;
  if (!queue.Next(&tag, &ok) || !ok || !status.ok()) {
    std::cerr << "bench: " << method << " of " << address << ": " << status.error_message() << std::endl;
    std::abort();
  }
  return reply;
}

GrpcTarget::GrpcTarget(Options options) : options_(std::move(options)), calls_(options_.slots) {
  for (size_t i = 0; i < options_.connections; ++i) {
    stubs_.push_back(std::make_unique<grpc::GenericStub>(NewConnection(options_.address, i)));
  }
}

GrpcTarget::~GrpcTarget() {
  queue_.Shutdown();
  void* tag = nullptr;
  bool ok = false;
  while (queue_.Next(&tag, &ok)) {
  }
}

void GrpcTarget::Start(size_t slot) {
  Call& call = calls_[slot];
  call.context.emplace();
  call.reply.Clear();
  call.reader =
      stubs_[slot % stubs_.size()]->PrepareUnaryCall(&*call.context, options_.method, options_.next_request(), &queue_);
  call.reader->StartCall();
  call.reader->Finish(&call.reply, &call.status, &call);
}

std::optional<LoadTarget::Ended> GrpcTarget::Next(absl::Time deadline) {
  void* tag = nullptr;
  bool ok = false;
  if (queue_.AsyncNext(&tag, &ok, absl::ToChronoTime(deadline)) != grpc::CompletionQueue::GOT_EVENT) {
    return std::nullopt;
  }
  const Call* const call = static_cast<const Call*>(tag);
  return Ended{static_cast<size_t>(call - calls_.data()), ok && call->status.ok()};
}

}  // namespace dunlin::bench
