#ifndef DUNLIN_TESTS_BENCHMARKS_LOAD_STREAM_LOAD_H_
#define DUNLIN_TESTS_BENCHMARKS_LOAD_STREAM_LOAD_H_

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "storage/mutex.h"

namespace dunlin::bench {

// StreamLoad is many streams of one gRPC server, any server's, that count what they are told.
//
// Thread-safety: one thread uses it.
class StreamLoad {
 public:
  // What a message tells.
  struct Told {
    // That the stream is open, and will be told of all that happens from now on.
    bool is_open = false;
    uint64_t events = 0;
  };

  struct Options {
    std::string address;
    // "/package.Service/Method". Each stream sends one request, and leaves its side open.
    std::string method;
    size_t streams = 1;
    // How many of them share a connection.
    size_t streams_per_connection = 500;
    std::function<grpc::ByteBuffer(size_t stream)> request_of;
    // Called by many threads.
    std::function<Told(const grpc::ByteBuffer& message)> read;
  };

  // Opens the streams and waits until each is open. Aborts the program when one ends.
  explicit StreamLoad(Options options);
  // Cancels them all and waits for their end.
  ~StreamLoad();
  StreamLoad(const StreamLoad&) = delete;
  StreamLoad& operator=(const StreamLoad&) = delete;

  // How many events all streams together have been told.
  uint64_t events() const ABSL_LOCKS_EXCLUDED(mutex_);

  // Waits until it is so many; returns whether that was within `patience`.
  bool AwaitEvents(uint64_t events, absl::Duration patience = absl::InfiniteDuration()) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  class Stream;

  void Note(const grpc::ByteBuffer& message) ABSL_LOCKS_EXCLUDED(mutex_);
  void NoteEnd(const grpc::Status& status) ABSL_LOCKS_EXCLUDED(mutex_);

  const Options options_;
  // One for each connection.
  std::vector<std::unique_ptr<grpc::GenericStub>> stubs_;
  std::vector<std::unique_ptr<Stream>> streams_;

  mutable Mutex mutex_;
  CondVar changed_;
  uint64_t open_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t events_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t ended_ ABSL_GUARDED_BY(mutex_) = 0;
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace dunlin::bench

#endif  // DUNLIN_TESTS_BENCHMARKS_LOAD_STREAM_LOAD_H_
