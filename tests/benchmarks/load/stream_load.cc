#include "tests/benchmarks/load/stream_load.h"

#include <cstdlib>
#include <iostream>
#include <utility>

#include "absl/time/clock.h"
#include "tests/benchmarks/load/grpc_target.h"

namespace dunlin::bench {

class StreamLoad::Stream final : public grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  Stream(StreamLoad* load, grpc::GenericStub* stub, const std::string& method, const grpc::ByteBuffer& request)
      : load_(load), request_(request) {
    stub->PrepareBidiStreamingCall(&context_, method, grpc::StubOptions(), this);
    // Before the call starts, so that it does not end before the first of each.
    StartWrite(&request_);
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

  void OnDone(const grpc::Status& status) override { load_->NoteEnd(status); }

 private:
  StreamLoad* const load_;
  grpc::ClientContext context_;
  grpc::ByteBuffer request_;
  grpc::ByteBuffer message_;
};

StreamLoad::StreamLoad(Options options) : options_(std::move(options)) {
  for (size_t i = 0; i < options_.streams; ++i) {
    if (i % options_.streams_per_connection == 0) {
      stubs_.push_back(std::make_unique<grpc::GenericStub>(NewConnection(options_.address, stubs_.size())));
    }
    streams_.push_back(std::make_unique<Stream>(this, stubs_.back().get(), options_.method, options_.request_of(i)));
  }
  MutexLock lock(&mutex_);
  while (open_ < options_.streams) {
    changed_.Wait(&mutex_);
  }
}

StreamLoad::~StreamLoad() {
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

uint64_t StreamLoad::events() const {
  MutexLock lock(&mutex_);
  return events_;
}

bool StreamLoad::AwaitEvents(uint64_t events, absl::Duration patience) {
  const absl::Time give_up = absl::Now() + patience;
  MutexLock lock(&mutex_);
  while (events_ < events && absl::Now() < give_up) {
    changed_.WaitWithTimeout(&mutex_, give_up - absl::Now());
  }
  return events_ >= events;
}

void StreamLoad::Note(const grpc::ByteBuffer& message) {
  const Told told = options_.read(message);
  MutexLock lock(&mutex_);
  open_ += told.is_open ? 1 : 0;
  events_ += told.events;
  changed_.Signal();
}

void StreamLoad::NoteEnd(const grpc::Status& status) {
  MutexLock lock(&mutex_);
  if (!cancelled_) {
    std::cerr << "a stream has ended: " << status.error_message() << std::endl;
    std::abort();
  }
  ++ended_;
  changed_.Signal();
}

}  // namespace dunlin::bench
