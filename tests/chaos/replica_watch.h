#ifndef DUNLIN_TESTS_CHAOS_REPLICA_WATCH_H_
#define DUNLIN_TESTS_CHAOS_REPLICA_WATCH_H_

#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "client/client.h"
#include "storage/mutex.h"
#include "tests/chaos/checker.h"
#include "tests/chaos/watch_check.h"

namespace dunlin::chaos {

// ReplicaWatch watches everything at one replica for as long as it lives, through whatever befalls the replica: a
// stream that ends is resumed by its token, as a careful client would do. Or it roams: it stays at a replica for some
// time and goes on at the next one. What the streams say is checked all along.
//
// Thread-safety: safe for concurrent use.
class ReplicaWatch {
 public:
  // Addresses stay the same over restarts of the replicas. It roams if there are several: it stays for `stay` at each,
  // if that serves.
  explicit ReplicaWatch(const std::vector<std::string>& addresses, absl::Duration stay = absl::InfiniteDuration());
  ~ReplicaWatch();
  ReplicaWatch(const ReplicaWatch&) = delete;
  ReplicaWatch& operator=(const ReplicaWatch&) = delete;

  // "" when the streams have told exactly what the replica holds, else what differs.
  std::string Compare(const Holdings& replica) const ABSL_LOCKS_EXCLUDED(mutex_);

  // What WatchCheck says.
  std::string violation() const ABSL_LOCKS_EXCLUDED(mutex_);
  uint64_t events() const ABSL_LOCKS_EXCLUDED(mutex_);
  uint64_t resets() const ABSL_LOCKS_EXCLUDED(mutex_);
  uint64_t resumes() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  void Run();
  // Reads one stream to its end.
  void ReadStream();
  std::unique_ptr<client::Watcher> Open();
  // Whether to go on after a pause.
  bool Pause() ABSL_LOCKS_EXCLUDED(mutex_);

  std::vector<std::unique_ptr<Client>> clients_;
  const absl::Duration stay_;
  // Used by the thread alone: where it watches, and what resumes after what has been read.
  size_t client_ = 0;
  std::string token_;

  mutable Mutex mutex_;
  CondVar stop_requested_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  // The stream being read, so that it can be cancelled.
  client::Watcher* open_ ABSL_GUARDED_BY(mutex_) = nullptr;
  WatchCheck check_ ABSL_GUARDED_BY(mutex_);
  uint64_t resumes_ ABSL_GUARDED_BY(mutex_) = 0;
  // Why the last stream ended.
  absl::Status last_end_ ABSL_GUARDED_BY(mutex_);

  std::thread thread_;
};

}  // namespace dunlin::chaos

#endif  // DUNLIN_TESTS_CHAOS_REPLICA_WATCH_H_
