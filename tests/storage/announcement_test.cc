// Goal: what clients write is announced when it is written, before anybody sees it, and only if a power failure cannot
// make the store give its versions out again; after a sync that failed the store gives out neither them nor their
// revisions again. Method: a listener that looks at the store within the announcement; a store that is taken back to
// what it was before a write, which is what a disk that has failed leaves of it at worst.

#include <cerrno>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gtest/gtest.h"
#include "storage/journal.h"
#include "storage/limits.h"
#include "tests/storage/store_tester.h"
#include "tests/support/recorded_files.h"
#include "tests/support/temp_dir.h"

namespace dunlin {
namespace {

class AnnouncementTest : public ::testing::Test, private ChangeFeed::EarlyListener {
 protected:
  void SetUp() override {
    ASSERT_TRUE(tester_.opened().ok()) << tester_.opened();
    tester_.feed().SetEarlyListener(this);
  }
  void TearDown() override { tester_.feed().SetEarlyListener(nullptr); }

  void OnWritten(absl::Span<const ChangePtr> changes, uint64_t after_revision) override {
    EXPECT_EQ(tester_.state().revision, after_revision) << "nobody sees it yet";
    for (const ChangePtr& change : changes) {
      EXPECT_NE(tester_.Get(change->key), std::string(change->value()));
      announced_.push_back(absl::StrCat(change->key, "@", change->revision));
      last_ = *change;
    }
  }

  std::string Announced() { return absl::StrJoin(std::exchange(announced_, {}), " "); }

  TempDir dir_;
  RecordedFiles files_{dir_.path()};
  StoreTester tester_{dir_.path(), /*sync=*/true};
  // By the committer's thread, before the write is answered.
  std::vector<std::string> announced_;
  Change last_;
};

TEST_F(AnnouncementTest, AWriteIsAnnouncedOnceVersionsAreReserved) {
  ASSERT_TRUE(tester_.Put("a", "1").ok());
  EXPECT_EQ(Announced(), "") << "nothing was reserved yet";
  ASSERT_TRUE(tester_.Put("b", "1").ok());
  ASSERT_TRUE(tester_.Write(WriteOf({PutOf("c", "1"), DeleteOf("a")})).ok());
  EXPECT_EQ(Announced(), "b@2 c@3 a@4");
}

TEST_F(AnnouncementTest, TheReserveLastsForAWhileAfterAWrite) {
  ASSERT_TRUE(tester_.Put("a", "1").ok());
  for (int i = 0; i < 10; ++i) {
    tester_.wall_clock().Advance(kVersionsReserved * 0.9);
    ASSERT_TRUE(tester_.Put("a", absl::StrCat("in time ", i)).ok());
    EXPECT_NE(Announced(), "") << i;
  }
  tester_.wall_clock().Advance(kVersionsReserved * 1.1);
  ASSERT_TRUE(tester_.Put("a", "late").ok());
  EXPECT_EQ(Announced(), "");
  ASSERT_TRUE(tester_.Put("a", "next").ok());
  EXPECT_EQ(Announced(), "a@13");
}

TEST_F(AnnouncementTest, AVersionFarAheadOfTheClockIsNotAnnounced) {
  ASSERT_TRUE(tester_.Put("a", "1").ok());
  const uint64_t far_ahead = tester_.state().clock_time + (uint64_t{3600 * 1000} << kVersionCounterBits);
  ASSERT_TRUE(tester_.Apply({RemotePut("k", Version{far_ahead, 1}, "of a wrong clock")}).ok());
  const absl::StatusOr<WriteResult> over_it = tester_.Put("k", "2");
  ASSERT_TRUE(over_it.ok());
  EXPECT_GT(over_it->versions.front().time, far_ahead);
  EXPECT_EQ(Announced(), "");
  ASSERT_TRUE(tester_.Put("b", "1").ok());
  EXPECT_EQ(Announced(), "b@4") << "other keys go on by the clock";
}

TEST_F(AnnouncementTest, OnlyWhatClientsWriteIs) {
  ASSERT_TRUE(tester_.Put("a", "1").ok());
  ASSERT_TRUE(tester_.Apply({RemotePut("b", Version{1, 1}, "1")}).ok());
  RemoteBatch synced{{RemotePut("c", Version{1, 1}, "1")}, 0, 0};
  synced.awaits_sync = true;
  ASSERT_TRUE(tester_.ApplyBatch(std::move(synced)).ok());
  EXPECT_EQ(Announced(), "");

  Gate gate;
  tester_.HoldCommitter(&gate);
  WriteAnswer write;
  tester_.committer().Write(WriteOf({PutOf("d", "1")}), write.Callback());
  ApplyAnswer apply;
  tester_.committer().Apply({{RemotePut("e", Version{1, 1}, "1")}, 0, 0}, apply.Callback());
  gate.Open();
  ASSERT_TRUE(write.Get().ok());
  ASSERT_TRUE(apply.Get().ok());
  EXPECT_EQ(Announced(), "") << "nor what comes in one group with others'";
}

// What the mirror has to have read before it takes what is announced.
class OutboxListener final : public ChangeFeed::Listener {
 public:
  void OnChanges(absl::Span<const ChangePtr> changes) override {
    for (const ChangePtr& change : changes) {
      absl::StrAppend(&seen, change->unsent ? "+" : "-", change->key, " ");
    }
  }

