#ifndef DUNLIN_TESTS_STORAGE_STORE_TESTER_H_
#define DUNLIN_TESTS_STORAGE_STORE_TESTER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "storage/change_feed.h"
#include "storage/committer.h"
#include "storage/hybrid_clock.h"
#include "storage/mutex.h"
#include "storage/store.h"
#include "storage/write.h"
#include "tests/support/answer.h"
#include "tests/support/fake_clock.h"

namespace dunlin {

// Gate holds back whoever waits at it until it is opened, for instance the committer's thread in a callback, so that
// what is written meanwhile becomes one group.
//
// Thread-safety: safe for concurrent use.
class Gate {
 public:
  void Open() {
    MutexLock lock(&mutex_);
    open_ = true;
    changed_.SignalAll();
  }
  void Wait() {
    MutexLock lock(&mutex_);
    while (!open_) {
      changed_.Wait(&mutex_);
    }
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  bool open_ ABSL_GUARDED_BY(mutex_) = false;
};

using WriteAnswer = Answer<absl::StatusOr<WriteResult>>;
using ApplyAnswer = Answer<absl::StatusOr<ApplyResult>>;

// What a test writes in few words.
Mutation PutOf(absl::string_view key, absl::string_view value, absl::Duration ttl = absl::InfiniteDuration());
Mutation DeleteOf(absl::string_view key);
LocalWrite WriteOf(std::vector<Mutation> mutations, Precondition precondition = {});
Precondition IfAbsent();
Precondition IfVersion(const Version& version);

// Nothing, for a group that the committer's own thread carries out, and looks at what is due after it; what others
// wrote, which needs no sync, may be stored by whoever brings it.
RemoteBatch EmptyGroup();

// A record as another replica would send it.
VersionedRecord RemotePut(absl::string_view key, const Version& version, absl::string_view value,
                          uint64_t expiry_unix_ms = 0);
VersionedRecord RemoteDelete(absl::string_view key, const Version& version);

// StoreTester is an open store with its committer, on a clock that stands still until it is moved, and calls that wait
// for their answer.
//
// Thread-safety: Write() and what stands before it are safe for concurrent use; the rest is for one thread.
class StoreTester {
 public:
  // Opens the store in `directory`; check with ASSERT_TRUE(opened().ok()). Without `sync`, which only a power failure
  // can tell from with, tests are faster. `prepare`, if given, sets options beforehand.
  explicit StoreTester(std::string directory, bool sync = false, void (*prepare)(StoreTester*) = nullptr);
  ~StoreTester() { Close(); }

  FakeClock& wall_clock() { return wall_clock_; }
  HybridClock& clock() { return *clock_; }
  Store& store() { return *store_; }
  ChangeFeed& feed() { return *feed_; }
  Committer& committer() { return *committer_; }
  StoreState state() const { return store_->state(); }

  absl::StatusOr<WriteResult> Write(LocalWrite write);
  absl::StatusOr<WriteResult> Put(absl::string_view key, absl::string_view value,
                                  absl::Duration ttl = absl::InfiniteDuration());
  absl::StatusOr<WriteResult> Delete(absl::string_view key);
  absl::StatusOr<ApplyResult> ApplyBatch(RemoteBatch batch);
  absl::StatusOr<ApplyResult> Apply(std::vector<VersionedRecord> records, uint64_t epoch = 0, uint64_t sequence = 0);
  absl::StatusOr<EpochEntry> EnterEpoch(const EpochChange& change);
  absl::Status EnterEpoch(uint64_t epoch, bool refill);

  // The value of `key`, "(absent)", or the error.
  std::string Get(absl::string_view key) const;

  // What BatchGet() visits.
  absl::StatusOr<std::vector<StoredEntry>> BatchGet(const std::vector<std::string>& keys, size_t size_max_bytes) const;

  // Returns once the committer's thread stands before `gate`: what is written then waits until that is opened.
  void HoldCommitter(Gate* gate);

  // Waits until the committer has done what it does between groups, at the present time, and until everything that was
  // given to it before has taken effect.
  void Settle();

  // Moves the clock and waits until what has expired by then is swept, up to one sweep's limit.
  void Advance(absl::Duration step);

  // All of List(), ReadChanges() and ReadOutbox(), read in pages of `page_size`.
  std::vector<StoredEntry> ListAll(absl::string_view prefix = "", size_t page_size = 7) const;
  std::vector<Change> ChangesAfter(uint64_t revision, size_t page_size = 7) const;
  std::vector<Change> Outbox(size_t page_size = 7) const;

  // Stops the committer and closes the store; opens it again, with a new clock on the same wall clock.
  void Close();
  absl::Status Open();

  const absl::Status& opened() const { return opened_; }
  Store::Options& store_options() { return store_options_; }
  Committer::Options& committer_options() { return committer_options_; }

 private:
  FakeClock wall_clock_;
  Store::Options store_options_;
  Committer::Options committer_options_;
  absl::Status opened_;
  std::unique_ptr<HybridClock> clock_;
  std::unique_ptr<Store> store_;
  std::unique_ptr<ChangeFeed> feed_;
  std::unique_ptr<Committer> committer_;
};

}  // namespace dunlin

#endif  // DUNLIN_TESTS_STORAGE_STORE_TESTER_H_
