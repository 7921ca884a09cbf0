// Goal (guarantees G1 and G11): when the power fails at any moment, what the disk may be left with opens as a store
// that holds every answered operation, each transaction whole, its counts, digest and outbox in step with its rows.
// Method: a real store and committer, random operations from a seed, with every write and sync of their files recorded;
// then, for many moments, an image of the disk as a power failure might leave it (tests/support/power_loss.h), opened
// and compared with the model's states. (kill -9, which keeps the page cache: committer_durability_test.)
//
// That the test can see is shown with `sync` off: the same images then lack what was answered. It is also what
// `--durability` gives away.

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/types/optional.h"
#include "gtest/gtest.h"
#include "tests/storage/power_loss_machine.h"
#include "tests/support/power_loss.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_size.h"

namespace dunlin {
namespace {

constexpr int kStepsPerSeed = 120;

// What came of the images of one run or more.
struct Tally {
  size_t operations = 0;
  size_t images = 0;
  // Images in which something of an answered operation is missing, and those that are no store any more.
  size_t lost = 0;
  size_t damaged = 0;
  // What was wrong with the first of them.
  std::string first;

  void Add(const std::string& where, const std::string& wrong) {
    ++images;
    lost += absl::StartsWith(wrong, "lost") ? 1 : 0;
    damaged += absl::StartsWith(wrong, "damaged") ? 1 : 0;
    if (!wrong.empty() && first.empty()) {
      first = absl::StrCat(where, ": ", wrong);
    }
  }

  void Print(const char* what) const {
    std::printf("%s: %zu operations, %zu images: %zu intact, %zu lack answered operations, %zu damaged\n", what,
                operations, images, images - lost - damaged, lost, damaged);
  }
};

// LMDB keeps its readers and locks in a file that it maps; after a power failure anything may be in there.
void SpoilLockFile(const std::string& path, std::mt19937_64* random) {
  std::string garbage(65536, '\0');
  for (char& byte : garbage) {
    byte = static_cast<char>((*random)());
  }
  std::ofstream(path, std::ios::binary | std::ios::trunc) << garbage;
}

// Lets the power fail at moments of `events` that lie `stride_max` events apart at most, and judges `images_each`
// images of each.
void FailPower(const PowerLossMachine& machine, const std::vector<FileEvent>& events, size_t stride_max,
               int images_each, uint64_t seed, bool failed_in_last_step, Tally* tally) {
  std::mt19937_64 random(seed);
  PowerLoss power(&events);
  absl::optional<uint64_t> answered;
  size_t seen = 0;
  for (size_t point = 1; point <= events.size(); point += 1 + random() % stride_max) {
    power.AdvanceTo(point);
    for (; seen < point; ++seen) {
      if (events[seen].kind == FileEvent::Kind::kMark) {
        answered = std::max(answered.value_or(0), events[seen].number);
      }
    }
    for (int i = 0; i < images_each; ++i) {
      TempDir image;
      power.WriteImage(&random, image.path());
      if (random() % 3 == 0) {
        SpoilLockFile(image.Join("lock.mdb"), &random);
      }
      tally->Add(absl::StrCat("DUNLIN_SEED=", seed, ", before event ", point),
                 machine.Judge(image.path(), answered, failed_in_last_step));
    }
  }
}

// The stride at which there are about `moments` in `events`.
size_t StrideFor(const std::vector<FileEvent>& events, size_t moments) {
  return std::max<size_t>(1, 2 * events.size() / moments);
}

TEST(PowerLossTest, AStoreThatIsBeingCreatedIsThereOrNot) {
  Tally tally;
  PowerLossMachine machine(/*seed=*/1, /*sync=*/true);
  ASSERT_TRUE(machine.opened().ok()) << machine.opened();
  FailPower(machine, machine.Finish(), 1, 12, 1, /*failed_in_last_step=*/false, &tally);
  EXPECT_EQ(tally.first, "");
  tally.Print("a new store");
}

TEST(PowerLossTest, WhatWasAnsweredIsFoundWhenThePowerFailsAtAnyMoment) {
  Tally tally;
  for (const uint64_t seed : TestSeeds(TestRepetitions(4, 1))) {
    SCOPED_TRACE(absl::StrCat("DUNLIN_SEED=", seed));
    PowerLossMachine machine(seed, /*sync=*/true);
    ASSERT_TRUE(machine.opened().ok()) << machine.opened();
    for (int step = 0; step < kStepsPerSeed; ++step) {
      ASSERT_EQ(machine.Step(), "") << "step " << step;
    }
    tally.operations += machine.answered();
    const std::vector<FileEvent> events = machine.Finish();
    FailPower(machine, events, StrideFor(events, 250), 1, seed, /*failed_in_last_step=*/false, &tally);
    ASSERT_EQ(tally.first, "");
  }
  tally.Print("synced");
}

TEST(PowerLossTest, WithoutSyncsAnsweredOperationsAreLost) {
  Tally tally;
  for (const uint64_t seed : TestSeeds(2)) {
    PowerLossMachine machine(seed, /*sync=*/false);
    ASSERT_TRUE(machine.opened().ok()) << machine.opened();
    for (int step = 0; step < kStepsPerSeed / 4; ++step) {
      ASSERT_EQ(machine.Step(), "") << "DUNLIN_SEED=" << seed << ", step " << step;
    }
    tally.operations += machine.answered();
    const std::vector<FileEvent> events = machine.Finish();
    FailPower(machine, events, StrideFor(events, 60), 1, seed, /*failed_in_last_step=*/false, &tally);
  }
  tally.Print("not synced");
  EXPECT_GT(tally.lost, 0u);
  EXPECT_GT(tally.damaged, 0u) << "not even a store is what is left then";
}

// Before and after, whatever the power failure leaves: what was answered is there, since nothing is answered any more.
TEST(PowerLossTest, AfterASyncThatFailedNothingIsAnsweredAndNothingIsLost) {
  Tally tally;
  for (const FileHandler::SyncKind kind : {FileHandler::SyncKind::kFile, FileHandler::SyncKind::kWrite}) {
    for (const uint64_t seed : TestSeeds(TestRepetitions(3, 1))) {
      SCOPED_TRACE(absl::StrCat("DUNLIN_SEED=", seed));
      PowerLossMachine machine(seed, /*sync=*/true);
      ASSERT_TRUE(machine.opened().ok()) << machine.opened();
      machine.files().FailSyncAfter(kind, std::mt19937_64(seed)() % 20, EIO);
      for (int step = 0; step < kStepsPerSeed / 2; ++step) {
        ASSERT_EQ(machine.Step(), "") << "step " << step;
      }
      ASSERT_FALSE(machine.tester().store().failure().ok()) << "the sync was not reached";
      ASSERT_TRUE(machine.tester().store().List("", "", 10, 1000, /*keys_only=*/false).ok()) << "reads go on";
      tally.operations += machine.answered();
      const std::vector<FileEvent> events = machine.Finish();
      FailPower(machine, events, StrideFor(events, 40), 1, seed, /*failed_in_last_step=*/true, &tally);
      ASSERT_EQ(tally.first, "");
    }
  }
  tally.Print("a sync that failed");
}

}  // namespace
}  // namespace dunlin