  std::string seen;
};

TEST_F(AnnouncementTest, AChangeTellsWhetherItHasGoneIntoTheOutbox) {
  ASSERT_TRUE(tester_.EnterEpoch(2, false).ok());
  OutboxListener listener;
  tester_.feed().Subscribe({}, &listener);
  ASSERT_TRUE(tester_.Put("own", "1", absl::Seconds(5)).ok());
  ASSERT_TRUE(tester_.Apply({RemotePut("others", Version{1, 1}, "1")}).ok());
  RemoteBatch winners{{RemotePut("of another life of Redis", Version{1, 1}, "1")}, 0, 0};
  winners.seen_in_epoch = 1;
  ASSERT_TRUE(tester_.ApplyBatch(std::move(winners)).ok());
  tester_.Advance(absl::Seconds(6));
  tester_.feed().Unsubscribe(&listener);
  EXPECT_EQ(listener.seen, "+own -others +of another life of Redis +own ") << "the last one expires in the outbox";
}

TEST_F(AnnouncementTest, WhatCouldNotBeWrittenIsNot) {
  ASSERT_TRUE(tester_.Put("a", "1").ok());
  files_.FailWriteAfter(0, EIO);
  EXPECT_FALSE(tester_.Put("b", "1").ok());
  EXPECT_EQ(Announced(), "");
}

// Of what was written before a failed sync the disk may have nothing. Redis has it.
TEST_F(AnnouncementTest, AfterAFailedSyncVersionsAndRevisionsAreNotGivenOutAgain) {
  ASSERT_TRUE(tester_.Put("k", "1").ok());
  tester_.Settle();
  const TempDir before;
  std::filesystem::copy(dir_.path(), before.path(),
                        std::filesystem::copy_options::overwrite_existing | std::filesystem::copy_options::recursive);
  files_.FailSyncAfter(FileHandler::SyncKind::kFile, 0, EIO);
  ASSERT_FALSE(tester_.Put("k", "2").ok());
  ASSERT_EQ(Announced(), "k@2");
  const Change lost = last_;
  tester_.Close();
  EXPECT_TRUE(std::filesystem::exists(Journal::FailedSyncPathOf(dir_.path())));
  std::filesystem::copy(before.path(), dir_.path(),
                        std::filesystem::copy_options::overwrite_existing | std::filesystem::copy_options::recursive);

  // As bad as can be: a clock that has been put back by as much as it has gone on.
  ASSERT_TRUE(tester_.Open().ok());
  EXPECT_EQ(tester_.Get("k"), "1");
  EXPECT_FALSE(std::filesystem::exists(Journal::FailedSyncPathOf(dir_.path())));
  const absl::StatusOr<WriteResult> next = tester_.Put("k", "3");
  ASSERT_TRUE(next.ok());
  EXPECT_GT(next->versions.front(), lost.version);
  EXPECT_GT(next->revisions.front(), lost.revision);
  Position position = tester_.store().position();
  position.revision = lost.revision;
  EXPECT_FALSE(tester_.store().GoesOnFrom(position));

  tester_.Close();
  ASSERT_TRUE(tester_.Open().ok());
  EXPECT_EQ(tester_.state().revision, next->revisions.front()) << "only once";
}

// Nothing is lost on the same run of the machine.
TEST_F(AnnouncementTest, AStoreThatIsOpenedAgainAndAgainDoesNotGetAheadOfTheClock) {
  ASSERT_TRUE(tester_.Put("k", "1").ok());
  const uint64_t first = tester_.state().clock_time;
  for (int i = 0; i < 10; ++i) {
    tester_.Close();
    ASSERT_TRUE(tester_.Open().ok());
    ASSERT_TRUE(tester_.Put("k", "2").ok());
  }
  EXPECT_EQ(VersionTimeToUnixMillis(tester_.state().clock_time), VersionTimeToUnixMillis(first));
}

}  // namespace
}  // namespace dunlin
