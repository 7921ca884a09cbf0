// Goal: a journal gives back what was appended to it, in order and whole, over both of its segments; what a power
// failure has cut off at its end is not there; what is damaged before its end is not passed over. Method: a journal in
// its own directory, whose files are cut, turned or limited by the test. (Power failures at every moment:
// power_loss_test. Disks that fail: disk_failure_test.)

#include "storage/journal.h"

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "storage/disk_failure.h"
#include "storage/journal_batch.h"
#include "storage/persistence.h"
#include "tests/support/read_file.h"
#include "tests/support/recorded_files.h"
#include "tests/support/temp_dir.h"

namespace dunlin {
namespace {

constexpr uint64_t kStoreId = 99;
constexpr size_t kSegmentBytes = 4096;

class JournalTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(Journal::Create(dir_.path()).ok());
    ASSERT_EQ(Reopen(1), std::vector<std::string>());
  }

  // Closes the journal and opens it. Returns what it has from commit `first` on; or, at its end, the error.
  std::vector<std::string> Reopen(uint64_t first) {
    journal_.reset();
    Journal::Options options;
    options.directory = dir_.path();
    options.store_id = kStoreId;
    options.segment_size_bytes = kSegmentBytes;
    absl::StatusOr<std::unique_ptr<Journal>> opened = Journal::Open(options, &failure_);
    std::vector<std::string> commits;
    absl::Status status = opened.status();
    if (opened.ok()) {
      journal_ = *std::move(opened);
      status = journal_->Replay(first, [&](uint64_t number, absl::string_view rows) {
        EXPECT_TRUE(ForEachJournalRow(rows, [&](const JournalRow& row) {
          commits.push_back(absl::StrCat(number, row.deleted ? "-" : "+", row.key, "=", row.value));
        }));
        return absl::OkStatus();
      });
    }
    if (!status.ok()) {
      commits.push_back(status.ToString());
    }
    return commits;
  }

  absl::Status Append(uint64_t number, const std::string& value = "x", Persistence persistence = Persistence::kSynced) {
    JournalBatch batch;
    batch.Put(Table::kRecords, "key", value);
    const absl::Status appended = journal_->Append(number, &batch);
    return appended.ok() && persistence == Persistence::kSynced ? journal_->Sync() : appended;
  }

  std::string PathOf(size_t segment) { return Journal::PathOf(dir_.path(), segment); }

  void Turn(size_t segment, size_t at) {
    std::string bytes = ReadFile(PathOf(segment));
    bytes.at(at) = static_cast<char>(bytes.at(at) ^ 1);
    std::ofstream(PathOf(segment), std::ios::binary) << bytes;
  }

  TempDir dir_;
  DiskFailure failure_;
  std::unique_ptr<Journal> journal_;
};

TEST_F(JournalTest, GivesBackWhatWasAppended) {
  ASSERT_TRUE(Append(1, "a").ok());
  ASSERT_TRUE(Append(2, "b").ok());
  EXPECT_EQ(Reopen(1), (std::vector<std::string>{"1+key=a", "2+key=b"}));
  ASSERT_TRUE(Append(3, "c").ok());
  EXPECT_EQ(Reopen(2), (std::vector<std::string>{"2+key=b", "3+key=c"})) << "it goes on where it was";
  EXPECT_EQ(Reopen(4), std::vector<std::string>());
}

TEST_F(JournalTest, GoesOnInTheOtherSegmentAndBack) {
  ASSERT_TRUE(Append(1).ok());
  ASSERT_TRUE(Append(2).ok());
  ASSERT_TRUE(Append(3).ok());
  journal_->Switch();
  EXPECT_EQ(journal_->used_bytes(), 0u);
  ASSERT_TRUE(Append(4).ok());
  EXPECT_EQ(Reopen(2), (std::vector<std::string>{"2+key=x", "3+key=x", "4+key=x"}));
  journal_->Switch();
  // The first segment has older commits behind this one, which are no part of it any more.
  ASSERT_TRUE(Append(5).ok());
  EXPECT_EQ(Reopen(4), (std::vector<std::string>{"4+key=x", "5+key=x"}));
  journal_->Restart();
  ASSERT_TRUE(Append(6, std::string(100, 'y')).ok());
  EXPECT_EQ(Reopen(6), (std::vector<std::string>{"6+key=" + std::string(100, 'y')}));
}

TEST_F(JournalTest, WhatIsCutOffAtTheEndIsNotThere) {
  ASSERT_TRUE(Append(1, "a").ok());
  const size_t end_of_first = journal_->used_bytes();
  // It ends in a byte that is not 0: those at the end of the file come back by themselves.
  ASSERT_TRUE(Append(2, "bbbbbb").ok());
  const size_t end = journal_->used_bytes();
  const std::string whole = ReadFile(PathOf(0));
  ASSERT_NE(whole[end - 1], 0);
  for (size_t size = end_of_first; size < end; ++size) {
    std::ofstream(PathOf(0), std::ios::binary) << whole.substr(0, size);
    ASSERT_EQ(Reopen(1), (std::vector<std::string>{"1+key=a"})) << size;
    ASSERT_TRUE(Append(2, "again").ok());
    ASSERT_EQ(Reopen(1), (std::vector<std::string>{"1+key=a", "2+key=again"})) << size;
  }
}

