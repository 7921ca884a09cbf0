// Goal: a scrub finds every row that cannot be read or that others contradict, names the key, finds nothing in a sound
// store whatever is written meanwhile, and says whether counts and digest were compared. Method: stores that random
// operations have filled; then rows damaged one way at a time beside the closed store's back.

#include "storage/scrubber.h"

#include <algorithm>
#include <atomic>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "storage/big_endian.h"
#include "storage/limits.h"
#include "storage/lmdb_env.h"
#include "storage/tables.h"
#include "tests/storage/scenario.h"
#include "tests/storage/store_model.h"
#include "tests/storage/store_tester.h"
#include "tests/storage/tamper.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_size.h"

namespace dunlin {
namespace {

using Comparison = ScrubReport::Comparison;

ScrubReport Scrub(const Store& store) {
  Scrubber scrubber(&store);
  while (true) {
    const absl::StatusOr<bool> more = scrubber.Step();
    EXPECT_TRUE(more.ok()) << more.status();
    if (!more.ok() || !*more) {
      return scrubber.report();
    }
  }
}

class ScrubberTest : public ::testing::Test {
 protected:
  // Changes tables beside the store's back.
  void Damage(const std::function<void(LmdbTxn* txn)>& change) {
    tester_.Close();
    TamperWith(dir_.path(), change);
    ASSERT_TRUE(tester_.Open().ok());
  }

  static std::string RowOf(const LmdbTxn& txn, const std::string& key) {
    return std::string(**txn.Get(Table::kRecords, key));
  }

  // Expects one finding: this key, and `reason` in its reason.
  void ExpectDamage(const std::string& key, const std::string& reason) {
    const ScrubReport report = Scrub(tester_.store());
    ASSERT_EQ(report.damaged_count, 1u);
    ASSERT_EQ(report.damaged.size(), 1u);
    EXPECT_EQ(report.damaged[0].key, key);
    EXPECT_TRUE(absl::StrContains(report.damaged[0].reason, reason)) << report.damaged[0].reason;
  }

