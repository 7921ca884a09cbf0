#ifndef DUNLIN_SYNC_MIRROR_ACKS_H_
#define DUNLIN_SYNC_MIRROR_ACKS_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "storage/mutex.h"
#include "storage/write.h"

namespace dunlin {

// MirrorAcks holds the callers who wait until Redis has their write (ACK_MIRRORED).
//
// A write is in Redis once the mirror has sent its record there, or a later one of its key: a write that is overwritten
// before it was sent never gets there itself. So that its caller is not told too early, each record that the cursor
// passes unsent is looked for in the store: if a later one of its key is still to be sent, that one is waited for.
//
// Callbacks run on the thread whose call answers them, outside the lock: they must be quick.
//
// Thread-safety: safe for concurrent use; OnMirrored() and Rewind() from one thread.
class MirrorAcks {
 public:
  // Returns the revision of the record that stands under a key if it has still to be sent (Store::FindUnsent()).
  using FindUnsent = std::function<absl::StatusOr<absl::optional<uint64_t>>(absl::string_view key)>;

  explicit MirrorAcks(FindUnsent find_unsent) : find_unsent_(std::move(find_unsent)) {}
  MirrorAcks(const MirrorAcks&) = delete;
  MirrorAcks& operator=(const MirrorAcks&) = delete;

  // Calls `done` once Redis has each of `writes`, or a later write of its key.
  // Errors: kDeadlineExceeded once `deadline` has passed: the write is stored here and will reach Redis later;
  // kUnavailable, meaning the same, after TurnAway() or Shutdown() and when the store cannot be read; kDataLoss when
  // the record is damaged here.
  void Wait(std::vector<OutboxItem> writes, absl::Time deadline, StatusCallback done) ABSL_LOCKS_EXCLUDED(mutex_);

  // Calls `done` once the cursor has reached `revision`: what was in the outbox up to there is in Redis, or has been
  // replaced. Errors as above.
  void WaitForCursor(uint64_t revision, absl::Time deadline, StatusCallback done) ABSL_LOCKS_EXCLUDED(mutex_);

  // Redis has what `progress` lists, and the cursor has moved.
  void OnMirrored(const MirrorProgress& progress) ABSL_LOCKS_EXCLUDED(mutex_);

  // The cursor is at `mirrored_revision`: at the start, and when Redis has lost data.
  void Rewind(uint64_t mirrored_revision) ABSL_LOCKS_EXCLUDED(mutex_);

  // Answers those whose deadline has passed; returns the next deadline.
  absl::Time Expire(absl::Time now) ABSL_LOCKS_EXCLUDED(mutex_);

  // The replica is shutting down: answers whoever waits for a write, now and later, with kUnavailable unless Redis has
  // it. Who waits for the cursor goes on waiting.
  void TurnAway() ABSL_LOCKS_EXCLUDED(mutex_);

  // Answers everybody, now and later.
  void Shutdown() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  // A caller; what is in it is guarded by `mutex_`. Who takes `done` answers.
  struct Waiter {
    absl::Time deadline;
    StatusCallback done;
    // How much of what it waits for is not known to be in Redis.
    size_t outstanding = 0;
  };
  // What a caller waits for: a record, or if `key` is empty the cursor alone.
  struct Awaited {
    std::string key;
    std::shared_ptr<Waiter> waiter;
  };
  using Answers = std::vector<std::pair<StatusCallback, absl::Status>>;

  // Puts what is awaited under its revision, or finds out that it is in Redis.
  void Await(uint64_t revision, Awaited awaited, Answers* answers) ABSL_LOCKS_EXCLUDED(mutex_);
  void Confirm(Waiter* waiter, Answers* answers) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Answer(Waiter* waiter, const absl::Status& status, Answers* answers) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  static void Tell(Answers answers);

  const FindUnsent find_unsent_;

  Mutex mutex_;
  uint64_t mirrored_revision_ ABSL_GUARDED_BY(mutex_) = 0;
  bool turned_away_ ABSL_GUARDED_BY(mutex_) = false;
  bool shut_down_ ABSL_GUARDED_BY(mutex_) = false;
  // By revision.
  std::multimap<uint64_t, Awaited> awaited_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace dunlin

#endif  // DUNLIN_SYNC_MIRROR_ACKS_H_
