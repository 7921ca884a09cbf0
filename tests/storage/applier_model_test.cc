// Goal: whatever happens to a store, in whatever order, the tables, the counts, the digest and the outbox are those
// that a plain model computes, and the invariants of applier.h hold. Method: random sequences of local writes, remote
// batches, mirror progress, epochs, sweeps and transactions that are given up, each compared with the model after every
// step by a scan of all tables. A failure names its seed.

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "storage/applier.h"
#include "tests/storage/open_tables.h"
#include "tests/storage/scenario.h"
#include "tests/storage/store_model.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_size.h"

namespace dunlin {
namespace {

constexpr uint64_t kStoreId = 1000;
constexpr int kStepsPerSeed = 120;

// A database beside its model.
class Machine {
 public:
  explicit Machine(uint64_t seed) : scenario_(seed) {}

  void Step() {
    const StoreState before = state_;
    absl::StatusOr<TableTxn> txn = env_->BeginWrite();
    ASSERT_TRUE(txn.ok()) << txn.status();
    Applier applier(&*txn, &state_, kStoreId, &clock_);
    const StoreModel model_before = model_;
    const uint64_t revision = model_.revision();
    for (uint64_t operations = 1 + scenario_.Below(3); operations > 0; --operations) {
      Operate(&applier);
    }
    ASSERT_TRUE(applier.Finish().ok());
    ASSERT_EQ(CheckTables(*txn, state_), "");
    ASSERT_EQ(CompareTables(*txn, model_), "");
    CompareStates();
    CheckChanges(applier.TakeChanges(), revision);
    if (scenario_.OneIn(8)) {
      state_ = before;
      model_ = model_before;
      return;
    }
    ASSERT_TRUE(txn->Commit().ok());
    if (scenario_.OneIn(3)) {
      wall_clock_.Advance(absl::Milliseconds(scenario_.Below(1500)) - absl::Milliseconds(300));
    }
  }

  const StoreState& state() const { return state_; }

 private:
  void Operate(Applier* applier) {
    const uint64_t now = clock_.NowUnixMillis();
    switch (scenario_.Below(8)) {
      case 0:
      case 1:
      case 2: {
        const LocalWrite write = scenario_.Write(model_);
        const absl::StatusOr<WriteResult> result = applier->ApplyLocal(write);
        if (model_.Accepts(write, now)) {
          ASSERT_TRUE(result.ok()) << result.status();
          ASSERT_EQ(model_.Write(write, *result, now), "");
        } else {
          ASSERT_EQ(result.status().code(), absl::StatusCode::kFailedPrecondition);
        }
        break;
      }
      case 3:
      case 4: {
        const RemoteBatch batch = scenario_.Batch(model_, kStoreId, now);
        const absl::StatusOr<ApplyResult> result = applier->ApplyRemote(batch);
        ASSERT_TRUE(result.ok()) << result.status();
        ASSERT_EQ(model_.Apply(batch, *result, now), "");
        break;
      }
      case 5: {
        const MirrorProgress progress = scenario_.Progress(model_);
        ASSERT_TRUE(applier->AdvanceMirrored(progress).ok());
        model_.AdvanceMirrored(progress.epoch, progress.revision);
        break;
      }
      case 6: {
        const size_t entries_max = 1 + scenario_.Below(3);
        const absl::StatusOr<size_t> swept = applier->SweepExpired(entries_max);
        ASSERT_TRUE(swept.ok()) << swept.status();
        ASSERT_EQ(*swept, model_.Sweep(entries_max, now));
        break;
      }
      case 7:
        if (scenario_.OneIn(2)) {
          const absl::StatusOr<uint64_t> next = applier->SweepStaleChanges(stale_from_, 1 + scenario_.Below(20));
          ASSERT_TRUE(next.ok()) << next.status();
          stale_from_ = *next;
        } else {
          EnterEpoch(scenario_.Epoch());
        }
        break;
    }
  }

  // As the committer does.
  void EnterEpoch(const EpochChange& change) {
    model_.EnterEpoch(change);
    state_.epoch = change.epoch;
    state_.fleet_id = change.fleet_id;
    state_.primary = change.primary;
    state_.applied_sequence = 0;
    if (change.refill) {
      state_.mirrored_revision = 0;
      state_.refill_revision = state_.revision;
      state_.outbox_depth = state_.entries + state_.tombstones;
    }
  }

  void CompareStates() {
    const StoreState expected = model_.State(state_);
    ASSERT_EQ(EncodeState(state_), EncodeState(expected))
        << "superseded " << state_.writes_superseded << " expected " << expected.writes_superseded << ", outbox "
        << state_.outbox_depth << " expected " << expected.outbox_depth;
  }

  // Each change has the next revision, and the last one of a key is what the key holds.
  void CheckChanges(const std::vector<ChangePtr>& changes, uint64_t revision) {
    for (const ChangePtr& change : changes) {
      ASSERT_EQ(change->revision, ++revision);
      ASSERT_LE(change->batch_first_revision, change->revision);
      const StoreModel::Row& row = model_.rows().at(change->key);
      if (row.revision != change->revision) {
        continue;
      }
      ASSERT_EQ(change->encoded_record, row.encoded);
      ASSERT_EQ(change->value(), row.value);
      ASSERT_EQ(change->batch_first_revision, row.batch_first_revision);
      const ChangeType live = row.swept ? ChangeType::kExpire : ChangeType::kPut;
      ASSERT_EQ(change->type, row.tombstone ? ChangeType::kDelete : live);
    }
    ASSERT_EQ(revision, model_.revision());
  }

  Scenario scenario_;
  TempDir dir_;
  FakeClock wall_clock_;
  HybridClock clock_{&wall_clock_};
  const std::unique_ptr<TableEnv> env_ = OpenTables(dir_.path());
  StoreState state_;
  StoreModel model_{kStoreId};
  uint64_t stale_from_ = 0;
};

TEST(ApplierModelTest, TablesAndStateFollowTheModel) {
  uint64_t superseded = 0;
  for (const uint64_t seed : TestSeeds(150)) {
    SCOPED_TRACE(absl::StrCat("DUNLIN_SEED=", seed));
    Machine machine(seed);
    for (int step = 0; step < kStepsPerSeed; ++step) {
      SCOPED_TRACE(absl::StrCat("step ", step));
      machine.Step();
      if (::testing::Test::HasFatalFailure()) {
        return;
      }
    }
    superseded += machine.state().writes_superseded;
  }
  EXPECT_GT(superseded, 0u) << "the scenarios are too tame";
}

}  // namespace
}  // namespace dunlin
