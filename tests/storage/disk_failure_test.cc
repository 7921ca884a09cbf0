// Goal: a disk that has failed once is never trusted again: nothing is answered with OK any more, nothing is tried
// again, the error says what happened and what to do, and reads go on. Method: a real store whose writes and syncs fail
// by the file layer (tests/support/recorded_files.h) at each place where they can, once, and then succeed again, as
// they do in Linux. (What a power failure leaves after that: power_loss_test. A disk that is only full:
// full_disk_test.)

#include "storage/disk_failure.h"

#include <cerrno>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "storage/limits.h"
#include "storage/lmdb_env.h"
#include "storage/table_env.h"
#include "tests/storage/open_tables.h"
#include "tests/storage/store_model.h"
#include "tests/storage/store_tester.h"
#include "tests/support/eventually.h"
#include "tests/support/recorded_files.h"
#include "tests/support/temp_dir.h"

namespace dunlin {
namespace {

using SyncKind = FileHandler::SyncKind;

TEST(DiskFailureStatusTest, TheFirstReasonStays) {
  DiskFailure failure;
  EXPECT_TRUE(failure.status().ok());
  const absl::Status first = failure.Note(absl::InternalError("the first thing"));
  EXPECT_EQ(first.code(), absl::StatusCode::kUnavailable);
  for (const char* part : {"the first thing", "nothing is stored", "reads go on", "check the disk, then restart"}) {
    EXPECT_TRUE(absl::StrContains(first.message(), part)) << first;
  }
  EXPECT_EQ(failure.Note(absl::InternalError("the second")), first);
  EXPECT_EQ(failure.status(), first);
}

TEST(DiskFailureStatusTest, AFullDiskHasNotFailed) {
  for (const int error : {EIO, EROFS, ENXIO, ENODEV, EUCLEAN, ESHUTDOWN, EREMOTEIO, ENOTCONN, ESTALE, ETIMEDOUT}) {
    EXPECT_TRUE(IsDiskFailure(error)) << error;
  }
  for (const int error : {0, ENOSPC, EDQUOT, ENOMEM, EINTR, EACCES, EINVAL}) {
    EXPECT_FALSE(IsDiskFailure(error)) << error;
  }
}

// One way for a disk to fail.
struct Way {
  const char* name;
  std::function<void(RecordedFiles*)> fail_next;
};

void PrintTo(const Way& way, std::ostream* out) { *out << way.name; }

// What a commit meets: a write to the journal, and a sync.
const Way kCommitWays[] = {
    {"Writing", [](RecordedFiles* files) { files->FailWriteAfter(0, EIO); }},
    {"WritingToAReadOnlyFileSystem", [](RecordedFiles* files) { files->FailWriteAfter(0, EROFS); }},
    {"Syncing", [](RecordedFiles* files) { files->FailSyncAfter(SyncKind::kFile, 0, EIO); }},
};

// What the database meets when it takes over what was committed.
const Way kDatabaseWays[] = {
    {"WritingPages", [](RecordedFiles* files) { files->FailWriteAfter(0, EIO); }},
    {"WritingToAReadOnlyFileSystem", [](RecordedFiles* files) { files->FailWriteAfter(0, EROFS); }},
    {"SyncingPages", [](RecordedFiles* files) { files->FailSyncAfter(SyncKind::kFile, 0, EIO); }},
    {"SyncingTheMetaPage", [](RecordedFiles* files) { files->FailSyncAfter(SyncKind::kWrite, 0, EIO); }},
};

class DiskFailureTest : public ::testing::TestWithParam<Way> {
 protected:
  void SetUp() override {
    ASSERT_TRUE(tester_.opened().ok()) << tester_.opened();
    ASSERT_TRUE(tester_.EnterEpoch(1, false).ok());
    ASSERT_TRUE(tester_.Put("a", "1").ok());
    ASSERT_TRUE(tester_.Put("b", "1", absl::Seconds(5)).ok());
    tester_.Settle();
  }

  absl::Status failure() { return tester_.store().failure(); }

  // Gives the committer every reason to write that it has by itself.
  void LetTimePass() {
    tester_.wall_clock().Advance(absl::Seconds(10));
    (void)tester_.ApplyBatch(EmptyGroup());
    (void)tester_.ApplyBatch(EmptyGroup());
  }