  TempDir dir_;
  StoreTester tester_{dir_.path()};
};

// ---- A sound store ----

TEST_F(ScrubberTest, AnEmptyStoreIsSound) {
  const ScrubReport report = Scrub(tester_.store());
  EXPECT_EQ(report.damaged_count, 0u);
  EXPECT_EQ(report.counts, Comparison::kEqual);
  EXPECT_EQ(report.digest, Comparison::kEqual);
}

TEST(ScrubberModelTest, WhateverHappenedToAStoreItIsSoundAndAllIsCompared) {
  for (const uint64_t seed : TestSeeds(20)) {
    SCOPED_TRACE(absl::StrCat("DUNLIN_SEED=", seed));
    Scenario scenario(seed);
    TempDir dir;
    StoreTester tester(dir.path());
    StoreModel model(tester.store().store_id());
    for (int step = 0; step < 60; ++step) {
      if (scenario.OneIn(10)) {
        tester.Advance(kSweepPeriod + absl::Milliseconds(scenario.Below(1500)));
      } else if (scenario.OneIn(10)) {
        const EpochChange change = scenario.Epoch();
        ASSERT_TRUE(tester.EnterEpoch(change.epoch, change.refill).ok());
      } else if (scenario.OneIn(3)) {
        ASSERT_TRUE(tester.ApplyBatch(scenario.Batch(model, 7, tester.clock().NowUnixMillis())).ok());
      } else {
        ASSERT_TRUE(tester.Write(WriteOf({PutOf(scenario.Key(), "x"), DeleteOf("gone")})).ok());
      }
    }
    tester.Settle();
    const ScrubReport report = Scrub(tester.store());
    const StoreState state = tester.state();
    ASSERT_EQ(report.damaged_count, 0u) << report.damaged[0].key << ": " << report.damaged[0].reason;
    ASSERT_EQ(report.not_compared_reason, "");
    ASSERT_EQ(report.counts, Comparison::kEqual);
    ASSERT_EQ(report.digest, Comparison::kEqual);
    ASSERT_EQ(report.entries, state.entries);
    ASSERT_EQ(report.tombstones, state.tombstones);
    ASSERT_EQ(report.first_revision, state.revision);
    ASSERT_EQ(report.last_revision, state.revision);
    ASSERT_EQ(report.leftover_expiries, 0u);
  }
}

TEST_F(ScrubberTest, MoreThanOnePageIsReadToItsEnd) {
  constexpr size_t kKeys = 2 * kScrubPageRowsMax + 7;
  for (size_t first = 0; first < kKeys; first += 500) {
    std::vector<Mutation> mutations;
    for (size_t i = first; i < std::min(first + 500, kKeys); ++i) {
      mutations.push_back(PutOf(absl::StrCat("key", i), "x", absl::Hours(1)));
    }
    ASSERT_TRUE(tester_.Write(WriteOf(std::move(mutations))).ok());
  }
  ASSERT_TRUE(tester_.Put("large1", std::string(kScrubPageMaxBytes / 2, 'x')).ok());
  ASSERT_TRUE(tester_.Put("large2", std::string(kScrubPageMaxBytes / 2, 'x')).ok());
  ASSERT_TRUE(tester_.Put("large3", "x").ok());
  const ScrubReport report = Scrub(tester_.store());
  EXPECT_EQ(report.damaged_count, 0u);
  EXPECT_EQ(report.entries, kKeys + 3);
  EXPECT_EQ(report.changes, kKeys + 3);
  EXPECT_EQ(report.expiries, kKeys);
  EXPECT_EQ(report.digest, Comparison::kEqual);
}

TEST_F(ScrubberTest, WritesMeanwhileAreNoDamageAndKeepCountsFromBeingCompared) {
  for (size_t i = 0; i < 3 * kScrubPageRowsMax; i += 500) {
    std::vector<Mutation> mutations;
    for (size_t j = i; j < i + 500; ++j) {
      mutations.push_back(PutOf(absl::StrCat("key", 10000 + j), "x", absl::Hours(1)));
    }
    ASSERT_TRUE(tester_.Write(WriteOf(std::move(mutations))).ok());
  }
  Scrubber scrubber(&tester_.store());
  ASSERT_TRUE(*scrubber.Step());
  // Before and behind the page under way.
  ASSERT_TRUE(tester_.Put("key10000", "y").ok());
  ASSERT_TRUE(tester_.Delete("key12999").ok());
  ASSERT_TRUE(tester_.Put("a new one", "y").ok());
  while (*scrubber.Step()) {
  }
  const ScrubReport& report = scrubber.report();
  EXPECT_EQ(report.damaged_count, 0u);
  EXPECT_EQ(report.counts, Comparison::kNotMade);
  EXPECT_EQ(report.digest, Comparison::kNotMade);
  EXPECT_TRUE(absl::StrContains(report.not_compared_reason, "at revisions 3000 to 3003")) << report.not_compared_reason;
}

TEST_F(ScrubberTest, BesideWritersItNeverFindsDamage) {
  std::atomic<bool> written{false};
  std::thread writer([&] {
    for (int i = 0; i < 3000; ++i) {
      const std::string key = absl::StrCat("key", i % 700);
      if (i % 5 == 0) {
        (void)tester_.Delete(key);
      } else {
        (void)tester_.Put(key, absl::StrCat(i), absl::Hours(1 + i % 3));
      }
    }
    written = true;
  });
  uint64_t findings = 0;
  do {
    findings += Scrub(tester_.store()).damaged_count;
  } while (!written);
  writer.join();
  EXPECT_EQ(findings, 0u);
}

// ---- Damage ----

TEST_F(ScrubberTest, ARecordWithOneBitTurned) {
  ASSERT_TRUE(tester_.Put("a", "value").ok());
  ASSERT_TRUE(tester_.Put("b", "value").ok());
  for (const size_t offset : {9 + 3, 9 + 16 + 4}) {
    Damage([&](LmdbTxn* txn) {
      std::string row = RowOf(*txn, "a");
      row[offset] ^= 1;
      ASSERT_TRUE(txn->Put(Table::kRecords, "a", row).ok());
    });
    ExpectDamage("a", "its checksum does not match");
    const ScrubReport report = Scrub(tester_.store());
    EXPECT_EQ(report.entries, 1u) << "b is checked all the same";
    EXPECT_EQ(report.digest, Comparison::kNotMade);
    EXPECT_TRUE(absl::StrContains(report.not_compared_reason, "damaged")) << report.not_compared_reason;
    EXPECT_EQ(*tester_.store().CountDamaged(), 1u) << "the status tells of it without a read";
    ASSERT_TRUE(tester_.Put("a", "value").ok());
    EXPECT_EQ(Scrub(tester_.store()).damaged_count, 0u) << "a put repairs it";
    EXPECT_EQ(Scrub(tester_.store()).digest, Comparison::kEqual);
  }
}

TEST_F(ScrubberTest, ARowThatIsCutOffOrOfAnUnknownFormat) {
  ASSERT_TRUE(tester_.Put("a", "value").ok());
  Damage([](LmdbTxn* txn) { ASSERT_TRUE(txn->Put(Table::kRecords, "a", "short").ok()); });
  ExpectDamage("a", "too few");
  ASSERT_TRUE(tester_.Put("a", "value").ok());
  Damage([](LmdbTxn* txn) {
    std::string row = RowOf(*txn, "a");
    row[9 + 16] = 0x20;
    ASSERT_TRUE(txn->Put(Table::kRecords, "a", row).ok());
  });
  ExpectDamage("a", "format 2");
}

TEST_F(ScrubberTest, ARecordWithoutItsChange) {
  ASSERT_TRUE(tester_.Put("a", "1").ok());
  ASSERT_TRUE(tester_.Put("b", "1").ok());
  Damage([](LmdbTxn* txn) { ASSERT_TRUE(txn->Delete(Table::kChanges, EncodeBigEndian64(1)).ok()); });
  ExpectDamage("a", "no entry among the changes");
  ASSERT_TRUE(tester_.Put("a", "2").ok());
  EXPECT_EQ(Scrub(tester_.store()).damaged_count, 0u);
}

TEST_F(ScrubberTest, ARecordOlderThanItsChange) {
  ASSERT_TRUE(tester_.Put("a", "1").ok());
  std::string old_row;
  Damage([&](LmdbTxn* txn) { old_row = RowOf(*txn, "a"); });
  ASSERT_TRUE(tester_.Put("a", "2").ok());
  Damage([&](LmdbTxn* txn) { ASSERT_TRUE(txn->Put(Table::kRecords, "a", old_row).ok()); });
  ExpectDamage("a", "a change was lost");
}

TEST_F(ScrubberTest, ARecordWithoutItsExpiry) {
  ASSERT_TRUE(tester_.Put("a", "1", absl::Seconds(5)).ok());
  const uint64_t expiry = tester_.store().Get("a")->expiry_unix_ms;
  Damage([&](LmdbTxn* txn) { ASSERT_TRUE(txn->Delete(Table::kExpiries, EncodeExpiryKey(expiry, "a")).ok()); });
  ExpectDamage("a", "no row among the expiries");
}

TEST_F(ScrubberTest, AnExpiryThatBelongsToNoRecordIsALeftover) {
  ASSERT_TRUE(tester_.Put("a", "1", absl::Seconds(5)).ok());
  const uint64_t expiry = tester_.store().Get("a")->expiry_unix_ms;
  Damage([&](LmdbTxn* txn) {
    ASSERT_TRUE(txn->Put(Table::kExpiries, EncodeExpiryKey(expiry + 1, "a"), "").ok());
    ASSERT_TRUE(txn->Put(Table::kExpiries, EncodeExpiryKey(expiry + 1, "nobody"), "").ok());
  });
  ScrubReport report = Scrub(tester_.store());
  EXPECT_EQ(report.damaged_count, 0u);
  EXPECT_EQ(report.expiries, 3u);
  EXPECT_EQ(report.leftover_expiries, 2u);
  tester_.Advance(absl::Seconds(6));
  report = Scrub(tester_.store());
  EXPECT_EQ(report.expiries, 0u) << "it goes away when it is due";
}

TEST_F(ScrubberTest, RowsThatNameNoKey) {
  Damage([](LmdbTxn* txn) {
    ASSERT_TRUE(txn->Put(Table::kChanges, EncodeBigEndian64(7), "short").ok());
    ASSERT_TRUE(txn->Put(Table::kExpiries, "short", "").ok());
  });
  const ScrubReport report = Scrub(tester_.store());
  ASSERT_EQ(report.damaged_count, 2u);
  EXPECT_EQ(report.damaged[0].key, "");
  EXPECT_TRUE(absl::StrContains(report.damaged[0].reason, "change entry"));
  EXPECT_TRUE(absl::StrContains(report.damaged[1].reason, "expiry"));
}

TEST_F(ScrubberTest, CountsAndDigestThatAreNotThoseOfTheRecords) {
  ASSERT_TRUE(tester_.Put("a", "1").ok());
  ASSERT_TRUE(tester_.Put("b", "1").ok());
  const auto change_state = [&](const std::function<void(StoreState*)>& change) {
    Damage([&](LmdbTxn* txn) {
      StoreState state = *DecodeState(**txn->Get(Table::kMeta, kMetaState));
      change(&state);
      ASSERT_TRUE(txn->Put(Table::kMeta, kMetaState, EncodeState(state)).ok());
    });
    return Scrub(tester_.store());
  };
  ScrubReport report = change_state([](StoreState* state) { ++state->entries; });
  EXPECT_EQ(report.counts, Comparison::kDifferent);
  EXPECT_EQ(report.digest, Comparison::kEqual);
  report = change_state([](StoreState* state) {
    --state->entries;
    ++state->outbox_depth;
  });
  EXPECT_EQ(report.counts, Comparison::kDifferent);
  report = change_state([](StoreState* state) {
    --state->outbox_depth;
    ++state->unsent_bytes;
  });
  EXPECT_EQ(report.counts, Comparison::kDifferent);
  report = change_state([](StoreState* state) {
    --state->unsent_bytes;
    state->digest.Add("c", "1");
  });
  EXPECT_EQ(report.counts, Comparison::kEqual);
  EXPECT_EQ(report.digest, Comparison::kDifferent);
  // A record that has gone without a trace shows in the same way.
  Damage([](LmdbTxn* txn) {
    ASSERT_TRUE(txn->Delete(Table::kRecords, "a").ok());
    ASSERT_TRUE(txn->Delete(Table::kChanges, EncodeBigEndian64(1)).ok());
  });
  EXPECT_EQ(Scrub(tester_.store()).counts, Comparison::kDifferent);
}

TEST_F(ScrubberTest, AllFindingsAreCountedAndTheFirstAreNamed) {
  constexpr size_t kKeys = kScrubFindingsMax + 20;
  std::vector<Mutation> mutations;
  for (size_t i = 0; i < kKeys; ++i) {
    mutations.push_back(PutOf(absl::StrCat("key", 1000 + i), "x"));
  }
  ASSERT_TRUE(tester_.Write(WriteOf(std::move(mutations))).ok());
  Damage([](LmdbTxn* txn) {
    for (size_t i = 0; i < kKeys; ++i) {
      ASSERT_TRUE(txn->Put(Table::kRecords, absl::StrCat("key", 1000 + i), "short").ok());
    }
  });
  const ScrubReport report = Scrub(tester_.store());
  EXPECT_EQ(report.damaged_count, kKeys);
  ASSERT_EQ(report.damaged.size(), kScrubFindingsMax);
  EXPECT_EQ(report.damaged.front().key, "key1000");
  EXPECT_EQ(report.damaged.back().key, "key1099");
}

}  // namespace
}  // namespace dunlin
