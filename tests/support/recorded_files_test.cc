// Goal: the record has what the program does to its files, faults strike where they are put, and images show what a
// power failure may leave: all that was synced, and nothing that was never written. Method: system calls by hand;
// images by the hundred from a seed. (That what liblmdb does is seen, too: tests/storage/disk_failure_test.)

#include "tests/support/recorded_files.h"

#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/support/power_loss.h"
#include "tests/support/read_file.h"
#include "tests/support/temp_dir.h"

namespace dunlin {
namespace {

using Kind = FileEvent::Kind;

// A word for each event.
std::string Words(const std::vector<FileEvent>& events) {
  static const char* const kNames[] = {"write",   "truncate", "synced",  "write-synced", "sync-failed", "write-failed",
                                       "created", "renamed",  "removed", "names-synced", "mark"};
  std::string words;
  for (const FileEvent& event : events) {
    absl::StrAppend(&words, words.empty() ? "" : " ", kNames[static_cast<int>(event.kind)]);
  }
  return words;
}

class RecordedFilesTest : public ::testing::Test {
 protected:
  int Open(const std::string& name, int flags = O_RDWR | O_CREAT) {
    return open(dir_.Join(name).c_str(), flags | O_CLOEXEC, 0600);
  }

  static void Write(int fd, const std::string& bytes, off_t offset) {
    EXPECT_EQ(pwrite(fd, bytes.data(), bytes.size(), offset), static_cast<ssize_t>(bytes.size()));
  }

  // The different contents of `name` in `count` images as of the end of the record; "(none)" if it is not there.
  std::set<std::string> Found(const std::string& name, int count = 300) {
    const std::vector<FileEvent> events = files_.events();
    PowerLoss power(&events);
    power.AdvanceTo(events.size());
    std::mt19937_64 random(1);
    std::set<std::string> found;
    for (int i = 0; i < count; ++i) {
      TempDir image;
      power.WriteImage(&random, image.path());
      const bool exists = std::ifstream(image.Join(name)).good();
      found.insert(exists ? ReadFile(image.Join(name)) : "(none)");
    }
    return found;
  }

