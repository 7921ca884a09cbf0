// Goal: one process at a time has a data directory, its end in any form gives it back, and every refusal says what to
// do. Method: children that hold the directory and are killed, and directories that cannot be used.

#include "storage/data_directory.h"

#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/support/temp_dir.h"

namespace dunlin {
namespace {

// A child process that holds the directory until it is killed.
class Holder {
 public:
  explicit Holder(const std::string& path) {
    int ready[2];
    EXPECT_EQ(pipe(ready), 0);
    pid_ = fork();
    if (pid_ == 0) {
      const absl::StatusOr<DataDirectory> directory = DataDirectory::Acquire(path);
      const char held = directory.ok() ? 1 : 0;
      (void)!write(ready[1], &held, 1);
      while (true) {
        pause();
      }
    }
    char held = 0;
    EXPECT_EQ(read(ready[0], &held, 1), 1);
    EXPECT_EQ(held, 1);
    close(ready[0]);
    close(ready[1]);
  }
  ~Holder() { Kill(); }

  pid_t pid() const { return pid_; }

  void Kill() {
    if (pid_ > 0) {
      kill(pid_, SIGKILL);
      waitpid(pid_, nullptr, 0);
      pid_ = 0;
    }
  }

 private:
  pid_t pid_ = 0;
};

TEST(DataDirectoryTest, CreatesTheDirectoryButNotItsParent) {
  TempDir dir;
  const std::string path = dir.Join("data");
  const absl::StatusOr<DataDirectory> directory = DataDirectory::Acquire(path);
  ASSERT_TRUE(directory.ok()) << directory.status();
  EXPECT_EQ(directory->path(), path);
  struct stat info;
  ASSERT_EQ(stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0027, 0u) << "others have no business in it";

  const absl::Status orphan = DataDirectory::Acquire(dir.Join("missing/data")).status();
  EXPECT_EQ(orphan.code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(absl::StrContains(orphan.message(), "create its parent first")) << orphan;
}

TEST(DataDirectoryTest, ASecondProcessIsRefusedWithTheIdOfTheFirst) {
  TempDir dir;
  const Holder holder(dir.path());
  const absl::Status status = DataDirectory::Acquire(dir.path()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_TRUE(absl::StrContains(status.message(), absl::StrCat("process ", holder.pid(), ":"))) << status;
  EXPECT_TRUE(absl::StrContains(status.message(), dir.path())) << status;
}

TEST(DataDirectoryTest, AKilledProcessGivesItBack) {
  TempDir dir;
  Holder holder(dir.path());
  ASSERT_FALSE(DataDirectory::Acquire(dir.path()).ok());
  holder.Kill();
  const absl::StatusOr<DataDirectory> directory = DataDirectory::Acquire(dir.path());
  ASSERT_TRUE(directory.ok()) << directory.status();
  const absl::Status second = DataDirectory::Acquire(dir.path()).status();
  EXPECT_TRUE(absl::StrContains(second.message(), absl::StrCat("process ", getpid(), ":")))
      << "no trace of a longer process id: " << second;
}

TEST(DataDirectoryTest, TheSameProcessIsRefusedTooAndTheEndOfTheObjectGivesItBack) {
  TempDir dir;
  {
    absl::StatusOr<DataDirectory> first = DataDirectory::Acquire(dir.path());
    ASSERT_TRUE(first.ok());
    const DataDirectory moved = *std::move(first);
    EXPECT_EQ(DataDirectory::Acquire(dir.path()).status().code(), absl::StatusCode::kFailedPrecondition);
  }
  EXPECT_TRUE(DataDirectory::Acquire(dir.path()).ok());
}

TEST(DataDirectoryTest, AFileIsNotADirectory) {
  TempDir dir;
  const std::string path = dir.Join("file");
  std::ofstream(path) << "content";
  const absl::Status status = DataDirectory::Acquire(path).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(absl::StrContains(status.message(), "name a directory")) << status;
}

TEST(DataDirectoryTest, ADirectoryThatCannotBeWrittenIsPermissionDenied) {
  TempDir dir;
  ASSERT_EQ(chmod(dir.path().c_str(), 0555), 0);
  // Root may write everywhere, so a child does it as nobody.
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const bool unprivileged = getuid() != 0 || setuid(65534) == 0;
    const bool denied = absl::IsPermissionDenied(DataDirectory::Acquire(dir.path()).status()) &&
                        absl::IsPermissionDenied(DataDirectory::Acquire(dir.Join("below")).status());
    _exit(unprivileged ? (denied ? 0 : 1) : 2);
  }
  int result = 0;
  ASSERT_EQ(waitpid(child, &result, 0), child);
  if (WIFEXITED(result) && WEXITSTATUS(result) == 2) {
    GTEST_SKIP() << "this user may neither be denied a directory nor become another user";
  }
  EXPECT_TRUE(WIFEXITED(result) && WEXITSTATUS(result) == 0) << result;
}

TEST(DataDirectoryTest, TheNamesInItCanBeSynced) {
  TempDir dir;
  const absl::StatusOr<DataDirectory> directory = DataDirectory::Acquire(dir.Join("data"));
  ASSERT_TRUE(directory.ok());
  EXPECT_TRUE(directory->SyncNames().ok()) << directory->SyncNames();
}

}  // namespace
}  // namespace dunlin
