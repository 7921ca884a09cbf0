#include "tests/benchmarks/watch_load.h"

#include <grpcpp/grpcpp.h>

#include <cstdlib>
#include <iostream>
#include <utility>

#include "absl/time/clock.h"

namespace dunlin {
namespace {

// Below what a server allows by default.
constexpr size_t kStreamsOfAConnection = 500;

}  // namespace

class WatchLoad::Stream final : public grpc::ClientReadReactor<v1::WatchResponse> {
 public:
  Stream(WatchLoad* load, v1::KVService::Stub* stub, std::string key) : load_(load) {
    request_.set_key(std::move(key));
    stub->async()->Watch(&context_, &request_, this);
    StartRead(&message_);
    StartCall();
  }

  void Cancel() { context_.TryCancel(); }

  void OnReadDone(bool ok) override {
    if (ok) {
      load_->Note(message_);
      StartRead(&message_);
    }
  }

  void OnDone(const grpc::Status&) override { load_->NoteEnd(); }

 private:
  WatchLoad* const load_;
  grpc::ClientContext context_;
  v1::WatchRequest request_;
  v1::WatchResponse message_;
};

WatchLoad::WatchLoad(const std::string& address, size_t streams, const std::function<std::string(size_t)>& key_of) {
  for (size_t i = 0; i < streams; ++i) {
    if (i % kStreamsOfAConnection == 0) {
      grpc::ChannelArguments arguments;
      // Else all channels share one connection.
      arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
      stubs_.push_back(
          v1::KVService::NewStub(grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments)));
    }
    streams_.push_back(std::make_unique<Stream>(this, stubs_.back().get(), key_of(i)));
  }
  MutexLock lock(&mutex_);
  while (synced_ < streams) {
    changed_.Wait(&mutex_);
  }
}

WatchLoad::~WatchLoad() {
  {
    MutexLock lock(&mutex_);
    cancelled_ = true;
  }
  for (const std::unique_ptr<Stream>& stream : streams_) {
    stream->Cancel();
  }
  MutexLock lock(&mutex_);
  while (ended_ < streams_.size()) {
    changed_.Wait(&mutex_);
  }
}

bool WatchLoad::AwaitEvents(uint64_t events, absl::Duration patience) {
  const absl::Time give_up = absl::Now() + patience;
  MutexLock lock(&mutex_);
  while (events_ < events && absl::Now() < give_up) {
    changed_.WaitWithTimeout(&mutex_, give_up - absl::Now());
  }
  return events_ >= events;
}

void WatchLoad::Note(const v1::WatchResponse& message) {
  MutexLock lock(&mutex_);
  synced_ += message.marker() == v1::MARKER_SYNCED ? 1 : 0;
  events_ += static_cast<uint64_t>(message.events_size());
  changed_.Signal();
}

void WatchLoad::NoteEnd() {
  MutexLock lock(&mutex_);
  if (!cancelled_) {
    std::cerr << "a stream has ended" << std::endl;
    std::abort();
  }
  ++ended_;
  changed_.Signal();
}

}  // namespace dunlin
