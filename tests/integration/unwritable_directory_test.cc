// Goal: a replica that may not write its data directory says which one, and what to do, and ends with exit code 2; once
// it may, it has what lies there.
// Method: directories and files without the right, and a dunlind that is held to it: root's programs are not, so that
// under root it is started without root's capabilities (setpriv). Where that does not take them away either, the test
// is skipped and says so.

#include <sys/stat.h>
#include <unistd.h>

#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/eventually.h"
#include "tests/support/fleet.h"
#include "tests/support/process.h"
#include "tests/support/read_file.h"
#include "tests/support/replica_process.h"
#include "tests/support/temp_dir.h"

namespace dunlin {
namespace {

using testing::HasSubstr;

constexpr int kUsageExitCode = 2;

// `program`, held to the rights of files like everybody's.
std::vector<std::string> Unprivileged(std::vector<std::string> program) {
  if (geteuid() == 0) {
    const std::vector<std::string> prefix = {"setpriv", "--bounding-set=-all", "--inh-caps=-all"};
    program.insert(program.begin(), prefix.begin(), prefix.end());
  }
  return program;
}

// Runs it to its end and returns how that was; -1 when it could not be started or did not end.
int RunToItsEnd(const std::vector<std::string>& command, const std::string& output_path) {
  Process::Options options;
  options.command = command;
  options.output_path = output_path;
  const auto process = Process::Start(options);
  if (!process.ok()) {
    return -1;
  }
  const auto exit = (*process)->Wait(absl::Now() + kTestPatience);
  return exit.ok() ? exit->code : -1;
}

struct Case {
  friend void PrintTo(const Case& example, std::ostream* out) { *out << example.name; }

  std::string name;
  // Whether a replica has been there before.
  bool has_store;
  // What loses which rights: below the test's directory, in which "data" is the replica's.
  std::string path;
  mode_t mode;
  std::vector<std::string> says;
};

std::vector<Case> Cases() {
  const std::string cannot_be_written = "/data: cannot be written: Permission denied";
  const std::string remedy = "make it writable for this user";
  return {
      {"ItsParent", false, "", 0555, {"data directory ", "/data: cannot be created: Permission denied", remedy}},
      {"AnEmptyDirectory", false, "data", 0555, {"data directory ", cannot_be_written, remedy}},
      {"ADirectoryThatMayNotBeEntered", true, "data", 0000, {"data directory ", cannot_be_written, remedy}},
      {"TheLockOfAStore", true, "data/LOCK", 0444, {"data directory ", cannot_be_written, remedy}},
      {"TheDatabaseOfAStore", true, "data/data.mdb", 0444, {"/data", "Permission denied", remedy}},
  };
}

class UnwritableDirectoryTest : public testing::TestWithParam<Case> {
 protected:
  // What may not be entered cannot be removed either.
  void TearDown() override { GiveBack(); }

  void GiveBack() {
    for (const char* name : {"", "data", "data/LOCK", "data/data.mdb"}) {
      chmod(directory_.Join(name).c_str(), 0755);
    }
  }

  ReplicaProcess::Options ReplicaOptions(const std::string& log) const {
    ReplicaProcess::Options options;
    options.data_dir = directory_.Join("data");
    options.log_path = elsewhere_.Join(log);
    return options;
  }

  // Leaves a data directory with an entry, in good order.
  void MakeStore() {
    ReplicaProcess maker(ReplicaOptions("maker.log"));
    maker.Start();
    ASSERT_TRUE(maker.WaitServing());
    ASSERT_TRUE(maker.client().Put("kept", "1").ok());
    ASSERT_EQ(maker.Terminate().code, 0);
  }

  // Whether a program that is started so cannot write where it has no right to.
  bool RightsHold() {
    const std::string sealed = elsewhere_.Join("sealed");
    return mkdir(sealed.c_str(), 0555) == 0 &&
           RunToItsEnd(Unprivileged({"test", "-w", sealed}), elsewhere_.Join("output")) == 1;
  }

  const TempDir directory_;
  const TempDir elsewhere_;
};

TEST_P(UnwritableDirectoryTest, IsNamedWithTheRemedyAndKeepsWhatItHolds) {
  if (!RightsHold()) {
    GTEST_SKIP() << "programs started here may write everywhere: root's capabilities cannot be given up";
  }
  if (GetParam().has_store) {
    MakeStore();
  } else if (!GetParam().path.empty()) {
    ASSERT_EQ(mkdir(directory_.Join(GetParam().path).c_str(), 0755), 0);
  }
  ASSERT_EQ(chmod(directory_.Join(GetParam().path).c_str(), GetParam().mode), 0);
  const std::string output_path = elsewhere_.Join("refused.log");
  const int code =
      RunToItsEnd(Unprivileged({ReplicaProcess::ProgramPath(), "--data-dir", directory_.Join("data"), "--listen",
                                "127.0.0.1:0", "--namespace", ReplicaOptions("").replication_namespace}),
                  output_path);
  const std::string output = ReadFile(output_path);
  EXPECT_EQ(code, kUsageExitCode) << output;
  for (const std::string& part : GetParam().says) {
    EXPECT_THAT(output, HasSubstr(part));
  }

  GiveBack();
  ReplicaProcess allowed(ReplicaOptions("allowed.log"));
  allowed.Start();
  ASSERT_TRUE(allowed.WaitServing());
  EXPECT_EQ(HasValue(allowed.client(), "kept", "1"), GetParam().has_store);
}

INSTANTIATE_TEST_SUITE_P(Replica, UnwritableDirectoryTest, testing::ValuesIn(Cases()),
                         [](const testing::TestParamInfo<Case>& info) { return info.param.name; });

}  // namespace
}  // namespace dunlin
