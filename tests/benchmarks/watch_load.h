#ifndef DUNLIN_TESTS_BENCHMARKS_WATCH_LOAD_H_
#define DUNLIN_TESTS_BENCHMARKS_WATCH_LOAD_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "dunlin/v1/kv.grpc.pb.h"
#include "storage/mutex.h"

namespace dunlin {

// WatchLoad is many watch streams of one server that count what they are told.
//
// Thread-safety: one thread uses it.
class WatchLoad {
 public:
  // Opens `streams` streams, the i-th of which watches key_of(i), and waits until each has said SYNCED. Aborts the
  // program when one ends.
  WatchLoad(const std::string& address, size_t streams, const std::function<std::string(size_t)>& key_of);
  // Cancels them all and waits for their end.
  ~WatchLoad();
  WatchLoad(const WatchLoad&) = delete;
  WatchLoad& operator=(const WatchLoad&) = delete;

  // Waits until the streams together have been told so many events; returns whether that was within `patience`.
  bool AwaitEvents(uint64_t events, absl::Duration patience = absl::InfiniteDuration()) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  class Stream;

  void Note(const v1::WatchResponse& message) ABSL_LOCKS_EXCLUDED(mutex_);
  void NoteEnd() ABSL_LOCKS_EXCLUDED(mutex_);

  // One stub for each connection.
  std::vector<std::unique_ptr<v1::KVService::Stub>> stubs_;
  std::vector<std::unique_ptr<Stream>> streams_;

  Mutex mutex_;
  CondVar changed_;
  uint64_t synced_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t events_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t ended_ ABSL_GUARDED_BY(mutex_) = 0;
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace dunlin

#endif  // DUNLIN_TESTS_BENCHMARKS_WATCH_LOAD_H_
