// The least that a gRPC server can do to tell streams of a key's changes: it stores nothing, and each Put is written to
// every stream that watches its key or everything: encoded once, and as one message with others that wait for a busy
// stream. What watching a replica is measured beside.
//
//   stream_server PORT_FILE

#include <grpcpp/grpcpp.h>
#include <grpcpp/support/proto_buffer_reader.h>

#include <algorithm>
#include <fstream>
#include <iostream>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "dunlin/v1/kv.grpc.pb.h"
#include "storage/mutex.h"

namespace dunlin::bench {
namespace {

// What is no key.
constexpr char kEverything[] = "";

// What is merged into one message, at most.
constexpr size_t kMergedMax = 256;

class BareService;

// One stream. gRPC owns it, and lets go of it in OnDone().
class BareStream final : public grpc::ServerWriteReactor<grpc::ByteBuffer> {
 public:
  BareStream(BareService* service, std::string key) : service_(service), key_(std::move(key)) {}

  // `event` is an encoded message; several of them, one after the other, are one message again.
  void Push(const grpc::Slice& event) ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(&mutex_);
    if (finished_) {
      return;
    }
    waiting_.push_back(event);
    if (!writing_) {
      Write();
    }
  }

  void OnWriteDone(bool ok) override {
    MutexLock lock(&mutex_);
    writing_ = false;
    if (ok && !finished_ && !waiting_.empty()) {
      Write();
    }
  }

  void OnCancel() override {
    MutexLock lock(&mutex_);
    if (!finished_) {
      finished_ = true;
      Finish(grpc::Status::CANCELLED);
    }
  }

  void OnDone() override;

  const std::string& key() const { return key_; }

 private:
  void Write() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    const size_t count = std::min(waiting_.size(), kMergedMax);
    message_ = grpc::ByteBuffer(waiting_.data(), count);
    waiting_.erase(waiting_.begin(), waiting_.begin() + static_cast<ptrdiff_t>(count));
    writing_ = true;
    StartWrite(&message_);
  }

  BareService* const service_;
  const std::string key_;
  Mutex mutex_;
  std::vector<grpc::Slice> waiting_ ABSL_GUARDED_BY(mutex_);
  grpc::ByteBuffer message_ ABSL_GUARDED_BY(mutex_);
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
};

grpc::Slice Encode(const v1::WatchResponse& message) { return grpc::Slice(message.SerializeAsString()); }

using RawService =
    v1::KVService::WithRawCallbackMethod_Watch<v1::KVService::WithCallbackMethod_Put<v1::KVService::Service>>;

class BareService final : public RawService {
 public:
  grpc::ServerWriteReactor<grpc::ByteBuffer>* Watch(grpc::CallbackServerContext*,
                                                    const grpc::ByteBuffer* request) override {
    grpc::ByteBuffer bytes = *request;
    grpc::ProtoBufferReader reader(&bytes);
    v1::WatchRequest watch;
    watch.ParseFromZeroCopyStream(&reader);
    // Who watches a prefix is told of everything: whoever measures uses one prefix for all.
    auto* stream = new BareStream(this, watch.has_prefix() ? kEverything : watch.key());
    v1::WatchResponse synced;
    synced.set_marker(v1::MARKER_SYNCED);
    MutexLock lock(&mutex_);
    streams_[stream->key()].insert(stream);
    stream->Push(Encode(synced));
    return stream;
  }

  grpc::ServerUnaryReactor* Put(grpc::CallbackServerContext* context, const v1::PutRequest* request,
                                v1::PutResponse*) override {
    v1::WatchResponse message;
    v1::Event* event = message.add_events();
    event->set_type(v1::Event::TYPE_PUT);
    event->mutable_entry()->set_key(request->key());
    event->mutable_entry()->set_value(request->value());
    const grpc::Slice encoded = Encode(message);
    {
      MutexLock lock(&mutex_);
      for (const std::string& watched : {request->key(), std::string(kEverything)}) {
        const auto found = streams_.find(watched);
        if (found != streams_.end()) {
          for (BareStream* stream : found->second) {
            stream->Push(encoded);
          }
        }
      }
    }
    grpc::ServerUnaryReactor* const reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }

  void Remove(BareStream* stream) {
    MutexLock lock(&mutex_);
    streams_[stream->key()].erase(stream);
  }

 private:
  Mutex mutex_;
  absl::flat_hash_map<std::string, std::set<BareStream*>> streams_ ABSL_GUARDED_BY(mutex_);
};

void BareStream::OnDone() {
  service_->Remove(this);
  delete this;
}

int Serve(const std::string& port_file) {
  BareService service;
  int port = 0;
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&service);
  const std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr) {
    std::cerr << "cannot listen" << std::endl;
    return 1;
  }
  std::ofstream(port_file) << port << std::endl;
  server->Wait();
  return 0;
}

}  // namespace
}  // namespace dunlin::bench

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: stream_server PORT_FILE" << std::endl;
    return 2;
  }
  return dunlin::bench::Serve(argv[1]);
}
