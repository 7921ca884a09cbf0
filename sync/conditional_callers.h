#ifndef DUNLIN_SYNC_CONDITIONAL_CALLERS_H_
#define DUNLIN_SYNC_CONDITIONAL_CALLERS_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "storage/clock.h"
#include "storage/mutex.h"
#include "storage/write.h"

namespace dunlin {

// ConditionalCallers holds the callers who wait until Redis has judged their write: no more than limits.h allows, each
// answered once, and in time whatever the thread hangs in that speaks to Redis.
//
// That thread asks before it puts a write to Redis, and brings what was decided; another one answers those who are
// late. So it is always known what to tell them: a write that was late before it was put to Redis never is, and of one
// that Redis may have, nobody knows.
//
// Callbacks run on the thread whose call answers them, outside the lock: they must be quick.
//
// Thread-safety: safe for concurrent use.
class ConditionalCallers {
 public:
  ConditionalCallers() = default;
  ConditionalCallers(const ConditionalCallers&) = delete;
  ConditionalCallers& operator=(const ConditionalCallers&) = delete;

  // Takes in a caller whose write weighs `size_bytes`, and returns what it is called below.
  // Errors: kResourceExhausted when too many wait already, kUnavailable after TurnAway(); `done` is then left as it is.
  absl::StatusOr<uint64_t> Admit(size_t size_bytes, absl::Time deadline, WriteCallback* done)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // Asks whether to put the write to Redis: not if its caller has been told that nothing was changed.
  bool BeginJudging(uint64_t id) ABSL_LOCKS_EXCLUDED(mutex_);

  // Redis has not got the write: it waits again.
  void NotJudged(uint64_t id) ABSL_LOCKS_EXCLUDED(mutex_);

  // The write has been decided and takes no memory any more. A caller who was late has been answered already.
  void Answer(uint64_t id, absl::StatusOr<WriteResult> result) ABSL_LOCKS_EXCLUDED(mutex_);

  // Answers those whose deadline has passed; returns the next deadline.
  absl::Time Expire(absl::Time now) ABSL_LOCKS_EXCLUDED(mutex_);

  // The replica is shutting down: takes in nobody any more, waits for at most `patience` until everybody has been
  // answered, and answers who is left as Expire() does.
  void TurnAway(absl::Duration patience) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct Caller {
    size_t size_bytes = 0;
    absl::Time deadline;
    // Null once answered.
    WriteCallback done;
    // Whether Redis may have the write.
    bool in_doubt = false;
  };

  // Takes the callers whose deadline has come by `now` out of the waiting, and tells the next deadline.
  std::vector<Caller> TakeLate(absl::Time now, absl::Time* next) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  WriteCallback TakeDone(Caller* caller) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  static void Refuse(std::vector<Caller> callers, absl::string_view why);

  const SteadyClock steady_;

  Mutex mutex_;
  CondVar all_answered_;
  bool turned_away_ ABSL_GUARDED_BY(mutex_) = false;
  // Callers that are still to be answered.
  size_t waiting_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t last_id_ ABSL_GUARDED_BY(mutex_) = 0;
  size_t size_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<uint64_t, Caller> callers_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace dunlin

#endif  // DUNLIN_SYNC_CONDITIONAL_CALLERS_H_
