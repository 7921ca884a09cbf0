// Goal (guarantee G11): of two batches that were written to the same keys without knowledge of each other, one wins on
// every key, so that no replica ever ends with half of each. Method: properties (RapidCheck) over what two stores held
// before, on a clock that goes on between any two looks at it.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "rapidcheck/gtest.h"
#include "storage/applier.h"
#include "storage/clock.h"
#include "storage/hybrid_clock.h"
#include "storage/table_env.h"
#include "storage/tables.h"
#include "storage/version.h"
#include "storage/write.h"
#include "tests/storage/open_tables.h"
#include "tests/storage/store_tester.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temp_dir.h"

namespace dunlin {
namespace {

const std::vector<std::string> kKeys = {"a", "b", "c"};

// Moves each time it is looked at.
class RunningClock final : public Clock {
 public:
  absl::Time Now() const override {
    clock_.Advance(absl::Microseconds(*rc::gen::inRange(0, 1500)));
    return clock_.Now();
  }

 private:
  mutable FakeClock clock_;
};

class Replica {
 public:
  explicit Replica(uint64_t store_id) : store_id_(store_id) {}

  // Takes versions of another store, whose clock is about `ahead` of this one, for some of the keys. Returns which.
  std::vector<bool> KnowSomething(absl::Duration ahead) {
    const auto known = *rc::gen::container<std::vector<bool>>(kKeys.size(), rc::gen::arbitrary<bool>());
    for (size_t i = 0; i < kKeys.size(); ++i) {
      if (known[i]) {
        Know(kKeys[i], ahead);
      }
    }
    return known;
  }

  // The same, for this one.
  void Know(const std::string& key, absl::Duration ahead) {
    const uint64_t unix_ms = FakeClock::kStartUnixMillis + absl::ToInt64Milliseconds(ahead) + *rc::gen::inRange(0, 4);
    const Version version{(unix_ms << kVersionCounterBits) + *rc::gen::inRange(0, 9), 1};
    Run([&](Applier* applier) {
      RC_ASSERT(applier->ApplyRemote(RemoteBatch{{RemotePut(key, version, "theirs")}, 0, 0}).ok());
    });
  }

  std::vector<Version> WriteBatch() {
    absl::StatusOr<WriteResult> result;
    Run([&](Applier* applier) {
      result = applier->ApplyLocal(WriteOf({PutOf(kKeys[0], "1"), PutOf(kKeys[1], "1"), PutOf(kKeys[2], "1")}));
    });
    RC_ASSERT(result.ok());
    return result->versions;
  }

 private:
  void Run(const std::function<void(Applier*)>& body) {
    absl::StatusOr<TableTxn> txn = env_->BeginWrite();
    RC_ASSERT(txn.ok());
    Applier applier(&*txn, &state_, store_id_, &clock_);
    body(&applier);
    RC_ASSERT(applier.Finish().ok());
    RC_ASSERT(txn->Commit().ok());
  }

  const uint64_t store_id_;
  TempDir dir_;
  const std::unique_ptr<TableEnv> env_ = OpenTables(dir_.path());
  RunningClock wall_clock_;
  HybridClock clock_{&wall_clock_};
  StoreState state_;
};

void ExpectOneWins(const std::vector<Version>& of_first, const std::vector<Version>& of_second) {
  const bool first_wins = of_second[0] < of_first[0];
  for (size_t i = 0; i < kKeys.size(); ++i) {
    RC_ASSERT((of_second[i] < of_first[i]) == first_wins);
    RC_ASSERT(of_first[i].time == of_first[0].time);
  }
}

RC_GTEST_PROP(ConcurrentBatchesTest, OneWinsOnEveryKey, ()) {
  Replica first(1000);
  Replica second(1001);
  first.KnowSomething(absl::ZeroDuration());
  second.KnowSomething(absl::ZeroDuration());
  ExpectOneWins(first.WriteBatch(), second.WriteBatch());
}

RC_GTEST_PROP(ConcurrentBatchesTest, OneWinsOnEveryKeyOfTheFuture, ()) {
  Replica first(1000);
  Replica second(1001);
  for (const std::string& key : kKeys) {
    first.Know(key, absl::Hours(1));
    second.Know(key, absl::Hours(1));
  }
  ExpectOneWins(first.WriteBatch(), second.WriteBatch());
}

// What somebody's wrong clock has stamped must not carry the other keys of the batch to its future.
RC_GTEST_PROP(ConcurrentBatchesTest, KeysOfTheFutureAreTheOnlyOnesThatStayThere, ()) {
  Replica replica(1000);
  const std::vector<bool> is_of_the_future = replica.KnowSomething(absl::Hours(1));
  const std::vector<Version> versions = replica.WriteBatch();
  const uint64_t soon_unix_ms = FakeClock::kStartUnixMillis + absl::ToInt64Milliseconds(absl::Minutes(1));
  for (size_t i = 0; i < kKeys.size(); ++i) {
    RC_ASSERT((VersionTimeToUnixMillis(versions[i].time) > soon_unix_ms) == is_of_the_future[i]);
  }
}

}  // namespace
}  // namespace dunlin
