#ifndef DUNLIN_TESTS_SERVER_OPEN_STREAM_H_
#define DUNLIN_TESTS_SERVER_OPEN_STREAM_H_

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>

#include "dunlin/v1/kv.grpc.pb.h"
#include "tests/server/replica_tester.h"
#include "tests/server/watch_mirror.h"

namespace dunlin {

// OpenStream is a watch stream and its reader, which blocks. It is cancelled when it goes away.
//
// Thread-safety: one thread reads; Cancel() is safe beside it.
class OpenStream {
 public:
  OpenStream(v1::KVService::Stub* stub, const v1::WatchRequest& request)
      : context_(NewContext()), reader_(stub->Watch(context_.get(), request)) {}
  ~OpenStream() {
    if (!finished_) {
      context_->TryCancel();
      Finish();
    }
  }

  // The next message but heartbeats; false at the end.
  bool Read(v1::WatchResponse* message) {
    while (reader_->Read(message)) {
      if (message->marker() != v1::MARKER_HEARTBEAT) return true;
    }
    return false;
  }

  bool ReadAny(v1::WatchResponse* message) { return reader_->Read(message); }

  // Reads up to SYNCED, or to the event of `key`, into `mirror`.
  bool ReadUntil(const std::string& key, WatchMirror* mirror) {
    v1::WatchResponse message;
    while (ReadAny(&message)) {
      mirror->Apply(message);
      if (key.empty() && message.marker() == v1::MARKER_SYNCED) return true;
      for (const v1::Event& event : message.events()) {
        if (event.entry().key() == key) return true;
      }
    }
    return false;
  }

  void Cancel() { context_->TryCancel(); }

  grpc::Status Finish() {
    v1::WatchResponse message;
    while (reader_->Read(&message)) {
    }
    finished_ = true;
    return reader_->Finish();
  }

 private:
  const std::unique_ptr<grpc::ClientContext> context_;
  const std::unique_ptr<grpc::ClientReader<v1::WatchResponse>> reader_;
  bool finished_ = false;
};

}  // namespace dunlin

#endif  // DUNLIN_TESTS_SERVER_OPEN_STREAM_H_