  TempDir dir_;
  RecordedFiles files_{dir_.path()};
  StoreTester tester_{dir_.path(), /*sync=*/true};
};

INSTANTIATE_TEST_SUITE_P(EveryWay, DiskFailureTest, ::testing::ValuesIn(kCommitWays),
                         [](const auto& info) { return std::string(info.param.name); });

TEST_P(DiskFailureTest, EverythingIsRefusedFromThenOnAndReadsGoOn) {
  const std::string state_before = EncodeState(tester_.state());
  GetParam().fail_next(&files_);
  const absl::Status first = tester_.Put("c", "1").status();
  EXPECT_EQ(first.code(), absl::StatusCode::kUnavailable) << first;
  EXPECT_TRUE(absl::StrContains(first.message(), "journal: ")) << first;
  EXPECT_EQ(failure(), first);

  const uint64_t writes = files_.writes();
  const uint64_t syncs = files_.syncs();
  EXPECT_EQ(tester_.Put("d", "1").status(), first);
  EXPECT_EQ(tester_.Delete("a").status(), first);
  EXPECT_EQ(tester_.Write(WriteOf({PutOf("a", "2"), DeleteOf("b")})).status(), first);
  EXPECT_EQ(tester_.Write(WriteOf({PutOf("a", "2")}, IfAbsent())).status(), first);
  EXPECT_EQ(tester_.Apply({RemotePut("a", Version{UINT64_MAX, 1}, "2")}).status(), first);
  EXPECT_EQ(tester_.Apply({}, 1, 5).status(), first) << "nor does the position move";
  EXPECT_EQ(tester_.EnterEpoch(2, true), first);
  tester_.committer().AdvanceMirrored({1, 1, {{"a", 1}}});
  LetTimePass();
  EXPECT_EQ(files_.writes(), writes) << "nothing is tried again";
  EXPECT_EQ(files_.syncs(), syncs);

  EXPECT_EQ(EncodeState(tester_.state()), state_before);
  EXPECT_EQ(tester_.Get("a"), "1");
  EXPECT_EQ(tester_.Get("c"), "(absent)");
  EXPECT_EQ(tester_.ListAll().size(), 1u) << "b has expired meanwhile";
  EXPECT_EQ(tester_.Outbox().size(), 2u) << "what was answered can still be sent";
  EXPECT_TRUE(tester_.store().UsedBytes().ok());
}

TEST_P(DiskFailureTest, ARestartFindsWhatWasAnswered) {
  GetParam().fail_next(&files_);
  ASSERT_FALSE(tester_.Put("c", "1").ok());
  tester_.Close();
  ASSERT_TRUE(tester_.Open().ok());
  EXPECT_TRUE(failure().ok());
  EXPECT_EQ(tester_.Get("a"), "1");
  EXPECT_EQ(tester_.Get("b"), "1");
  // The one that met it may be there or not.
  EXPECT_TRUE(tester_.Put("d", "1").ok());
  const StoreState state = tester_.state();
  tester_.Close();
  const std::unique_ptr<TableEnv> env = OpenTables(dir_.path());
  EXPECT_EQ(CheckTables(*env->BeginRead(), state), "");
}

TEST_P(DiskFailureTest, TheWholeGroupIsRefused) {
  Gate gate;
  tester_.HoldCommitter(&gate);
  std::vector<WriteAnswer> answers(3);
  for (size_t i = 0; i < answers.size(); ++i) {
    tester_.committer().Write(WriteOf({PutOf(absl::StrCat("key", i), "x")}), answers[i].Callback());
  }
  GetParam().fail_next(&files_);
  gate.Open();
  for (WriteAnswer& answer : answers) {
    EXPECT_EQ(answer.Get().status().code(), absl::StatusCode::kUnavailable);
  }
  EXPECT_EQ(tester_.ListAll().size(), 2u);
}

TEST_P(DiskFailureTest, TheSweepCanMeetItToo) {
  GetParam().fail_next(&files_);
  LetTimePass();
  EXPECT_EQ(failure().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(tester_.Put("c", "1").status(), failure());
}

TEST_P(DiskFailureTest, WritingAPositionDownCanMeetItToo) {
  LetTimePass();
  ASSERT_TRUE(tester_.Apply({}, 1, 5).ok());
  GetParam().fail_next(&files_);
  LetTimePass();
  EXPECT_EQ(failure().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(tester_.Put("c", "1").status(), failure());
}

// ---- The database ----

class DatabaseFailureTest : public DiskFailureTest {};

INSTANTIATE_TEST_SUITE_P(EveryWay, DatabaseFailureTest, ::testing::ValuesIn(kDatabaseWays),
                         [](const auto& info) { return std::string(info.param.name); });

TEST_P(DatabaseFailureTest, WhatWasAnsweredBeforeIsNotLostAndNothingIsAnsweredAfter) {
  // Nothing of what was put before is left to be written.
  tester_.Close();
  ASSERT_TRUE(tester_.Open().ok());
  ASSERT_TRUE(tester_.Put("c", "1").ok());
  tester_.Settle();
  GetParam().fail_next(&files_);
  tester_.wall_clock().Advance(kCheckpointPeriod);
  ASSERT_TRUE(Eventually([&] {
    // Lets the committer look at what is due.
    (void)tester_.ApplyBatch(EmptyGroup());
    return !failure().ok();
  }));
  EXPECT_TRUE(absl::StrContains(failure().message(), "database: ")) << failure();
  EXPECT_EQ(tester_.Put("d", "1").status(), failure());
  EXPECT_EQ(tester_.Get("c"), "1");
  EXPECT_EQ(tester_.ListAll().size(), 3u);
  tester_.Close();
  ASSERT_TRUE(tester_.Open().ok());
  EXPECT_TRUE(failure().ok());
  EXPECT_EQ(tester_.Get("c"), "1");
  EXPECT_EQ(tester_.Get("d"), "(absent)");
}

TEST_P(DatabaseFailureTest, ReadsUnderWayAndPooledOnesGoOn) {
  tester_.Close();
  const std::unique_ptr<LmdbEnv> env = OpenDatabase(dir_.path(), /*sync=*/true);
  std::vector<LmdbTxn> under_way;
  for (int i = 0; i < 4; ++i) {
    under_way.push_back(*env->BeginRead());
  }
  // Two of them wait in the pool.
  under_way.pop_back();
  under_way.pop_back();
  {
    GetParam().fail_next(&files_);
    absl::StatusOr<LmdbTxn> txn = env->BeginWrite();
    ASSERT_TRUE(txn->Put(Table::kMeta, "key", "value").ok());
    ASSERT_FALSE(txn->Commit().ok());
  }
  EXPECT_EQ(env->BeginWrite().status(), env->failure());
  for (int round = 0; round < 3; ++round) {
    std::vector<LmdbTxn> readers;
    for (int i = 0; i < 4; ++i) {
      readers.push_back(*env->BeginRead());
    }
    for (const LmdbTxn& txn : readers) {
      EXPECT_EQ(*txn.Count(Table::kRecords), 2u);
      EXPECT_EQ(*txn.Get(Table::kMeta, "key"), absl::nullopt) << "it was not committed";
    }
    for (const LmdbTxn& txn : under_way) {
      EXPECT_EQ(*txn.Count(Table::kRecords), 2u);
    }
    if (!under_way.empty()) {
      under_way.pop_back();
    }
  }
}

// What all of the above relies on: every way in which LMDB changes its file is recorded, the meta page included.
TEST(DiskFailureLayerTest, ACommitIsSeenFromItsFirstPageToTheMetaPage) {
  TempDir dir;
  RecordedFiles files(dir.path());
  const std::unique_ptr<LmdbEnv> env = OpenDatabase(dir.path(), /*sync=*/true);
  const size_t before = files.events().size();
  absl::StatusOr<LmdbTxn> txn = env->BeginWrite();
  ASSERT_TRUE(txn->Put(Table::kRecords, "key", "value").ok());
  ASSERT_TRUE(txn->Commit().ok());
  const std::vector<FileEvent> events = files.events();
  ASSERT_GE(events.size(), before + 4);
  const std::vector<FileEvent> last(events.end() - 4, events.end());
  EXPECT_EQ(last[0].kind, FileEvent::Kind::kWrite);
  EXPECT_EQ(last[1].kind, FileEvent::Kind::kSynced);
  EXPECT_EQ(last[2].kind, FileEvent::Kind::kWrite);
  EXPECT_LT(last[2].number, 8192u) << "one of the first two pages";
  EXPECT_EQ(last[3].kind, FileEvent::Kind::kWriteSynced);
  for (const FileEvent& event : last) {
    EXPECT_EQ(event.path, "data.mdb");
  }
}

}  // namespace
}  // namespace dunlin