TEST_F(JournalTest, WhatIsDamagedBeforeTheEndIsNotPassedOver) {
  ASSERT_TRUE(Append(1).ok());
  const size_t end_of_first = journal_->used_bytes();
  ASSERT_TRUE(Append(2).ok());
  const size_t end_of_second = journal_->used_bytes();
  ASSERT_TRUE(Append(3).ok());
  for (size_t at = end_of_first; at < end_of_second; ++at) {
    Turn(0, at);
    const std::vector<std::string> found = Reopen(1);
    ASSERT_EQ(found.size(), 2u) << at;
    EXPECT_TRUE(absl::StrContains(found[1], "DATA_LOSS")) << found[1];
    EXPECT_TRUE(absl::StrContains(found[1], "commit 2 is damaged or missing")) << found[1];
    Turn(0, at);
  }
  EXPECT_EQ(Reopen(1).size(), 3u);
}

// A power failure may leave any part of it.
TEST_F(JournalTest, WhatWasNotSyncedIsCutOffWhereTheFirstOfItIsMissing) {
  ASSERT_TRUE(Append(1).ok());
  const size_t end_of_first = journal_->used_bytes();
  ASSERT_TRUE(Append(2, "b", Persistence::kWritten).ok());
  const size_t end_of_second = journal_->used_bytes();
  ASSERT_TRUE(Append(3, "c", Persistence::kWritten).ok());
  ASSERT_TRUE(Append(4, "d", Persistence::kWritten).ok());
  const std::string whole = ReadFile(PathOf(0));
  EXPECT_EQ(Reopen(1).size(), 4u) << "as long as the system lives";
  for (size_t at = end_of_first; at < end_of_second; ++at) {
    std::ofstream(PathOf(0), std::ios::binary) << whole;
    Turn(0, at);
    ASSERT_EQ(Reopen(1), (std::vector<std::string>{"1+key=x"})) << at;
    // What follows the old commits, and stands before what is left of others, is not taken for one of them.
    ASSERT_TRUE(Append(2, "", Persistence::kWritten).ok());
    ASSERT_EQ(Reopen(1), (std::vector<std::string>{"1+key=x", "2+key="})) << at;
    ASSERT_TRUE(Append(3, "again").ok());
    ASSERT_EQ(Reopen(1), (std::vector<std::string>{"1+key=x", "2+key=", "3+key=again"})) << at;
  }
}

TEST_F(JournalTest, ASyncCoversWhatWasWrittenBefore) {
  ASSERT_TRUE(Append(1, "a", Persistence::kWritten).ok());
  ASSERT_TRUE(Append(2, "b").ok());
  ASSERT_TRUE(Append(3, "c", Persistence::kWritten).ok());
  Turn(0, 45);
  EXPECT_TRUE(absl::StrContains(Reopen(1).back(), "commit 1 is damaged or missing")) << Reopen(1).back();
}

TEST_F(JournalTest, GoesOnInTheOtherSegmentOnlyWhenAllIsSynced) {
  journal_.reset();
  RecordedFiles files(dir_.path());
  ASSERT_EQ(Reopen(1).size(), 0u);
  ASSERT_TRUE(Append(1).ok());
  files.FailSyncAfter(FileHandler::SyncKind::kFile, 0, EIO);
  journal_->Switch();
  EXPECT_TRUE(failure_.status().ok()) << "all was synced";
  ASSERT_TRUE(Append(2, "b", Persistence::kWritten).ok());
  journal_->Switch();
  EXPECT_FALSE(failure_.status().ok()) << "the sync has failed";
}

TEST_F(JournalTest, ASegmentThatHasLostItsEndIsMissed) {
  ASSERT_TRUE(Append(1).ok());
  ASSERT_TRUE(Append(2).ok());
  journal_->Switch();
  ASSERT_TRUE(Append(3).ok());
  std::ofstream(PathOf(0), std::ios::binary) << ReadFile(PathOf(0)).substr(0, 100);
  EXPECT_TRUE(absl::StrContains(Reopen(1).back(), "DATA_LOSS"));
  EXPECT_EQ(Reopen(3), (std::vector<std::string>{"3+key=x"})) << "unless the database has it";
}

TEST_F(JournalTest, AMissingFileIsTold) {
  ASSERT_TRUE(Append(1).ok());
  std::filesystem::remove(PathOf(1));
  EXPECT_TRUE(absl::StrContains(Reopen(1).back(), "DATA_LOSS"));
  EXPECT_TRUE(absl::StrContains(Reopen(1).back(), "journal.1 is missing"));
}

TEST_F(JournalTest, ASegmentGrowsForALargeCommitAndNoLonger) {
  ASSERT_TRUE(Append(1, std::string(3 * kSegmentBytes, 'x')).ok());
  EXPECT_GT(std::filesystem::file_size(PathOf(0)), 3 * kSegmentBytes);
  journal_->Switch();
  ASSERT_TRUE(Append(2).ok());
  journal_->Switch();
  EXPECT_EQ(std::filesystem::file_size(PathOf(0)), kSegmentBytes);
  ASSERT_TRUE(Append(3).ok());
  EXPECT_EQ(Reopen(2).size(), 2u);
}

TEST_F(JournalTest, OnAFullDiskNothingHasHappened) {
  journal_.reset();
  RecordedFiles files(dir_.path());
  ASSERT_EQ(Reopen(1).size(), 0u);
  ASSERT_TRUE(Append(1, "a").ok());
  files.FailWriteAfter(0, ENOSPC);
  const absl::Status full = Append(2, "b");
  EXPECT_EQ(full.code(), absl::StatusCode::kResourceExhausted) << full;
  EXPECT_TRUE(absl::StrContains(full.message(), "free disk space")) << full;
  EXPECT_TRUE(failure_.status().ok());
  ASSERT_TRUE(Append(2, "c").ok());
  EXPECT_EQ(Reopen(1), (std::vector<std::string>{"1+key=a", "2+key=c"}));
}

}  // namespace
}  // namespace dunlin
