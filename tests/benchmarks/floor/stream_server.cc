// The least that a gRPC server can do to tell streams of a key's changes: it stores nothing, and each Put is written to
// every stream that watches its key or everything, as one message each. What watching a replica is measured beside.
//
//   stream_server PORT_FILE

#include <grpcpp/grpcpp.h>

#include <deque>
#include <fstream>
#include <iostream>
#include <memory>
#include <set>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "dunlin/v1/kv.grpc.pb.h"
#include "storage/mutex.h"

namespace dunlin::bench {
namespace {

// What is no key.
constexpr char kEverything[] = "";

using MessagePtr = std::shared_ptr<const v1::WatchResponse>;

class BareService;

// One stream. gRPC owns it, and lets go of it in OnDone().
class BareStream final : public grpc::ServerWriteReactor<v1::WatchResponse> {
 public:
  BareStream(BareService* service, std::string key) : service_(service), key_(std::move(key)) {}

  void Push(MessagePtr message) ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(&mutex_);
    if (finished_) {
      return;
    }
    messages_.push_back(std::move(message));
    if (messages_.size() == 1) {
      StartWrite(messages_.front().get());
    }
  }

  void OnWriteDone(bool ok) override {
    MutexLock lock(&mutex_);
    messages_.pop_front();
    if (ok && !finished_ && !messages_.empty()) {
      StartWrite(messages_.front().get());
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
  BareService* const service_;
  const std::string key_;
  Mutex mutex_;
  std::deque<MessagePtr> messages_ ABSL_GUARDED_BY(mutex_);
  bool finished_ ABSL_GUARDED_BY(mutex_) = false;
};

class BareService final : public v1::KVService::CallbackService {
 public:
  grpc::ServerWriteReactor<v1::WatchResponse>* Watch(grpc::CallbackServerContext*,
                                                     const v1::WatchRequest* request) override {
    // Who watches a prefix is told of everything: whoever measures uses one prefix for all.
    auto* stream = new BareStream(this, request->has_prefix() ? kEverything : request->key());
    auto synced = std::make_shared<v1::WatchResponse>();
    synced->set_marker(v1::MARKER_SYNCED);
    MutexLock lock(&mutex_);
    streams_[stream->key()].insert(stream);
    stream->Push(std::move(synced));
    return stream;
  }

  grpc::ServerUnaryReactor* Put(grpc::CallbackServerContext* context, const v1::PutRequest* request,
                                v1::PutResponse*) override {
    auto message = std::make_shared<v1::WatchResponse>();
    v1::Event* event = message->add_events();
    event->set_type(v1::Event::TYPE_PUT);
    event->mutable_entry()->set_key(request->key());
    event->mutable_entry()->set_value(request->value());
    {
      MutexLock lock(&mutex_);
      for (const std::string& watched : {request->key(), std::string(kEverything)}) {
        const auto found = streams_.find(watched);
        if (found != streams_.end()) {
          for (BareStream* stream : found->second) {
            stream->Push(message);
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
