// Goal: a test can rely on the processes and directories it makes: they tell how they ended, and nothing is left over.
// Method: real programs of the system.

#include "tests/support/process.h"

#include <signal.h>

#include <filesystem>
#include <fstream>

#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/eventually.h"
#include "tests/support/read_file.h"
#include "tests/support/temp_dir.h"

namespace dunlin {
namespace {

absl::Time Patience() { return absl::Now() + kTestPatience; }

TEST(Process, TellsTheExitCodeAndCapturesOutputWithItsEnvironment) {
  const TempDir directory;
  Process::Options options;
  options.command = {"sh", "-c", "echo \"out $DUNLIN_TEST\"; echo err >&2; pwd; exit 7"};
  options.environment = {"DUNLIN_TEST=42"};
  options.directory = directory.path();
  options.output_path = directory.Join("output");
  absl::StatusOr<std::unique_ptr<Process>> process = Process::Start(options);
  ASSERT_TRUE(process.ok()) << process.status();
  const absl::StatusOr<Process::Exit> exit = (*process)->Wait(Patience());
  ASSERT_TRUE(exit.ok()) << exit.status();
  EXPECT_EQ(exit->code, 7);
  EXPECT_EQ(exit->signal, 0);
  EXPECT_EQ(ReadFile(directory.Join("output")), "out 42\nerr\n" + directory.path() + "\n");
}

TEST(Process, AMissingProgramIsToldAtTheStart) {
  Process::Options options;
  options.command = {"dunlin-no-such-program"};
  const absl::Status status = Process::Start(options).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()), testing::HasSubstr("dunlin-no-such-program"));
}

TEST(Process, AWaitThatIsTooShortLeavesItRunning) {
  Process::Options options;
  options.command = {"sleep", "1000"};
  absl::StatusOr<std::unique_ptr<Process>> process = Process::Start(options);
  ASSERT_TRUE(process.ok()) << process.status();
  EXPECT_EQ((*process)->Wait(absl::Now()).status().code(), absl::StatusCode::kDeadlineExceeded);
  EXPECT_TRUE((*process)->IsRunning());
  (*process)->Signal(SIGTERM);
  const absl::StatusOr<Process::Exit> exit = (*process)->Wait(Patience());
  ASSERT_TRUE(exit.ok()) << exit.status();
  EXPECT_EQ(exit->signal, SIGTERM);
}

TEST(Process, DoesNotOutliveItsObjectEvenWhenStopped) {
  Process::Options options;
  options.command = {"sleep", "1000"};
  absl::StatusOr<std::unique_ptr<Process>> process = Process::Start(options);
  ASSERT_TRUE(process.ok()) << process.status();
  const pid_t pid = (*process)->pid();
  (*process)->Signal(SIGSTOP);
  process->reset();
  EXPECT_NE(kill(pid, 0), 0);
}

TEST(TempDir, TakesEverythingInsideWithIt) {
  std::string path;
  {
    const TempDir directory;
    path = directory.path();
    std::filesystem::create_directory(directory.Join("inner"));
    std::ofstream(directory.Join("inner/file")) << "content";
    EXPECT_TRUE(std::filesystem::exists(directory.Join("inner/file")));
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

}  // namespace
}  // namespace dunlin
