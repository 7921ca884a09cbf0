// Goal (guarantee G12): on a full disk, as in a full map, what needs room is refused with the reason and leaves nothing
// half done; reads, and deletes where there is a page left for them, go on; and when there is space again, all does, in
// the same process. Method: the same story on files that cannot grow (tests/support/recorded_files.h), which says
// exactly where a write is cut, and on a small file system of its own that is filled up (skipped where this user may
// not mount one).

#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
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

const std::string& LargeValue() {
  static const auto* const value = new std::string(50'000, 'x');
  return *value;
}

// A disk that can be filled up.
class Disk {
 public:
  virtual ~Disk() = default;
  // What keeps this machine from having one; empty if nothing.
  virtual std::string Prepare(const std::string& directory) = 0;
  virtual void FillUp() = 0;
  virtual void MakeRoom() = 0;
};

class FilesThatCannotGrow final : public Disk {
 public:
  std::string Prepare(const std::string& directory) override {
    directory_ = directory;
    files_ = std::make_unique<RecordedFiles>(directory);
    return "";
  }
  void FillUp() override { files_->LimitFileSize(std::filesystem::file_size(directory_ + "/data.mdb")); }
  void MakeRoom() override { files_->LimitFileSize(UINT64_MAX); }

 private:
  std::string directory_;
  std::unique_ptr<RecordedFiles> files_;
};

class SmallFileSystem final : public Disk {
 public:
  ~SmallFileSystem() override {
    if (!directory_.empty()) {
      umount2(directory_.c_str(), MNT_DETACH);
    }
  }
  std::string Prepare(const std::string& directory) override {
    // Mounts of its own end with a process that is killed; where it cannot have them, the destructor has to do.
    if (unshare(CLONE_NEWNS) == 0) {
      mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
    }
    if (mount("tmpfs", directory.c_str(), "tmpfs", 0, "size=4m") != 0) {
      return absl::StrCat("this user may not mount a tmpfs: ", std::strerror(errno));
    }
    directory_ = directory;
    return "";
  }
  void FillUp() override {
    std::ofstream filler(directory_ + "/filler", std::ios::binary);
    while (filler << std::string(4096, 'f') << std::flush) {
    }
  }
  void MakeRoom() override { std::filesystem::remove(directory_ + "/filler"); }

 private:
  std::string directory_;
};

class FullDiskTest : public ::testing::TestWithParam<const char*> {
 protected:
  void SetUp() override {
    disk_ = GetParam() == std::string("FilesThatCannotGrow") ? std::unique_ptr<Disk>(new FilesThatCannotGrow)
                                                             : std::unique_ptr<Disk>(new SmallFileSystem);
    const std::string obstacle = disk_->Prepare(dir_.path());
    if (!obstacle.empty()) {
      GTEST_SKIP() << obstacle;
    }
    tester_ = std::make_unique<StoreTester>(dir_.path(), /*sync=*/true);
    ASSERT_TRUE(tester_->opened().ok()) << tester_->opened();
    for (int i = 0; i < 10; ++i) {
      ASSERT_TRUE(tester_->Put(absl::StrCat("large", i), LargeValue()).ok());
    }
  }

  void TearDown() override { tester_.reset(); }

  // Fills the disk up and puts until that is refused. Returns why.
  absl::Status PutUntilRefused() {
    disk_->FillUp();
    absl::Status status;
    for (int i = 0; i < 1000 && status.ok(); ++i) {
      status = tester_->Put(absl::StrCat("more", i), LargeValue()).status();
    }
    return status;
  }

  // In which way the tables on the disk contradict the state; empty if in none.
  std::string Check() {
    const StoreState state = tester_->state();
    tester_->Close();
    std::string wrong;
    {
      const std::unique_ptr<TableEnv> env = OpenTables(dir_.path());
      wrong = CheckTables(*env->BeginRead(), state);
    }
    EXPECT_TRUE(tester_->Open().ok());
    return wrong;
  }

  TempDir dir_;
  std::unique_ptr<Disk> disk_;
  std::unique_ptr<StoreTester> tester_;
};

INSTANTIATE_TEST_SUITE_P(EveryDisk, FullDiskTest, ::testing::Values("FilesThatCannotGrow", "SmallFileSystem"),
                         [](const auto& info) { return std::string(info.param); });

TEST_P(FullDiskTest, RefusesWhatNeedsRoomAndGoesOnWhenThereIsSpace) {
  const absl::Status refused = PutUntilRefused();
  ASSERT_EQ(refused.code(), absl::StatusCode::kResourceExhausted) << refused;
  EXPECT_TRUE(absl::StrContains(refused.message(), "free disk space")) << refused;
  EXPECT_TRUE(tester_->store().failure().ok()) << "a full disk has not failed";

  const std::string before = EncodeState(tester_->state());
  EXPECT_EQ(tester_->Write(WriteOf({DeleteOf("large0"), PutOf("new", std::string(500'000, 'x'))})).status().code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(tester_->Apply({RemotePut("remote", Version{1, 1}, std::string(500'000, 'x'))}).status().code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(EncodeState(tester_->state()), before) << "nothing is half done";
  EXPECT_EQ(tester_->Get("large0"), LargeValue());
  EXPECT_EQ(tester_->Get("new"), "(absent)");

  disk_->MakeRoom();
  EXPECT_TRUE(tester_->Put("new", LargeValue()).ok());
  EXPECT_TRUE(tester_->Apply({RemotePut("remote", Version{1, 1}, LargeValue())}).ok());
  EXPECT_EQ(Check(), "");
}

TEST_P(FullDiskTest, DeletesMakeRoomWithoutSpaceOnTheDisk) {
  ASSERT_EQ(PutUntilRefused().code(), absl::StatusCode::kResourceExhausted);
  for (int i = 0; i < 10; ++i) {
    const absl::Status deleted = tester_->Delete(absl::StrCat("large", i)).status();
    EXPECT_TRUE(deleted.ok()) << deleted;
  }
  for (int i = 0; i < 5; ++i) {
    const absl::Status put = tester_->Put(absl::StrCat("again", i), LargeValue()).status();
    EXPECT_TRUE(put.ok()) << put;
  }
  EXPECT_EQ(Check(), "");
}

// The journal's file cannot grow, but the database has room for what is in it.
TEST_P(FullDiskTest, WhatTheDatabaseHasRoomForNeedsNoLargerJournal) {
  for (int i = 0; i < 6; ++i) {
    ASSERT_TRUE(tester_->Delete(absl::StrCat("large", i)).ok());
  }
  // Twice, since pages that a checkpoint frees are for those after the next one.
  for (int i = 0; i < 2; ++i) {
    tester_->Close();
    ASSERT_TRUE(tester_->Open().ok());
    ASSERT_TRUE(tester_->Put("small", absl::StrCat(i)).ok());
  }
  disk_->FillUp();
  const size_t segment_bytes = 2 * tester_->store_options().write_buffer_bytes;
  EXPECT_TRUE(tester_->Put("less", std::string(segment_bytes / 3, 'x')).ok());
  const absl::Status put = tester_->Put("more", std::string(segment_bytes * 4 / 5, 'x')).status();
  EXPECT_TRUE(put.ok()) << put;
  EXPECT_EQ(Check(), "");
}

TEST_P(FullDiskTest, ADeleteDoesNotFailForWhatDoesNotFitInItsGroupNorIsProgressForgotten) {
  ASSERT_TRUE(tester_->EnterEpoch(1, false).ok());
  ASSERT_EQ(PutUntilRefused().code(), absl::StatusCode::kResourceExhausted);
  const uint64_t outbox = tester_->state().outbox_depth;
  Gate gate;
  tester_->HoldCommitter(&gate);
  WriteAnswer put;
  WriteAnswer remove;
  tester_->committer().Write(WriteOf({PutOf("new", std::string(500'000, 'x'))}), put.Callback());
  tester_->committer().AdvanceMirrored({1, 1, {{"large0", 1}}});
  tester_->committer().Write(WriteOf({DeleteOf("large1")}), remove.Callback());
  gate.Open();
  EXPECT_EQ(put.Get().status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(remove.Get().ok()) << remove.Get().status();
  EXPECT_EQ(tester_->Get("large1"), "(absent)");
  EXPECT_EQ(tester_->state().outbox_depth, outbox - 1);

  // Nor for a remote batch that does not fit.
  Gate other_gate;
  tester_->HoldCommitter(&other_gate);
  RemoteBatch batch;
  batch.records = {RemotePut("remote", Version{1, 1}, std::string(500'000, 'x'))};
  ApplyAnswer apply;
  WriteAnswer other_remove;
  tester_->committer().Apply(std::move(batch), apply.Callback());
  tester_->committer().AdvanceMirrored({1, 3, {{"large2", 3}}});
  tester_->committer().Write(WriteOf({DeleteOf("large3")}), other_remove.Callback());
  other_gate.Open();
  EXPECT_EQ(apply.Get().status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(other_remove.Get().ok()) << other_remove.Get().status();
  EXPECT_EQ(tester_->Get("large3"), "(absent)");
  EXPECT_EQ(tester_->state().outbox_depth, outbox - 2);
}

TEST_P(FullDiskTest, AReplicaCanBeStartedAndRead) {
  ASSERT_EQ(PutUntilRefused().code(), absl::StatusCode::kResourceExhausted);
  const std::string before = EncodeState(tester_->state());
  tester_->Close();
  ASSERT_TRUE(tester_->Open().ok());
  EXPECT_EQ(EncodeState(tester_->state()), before);
  EXPECT_EQ(tester_->Get("large0"), LargeValue());
  disk_->MakeRoom();
  EXPECT_TRUE(tester_->Put("new", LargeValue()).ok());
}

// What the database could not take is in one table in memory then.
TEST_P(FullDiskTest, OnAnotherRunOfTheMachineItStartsTooAndDeletesMakeRoom) {
  ASSERT_EQ(PutUntilRefused().code(), absl::StatusCode::kResourceExhausted);
  const uint64_t revision = tester_->state().revision;
  tester_->Close();
  tester_->store_options().boot_id = "another";
  ASSERT_TRUE(tester_->Open().ok());
  EXPECT_EQ(tester_->state().revision, revision + kRevisionsPassedOver);
  for (int i = 0; i < 10; ++i) {
    const absl::Status deleted = tester_->Delete(absl::StrCat("large", i)).status();
    EXPECT_TRUE(deleted.ok()) << deleted;
  }
  const absl::Status put = tester_->Put("again", LargeValue()).status();
  EXPECT_TRUE(put.ok()) << put;
  EXPECT_EQ(Check(), "");
}

// LMDB's table of readers is a file of its own, written through a mapping: where it had no place on the disk, the write
// would end the process.
TEST_P(FullDiskTest, EveryReaderFindsItsPlace) {
  tester_->Close();
  LmdbEnv::Options options;
  options.directory = dir_.path();
  options.map_size_bytes = size_t{1} << 30;
  options.readers_max = 1024;
  const std::unique_ptr<LmdbEnv> env = *LmdbEnv::Open(options);
  disk_->FillUp();
  std::vector<LmdbTxn> readers;
  for (int i = 0; i < 1024; ++i) {
    absl::StatusOr<LmdbTxn> reader = env->BeginRead();
    ASSERT_TRUE(reader.ok()) << i << ": " << reader.status();
    readers.push_back(*std::move(reader));
  }
}

// ---- The map ----

TEST(FullMapTest, DeletesMakeRoomAndPutsGoOn) {
  TempDir dir;
  StoreTester tester(dir.path());
  tester.Close();
  tester.store_options().map_size_bytes = size_t{1} << 20;
  ASSERT_TRUE(tester.Open().ok());
  absl::Status status;
  int stored = 0;
  for (; stored < 1000; ++stored) {
    status = tester.Put(absl::StrCat("key", stored), LargeValue()).status();
    if (!status.ok()) {
      break;
    }
  }
  ASSERT_EQ(status.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_TRUE(absl::StrContains(status.message(), "--database-map-size")) << status;
  EXPECT_TRUE(tester.store().failure().ok());
  for (int i = 0; i < stored; ++i) {
    EXPECT_EQ(tester.Get(absl::StrCat("key", i)), LargeValue());
    EXPECT_TRUE(tester.Delete(absl::StrCat("key", i)).ok());
  }
  // Not all: free pages that do not lie side by side are of no use for large values.
  for (int i = 0; i < stored / 2; ++i) {
    EXPECT_TRUE(tester.Put(absl::StrCat("key", i), LargeValue()).ok()) << i;
  }
}

// ---- A write that is cut short ----

// LMDB says EIO of it, which would be a disk that has failed.
TEST(ShortWriteTest, IsAFullDiskNotAFailedOne) {
  TempDir dir;
  RecordedFiles files(dir.path());
  StoreTester tester(dir.path(), /*sync=*/true);
  ASSERT_TRUE(tester.opened().ok());
  // Of the pages of a large value, one after the other in the file, half fit.
  files.LimitFileSize(std::filesystem::file_size(dir.Join("data.mdb")) + LargeValue().size() / 2);
  ASSERT_TRUE(tester.Put("key", LargeValue()).ok()) << "it is in the journal";
  tester.Settle();
  // The first checkpoint fails, and the put after it.
  absl::Status status;
  ASSERT_TRUE(Eventually([&] {
    tester.wall_clock().Advance(kCheckpointPeriod);
    status = tester.Put("key", LargeValue()).status();
    return !status.ok();
  }));
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
  EXPECT_TRUE(absl::StrContains(status.message(), "free disk space")) << status;
  EXPECT_TRUE(tester.store().failure().ok());
  EXPECT_EQ(tester.Get("key"), LargeValue());
  files.LimitFileSize(UINT64_MAX);
  EXPECT_TRUE(tester.Put("key", LargeValue()).ok());
}

}  // namespace
}  // namespace dunlin