  TempDir dir_;
  RecordedFiles files_{dir_.path()};
};

TEST_F(RecordedFilesTest, EveryCallIsRecordedInItsOrder) {
  const int fd = Open("a");
  EXPECT_EQ(write(fd, "12", 2), 2);
  EXPECT_EQ(write(fd, "34", 2), 2);
  EXPECT_EQ(pwrite(fd, "x", 1, 1), 1);
  iovec parts[] = {{const_cast<char*>("56"), 2}, {const_cast<char*>("7"), 1}};
  EXPECT_EQ(writev(fd, parts, 2), 3);
  EXPECT_EQ(pwritev(fd, parts, 2, 10), 3);
  files_.Mark(42);
  EXPECT_EQ(fdatasync(fd), 0);
  EXPECT_EQ(fsync(fd), 0);
  EXPECT_EQ(ftruncate(fd, 4), 0);
  EXPECT_EQ(close(fd), 0);
  EXPECT_EQ(rename(dir_.Join("a").c_str(), dir_.Join("b").c_str()), 0);
  EXPECT_EQ(unlink(dir_.Join("b").c_str()), 0);
  const int directory = open(dir_.path().c_str(), O_RDONLY | O_DIRECTORY);
  EXPECT_EQ(fsync(directory), 0);
  close(directory);
  const std::vector<FileEvent> events = files_.events();
  EXPECT_EQ(Words(events),
            "created write write write write write mark synced synced truncate renamed removed names-synced");
  EXPECT_EQ(events[2].number, 2u);
  EXPECT_EQ(events[2].bytes, "34");
  EXPECT_EQ(events[4].number, 4u) << "writev writes at the descriptor's place";
  EXPECT_EQ(events[4].bytes, "567");
  EXPECT_EQ(events[5].number, 10u);
  EXPECT_EQ(events[6].number, 42u);
  EXPECT_EQ(events[10].to, "b");
  EXPECT_EQ(files_.writes(), 5u);
  EXPECT_EQ(files_.syncs(), 3u);
}

TEST_F(RecordedFilesTest, FilesElsewhereAreLeftAlone) {
  TempDir other;
  const int fd = open(other.Join("a").c_str(), O_RDWR | O_CREAT, 0600);
  EXPECT_EQ(write(fd, "12", 2), 2);
  EXPECT_EQ(fsync(fd), 0);
  close(fd);
  EXPECT_EQ(ReadFile(other.Join("a")), "12");
  EXPECT_EQ(Words(files_.events()), "");
}

TEST_F(RecordedFilesTest, FaultsStrikeOnceAndWhereTheyArePut) {
  const int fd = Open("a");
  files_.FailWriteAfter(1, EIO);
  EXPECT_EQ(write(fd, "1", 1), 1);
  EXPECT_EQ(write(fd, "2", 1), -1);
  EXPECT_EQ(errno, EIO);
  EXPECT_EQ(write(fd, "3", 1), 1);
  EXPECT_EQ(ReadFile(dir_.Join("a")), "13");
  files_.FailSyncAfter(FileHandler::SyncKind::kFile, 1, EIO);
  EXPECT_EQ(fdatasync(fd), 0);
  EXPECT_EQ(fdatasync(fd), -1);
  EXPECT_EQ(errno, EIO);
  EXPECT_EQ(fdatasync(fd), 0) << "as Linux does";
  close(fd);
}

TEST_F(RecordedFilesTest, AFailedWriteThroughHasWrittenAllTheSame) {
  const int fd = Open("a", O_RDWR | O_CREAT | O_DSYNC);
  files_.FailSyncAfter(FileHandler::SyncKind::kWrite, 0, EIO);
  EXPECT_EQ(pwrite(fd, "1", 1, 0), -1);
  EXPECT_EQ(ReadFile(dir_.Join("a")), "1") << "the page cache has it";
  EXPECT_EQ(pwrite(fd, "2", 1, 1), 1);
  close(fd);
  EXPECT_EQ(Words(files_.events()), "created write write-failed write write-synced");
}

TEST_F(RecordedFilesTest, AFullDiskCutsWritesAndTakesWhatReplaces) {
  const int fd = Open("a");
  files_.LimitFileSize(3);
  EXPECT_EQ(pwrite(fd, "12345", 5, 0), 3);
  EXPECT_EQ(pwrite(fd, "45", 2, 3), -1);
  EXPECT_EQ(errno, ENOSPC);
  EXPECT_EQ(pwrite(fd, "abc", 3, 0), 3);
  files_.LimitFileSize(2);
  EXPECT_EQ(pwrite(fd, "x", 1, 2), 1) << "what the file has, it has";
  files_.LimitFileSize(UINT64_MAX);
  EXPECT_EQ(pwrite(fd, "45", 2, 3), 2);
  close(fd);
  EXPECT_EQ(ReadFile(dir_.Join("a")), "abx45");
}

// ---- Images ----

TEST_F(RecordedFilesTest, WhatWasSyncedIsFoundAndTheRestInAnyPart) {
  const int directory = open(dir_.path().c_str(), O_RDONLY | O_DIRECTORY);
  const int fd = Open("a");
  EXPECT_EQ(Found("a"), (std::set<std::string>{"(none)", ""})) << "its name was not synced";
  fsync(directory);
  EXPECT_EQ(Found("a"), (std::set<std::string>{""}));
  Write(fd, "1", 0);
  fdatasync(fd);
  EXPECT_EQ(Found("a"), (std::set<std::string>{"1"}));
  Write(fd, "2", 1);
  Write(fd, "3", 2);
  EXPECT_EQ(Found("a"), (std::set<std::string>{"1", "12", "123", std::string("1\0", 2), std::string("1\0\0", 3),
                                               std::string("12\0", 3),
                                               std::string("1\0"
                                                           "3",
                                                           3)}));
  fdatasync(fd);
  EXPECT_EQ(Found("a"), (std::set<std::string>{"123"}));
  close(fd);
  close(directory);
}

TEST_F(RecordedFilesTest, WritesAreTornAtSectors) {
  const int fd = Open("a");
  const std::string two_sectors = std::string(512, 'a') + std::string(512, 'b');
  Write(fd, two_sectors, 0);
  std::set<std::string> found = Found("a");
  EXPECT_EQ(found.count(two_sectors), 1u);
  EXPECT_EQ(found.count(two_sectors.substr(0, 512)), 1u);
  EXPECT_EQ(found.count(std::string(512, '\0') + two_sectors.substr(512)), 1u);
  for (const std::string& content : found) {
    for (size_t sector = 0; content != "(none)" && sector < content.size(); sector += 512) {
      const std::string bytes = content.substr(sector, 512);
      const bool whole = bytes == two_sectors.substr(sector, 512) || bytes == std::string(bytes.size(), '\0');
      EXPECT_TRUE(whole) << "a sector of which a part is new";
    }
  }
  close(fd);
}

TEST_F(RecordedFilesTest, AWriteThroughIsFoundAndSaysNothingOfOtherWrites) {
  const int directory = open(dir_.path().c_str(), O_RDONLY | O_DIRECTORY);
  const int fd = Open("a");
  fsync(directory);
  const int through = Open("a", O_WRONLY | O_DSYNC);
  Write(fd, "1", 0);
  Write(through, "2", 1);
  EXPECT_EQ(Found("a"), (std::set<std::string>{"12", std::string("\0"
                                                                 "2",
                                                                 2)}));
  close(through);
  close(fd);
  close(directory);
}

TEST_F(RecordedFilesTest, ALaterSyncDoesNotMendAFailedOne) {
  const int directory = open(dir_.path().c_str(), O_RDONLY | O_DIRECTORY);
  const int fd = Open("a");
  fsync(directory);
  Write(fd, "1", 0);
  files_.FailSyncAfter(FileHandler::SyncKind::kFile, 0, EIO);
  EXPECT_EQ(fdatasync(fd), -1);
  Write(fd, "2", 1);
  EXPECT_EQ(fdatasync(fd), 0);
  EXPECT_EQ(Found("a"), (std::set<std::string>{"12", std::string("\0"
                                                                 "2",
                                                                 2)}));
  close(fd);
  close(directory);
}

TEST_F(RecordedFilesTest, RenamesGetToTheDiskInTheirOrder) {
  const int directory = open(dir_.path().c_str(), O_RDONLY | O_DIRECTORY);
  const int old_file = Open("a");
  Write(old_file, "old", 0);
  fdatasync(old_file);
  fsync(directory);
  const int new_file = Open("a.new");
  Write(new_file, "new", 0);
  fdatasync(new_file);
  ASSERT_EQ(rename(dir_.Join("a.new").c_str(), dir_.Join("a").c_str()), 0);
  EXPECT_EQ(Found("a"), (std::set<std::string>{"old", "new"}));
  EXPECT_EQ(Found("a.new"), (std::set<std::string>{"(none)", "new"}));
  fsync(directory);
  EXPECT_EQ(Found("a"), (std::set<std::string>{"new"}));
  close(new_file);
  close(old_file);
  close(directory);
}

}  // namespace
}  // namespace dunlin
