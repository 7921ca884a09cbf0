// Goal: what a store shows through its doors is what a plain model computes, after any sequence of writes, remote
// batches, epochs, mirror progress, expiries, steps of the clock and reopenings. Method: random sequences through the
// committer, compared with the model after every step: Get, List, ReadChanges, ReadOutbox, the state and the feed; the
// tables themselves whenever the store is closed. A failure names its seed.

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "storage/limits.h"
#include "tests/storage/open_tables.h"
#include "tests/storage/scenario.h"
#include "tests/storage/store_model.h"
#include "tests/storage/store_tester.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_size.h"

namespace dunlin {
namespace {

constexpr int kStepsPerSeed = 100;

class Machine final : public ChangeFeed::Listener {
 public:
  explicit Machine(uint64_t seed) : scenario_(seed), tester_(dir_.path()), model_(tester_.store().store_id()) {
    tester_.feed().Subscribe({}, this);
  }
  ~Machine() override { tester_.feed().Unsubscribe(this); }

  void Step() {
    Operate();
    CompareReads();
    ASSERT_EQ(feed_revision_.load(), model_.revision()) << "the feed has brought every revision";
  }

  void OnChanges(absl::Span<const ChangePtr> changes) override {
    for (const ChangePtr& change : changes) {
      EXPECT_EQ(change->revision, ++feed_revision_);
    }
  }

 private:
  uint64_t Now() { return tester_.clock().NowUnixMillis(); }

  void Operate() {
    switch (scenario_.Below(10)) {
      case 0:
      case 1:
      case 2:
      case 3: {
        const LocalWrite write = scenario_.Write(model_);
        const absl::StatusOr<WriteResult> result = tester_.Write(write);
        if (!model_.Accepts(write, Now())) {
          ASSERT_EQ(result.status().code(), absl::StatusCode::kFailedPrecondition);
          return;
        }
        ASSERT_TRUE(result.ok()) << result.status();
        ASSERT_EQ(model_.Write(write, *result, Now()), "");
        return;
      }
      case 4:
      case 5: {
        const RemoteBatch batch = scenario_.Batch(model_, tester_.store().store_id(), Now());
        const absl::StatusOr<ApplyResult> result = tester_.ApplyBatch(batch);
        ASSERT_TRUE(result.ok()) << result.status();
        ASSERT_EQ(model_.Apply(batch, *result, Now()), "");
        return;
      }
      case 6: {
        const MirrorProgress progress = scenario_.Progress(model_);
        tester_.committer().AdvanceMirrored(progress);
        tester_.Settle();
        model_.AdvanceMirrored(progress.epoch, progress.revision);
        return;
      }
      case 7: {
        const EpochChange change = scenario_.Epoch();
        ASSERT_TRUE(tester_.EnterEpoch(change.epoch, change.refill).ok());
        model_.EnterEpoch(change);
        return;
      }
      case 8:
        // Forward far enough for the sweep to be due, or backward.
        tester_.Advance(scenario_.OneIn(4) ? -absl::Milliseconds(1 + scenario_.Below(500))
                                           : kSweepPeriod + absl::Milliseconds(scenario_.Below(1500)));
        model_.Sweep(kSweepEntriesMax, Now());
        return;
      case 9:
        if (scenario_.OneIn(3)) {
          Reopen();
        }
        return;
    }
  }

  void Reopen() {
    const StoreState before = tester_.state();
    tester_.Close();
    {
      const std::unique_ptr<TableEnv> env = OpenTables(dir_.path());
      const absl::StatusOr<TableTxn> txn = env->BeginRead();
      ASSERT_EQ(CheckTables(*txn, before), "");
      ASSERT_EQ(CompareTables(*txn, model_), "");
    }
    ASSERT_TRUE(tester_.Open().ok());
    ASSERT_EQ(tester_.feed().Subscribe({}, this), model_.revision());
    ASSERT_EQ(EncodeState(tester_.state()), EncodeState(before));
    tester_.Settle();
    model_.Sweep(kSweepEntriesMax, Now());
  }

  void CompareReads() {
    const StoreState state = tester_.state();
    const StoreState expected = model_.State(state);
    ASSERT_EQ(EncodeState(state), EncodeState(expected));

    std::vector<std::string> live;
    for (const auto& [key, row] : model_.rows()) {
      const bool lives = model_.Lives(key, Now());
      ASSERT_EQ(tester_.Get(key), lives ? row.value : "(absent)") << key;
      ASSERT_EQ(*tester_.store().GetRecord(key), row.encoded);
      if (lives) {
        live.push_back(key);
      }
    }
    Digest digest;
    const std::vector<StoredEntry> entries = tester_.ListAll("", 1 + scenario_.Below(10));
    ASSERT_EQ(entries.size(), live.size());
    for (size_t i = 0; i < live.size(); ++i) {
      const StoreModel::Row& row = model_.rows().at(live[i]);
      ASSERT_EQ(entries[i].key, live[i]);
      ASSERT_EQ(entries[i].version, row.version);
      ASSERT_EQ(entries[i].revision, row.revision);
      ASSERT_EQ(entries[i].expiry_unix_ms, row.expiry_unix_ms);
      digest.Add(live[i],
                 RemotePut(live[i], entries[i].version, entries[i].value, entries[i].expiry_unix_ms).encoded_record);
    }
    if (live.size() == state.entries) {
      ASSERT_EQ(digest, state.digest) << "the digest is that of what List shows";
    }
    CompareChanges();
  }

  void CompareChanges() {
    const uint64_t after = scenario_.Below(model_.revision() + 1);
    std::vector<uint64_t> expected;
    for (const auto& [revision, key] : model_.ByRevision()) {
      const StoreModel::Row& row = model_.rows().at(key);
      if (revision > after && (row.tombstone || row.swept || model_.Lives(key, Now()))) {
        expected.push_back(revision);
      }
    }
    std::vector<uint64_t> read;
    for (const Change& change : tester_.ChangesAfter(after, 1 + scenario_.Below(5))) {
      ASSERT_EQ(change.encoded_record, model_.rows().at(change.key).encoded);
      read.push_back(change.revision);
    }
    ASSERT_EQ(read, expected);

    std::vector<std::pair<uint64_t, std::string>> outbox;
    for (const Change& change : tester_.Outbox(1 + scenario_.Below(5))) {
      outbox.emplace_back(change.revision, change.key);
    }
    const auto model_outbox = model_.Outbox();
    ASSERT_EQ(outbox, (std::vector<std::pair<uint64_t, std::string>>(model_outbox.begin(), model_outbox.end())));
  }

  Scenario scenario_;
  TempDir dir_;
  StoreTester tester_;
  StoreModel model_;
  // Written on the committer's thread, which may sweep as soon as the clock has moved.
  std::atomic<uint64_t> feed_revision_{0};
};

TEST(CommitterModelTest, TheStoreShowsWhatTheModelComputes) {
  for (const uint64_t seed : TestSeeds(30)) {
    SCOPED_TRACE(absl::StrCat("DUNLIN_SEED=", seed));
    Machine machine(seed);
    for (int step = 0; step < kStepsPerSeed; ++step) {
      SCOPED_TRACE(absl::StrCat("step ", step));
      machine.Step();
      if (::testing::Test::HasFatalFailure()) {
        return;
      }
    }
  }
}

}  // namespace
}  // namespace dunlin
