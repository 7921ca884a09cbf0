// Goal: a replica that cannot start says why, names the thing and the remedy, and ends with exit code 2.
// Method: a table of things that are wrong; dunlind is started with each and its output read.

#include <algorithm>
#include <fstream>
#include <functional>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "storage/big_endian.h"
#include "tests/support/eventually.h"
#include "tests/support/process.h"
#include "tests/support/read_file.h"
#include "tests/support/replica_process.h"
#include "tests/support/temp_dir.h"

namespace dunlin {
namespace {

using testing::HasSubstr;

constexpr int kUsageExitCode = 2;

// Makes a data directory of namespace "test" and leaves it in good order.
void MakeStore(const TempDir& directory, const std::string& data_dir) {
  ReplicaProcess::Options options;
  options.data_dir = data_dir;
  options.log_path = directory.Join("maker.log");
  ReplicaProcess maker(options);
  maker.Start();
  ASSERT_TRUE(maker.WaitServing());
  ASSERT_EQ(maker.Terminate().code, 0);
}

// Makes the store claim a format that is not known yet.
void RaiseFormat(const std::string& data_dir) {
  const std::string path = absl::StrCat(data_dir, "/data.mdb");
  std::string bytes = ReadFile(path);
  const std::string known = absl::StrCat("format", EncodeBigEndian64(3));
  size_t at = bytes.find(known);
  ASSERT_NE(at, std::string::npos) << path;
  for (; at != std::string::npos; at = bytes.find(known, at)) {
    bytes.replace(at, known.size(), absl::StrCat("format", EncodeBigEndian64(4)));
  }
  std::ofstream(path, std::ios::binary) << bytes;
}

struct Case {
  friend void PrintTo(const Case& example, std::ostream* out) { *out << example.name; }

  std::string name;
  // What is wrong: prepares the directory and returns the command line beside --listen.
  std::function<std::vector<std::string>(const TempDir&)> arguments;
  // What the message has to hold.
  std::vector<std::string> says;
};

std::vector<std::string> DataDir(const std::string& path) { return {"--data-dir", path}; }

std::vector<std::string> Fresh(const TempDir& directory, std::vector<std::string> more) {
  more.insert(more.end(), {"--data-dir", directory.Join("data")});
  return more;
}

std::vector<Case> DirectoryCases() {
  return {
      {"MissingParent", [](const TempDir& d) { return DataDir(d.Join("a/b")); }, {"--data-dir", "/a", "create"}},
      {"AFileInPlaceOfTheDirectory",
       [](const TempDir& d) {
         std::ofstream(d.Join("file")) << "x";
         return DataDir(d.Join("file"));
       },
       {"--data-dir", "/file", "is a file; give a folder"}},
      {"AFileInPlaceOfTheParent",
       [](const TempDir& d) {
         std::ofstream(d.Join("file")) << "x";
         return DataDir(d.Join("file/data"));
       },
       {"--data-dir", "/file/data", "Not a directory", "check the path"}},
      {"WhereNobodyCanMakeOne",
       [](const TempDir&) { return DataDir("/proc/dunlin"); },
       {"/proc/dunlin", "cannot be created"}},
      {"NewerFormat",
       [](const TempDir& d) {
         MakeStore(d, d.Join("data"));
         RaiseFormat(d.Join("data"));
         return Fresh(d, {"--namespace", "test"});
       },
       {"/data has format 4", "start the version that wrote it"}},
      {"OtherNamespace",
       [](const TempDir& d) {
         MakeStore(d, d.Join("data"));
         return Fresh(d, {"--namespace", "other"});
       },
       {"/data belongs to namespace", "\"test\"", "\"other\"", "name that one, or another directory"}},
      {"NoDataDirectory", [](const TempDir&) { return std::vector<std::string>(); }, {"--data-dir is missing"}},
  };
}

std::vector<Case> OptionCases() {
  return {
      {"UnknownFlag",
       [](const TempDir& d) {
         return Fresh(d, {"--reddis", "x"});
       },
       {"--reddis", "--help"}},
      {"RedisUrlOfAnotherKind",
       [](const TempDir& d) {
         return Fresh(d, {"--redis", "http://127.0.0.1:6379"});
       },
       {"--redis: ", "none of redis://, redis+sentinel:// and unix://", "expected redis://"}},
      {"RedisUrlWithoutAPort",
       [](const TempDir& d) {
         return Fresh(d, {"--redis", "redis://127.0.0.1:x"});
       },
       {"--redis: ", "the port is not a number from 1 to 65535"}},
      {"RedisUrlWithASecretIsNotRepeated",
       [](const TempDir& d) {
         return Fresh(d, {"--redis", "redis://u:hunter2@127.0.0.1:6379/notanumber"});
       },
       {"--redis: ", "the database is not a number"}},
      {"NamespaceWithBraces",
       [](const TempDir& d) {
         return Fresh(d, {"--namespace", "a{b}"});
       },
       {"--namespace", "a{b}", "A-Z a-z 0-9"}},
      {"RingSlotsOfNoPowerOfTwo",
       [](const TempDir& d) {
         return Fresh(d, {"--ring-slots", "1000"});
       },
       {"--ring-slots", "1000", "power of two"}},
      {"PasswordFileThatIsMissing",
       [](const TempDir& d) {
         return Fresh(d, {"--redis", "redis://127.0.0.1", "--redis-password-file", d.Join("none")});
       },
       {"--redis-password-file", "/none"}},
      {"ListenAddressWithoutAPort",
       [](const TempDir& d) {
         return Fresh(d, {"--listen", "127.0.0.1"});
       },
       {"--listen", "127.0.0.1", "host:port"}},
      {"PortFileInAMissingFolder",
       [](const TempDir& d) {
         return Fresh(d, {"--listen", "127.0.0.1:0", "--port-file", d.Join("none/port")});
       },
       {"--port-file", "/none"}},
  };
}

std::vector<Case> AllCases() {
  std::vector<Case> cases = DirectoryCases();
  for (Case& option : OptionCases()) {
    cases.push_back(std::move(option));
  }
  return cases;
}

// Runs dunlind to its end and returns what it printed.
std::string RunToItsEnd(const TempDir& directory, const std::vector<std::string>& arguments) {
  Process::Options options;
  options.command = {ReplicaProcess::ProgramPath()};
  options.command.insert(options.command.end(), arguments.begin(), arguments.end());
  options.output_path = directory.Join("output");
  const auto process = Process::Start(options);
  EXPECT_TRUE(process.ok()) << process.status();
  const auto exit = (*process)->Wait(absl::Now() + kTestPatience);
  EXPECT_TRUE(exit.ok()) << "it runs: " << ReadFile(options.output_path);
  EXPECT_EQ(exit.ok() ? exit->code : -1, kUsageExitCode);
  return ReadFile(options.output_path);
}

class StartupErrorTest : public testing::TestWithParam<Case> {
 protected:
  const TempDir directory_;
};

TEST_P(StartupErrorTest, NamesTheThingAndTheRemedy) {
  std::vector<std::string> arguments = GetParam().arguments(directory_);
  if (std::find(arguments.begin(), arguments.end(), "--listen") == arguments.end()) {
    arguments.insert(arguments.end(), {"--listen", "127.0.0.1:0"});
  }
  const std::string output = RunToItsEnd(directory_, arguments);
  for (const std::string& part : GetParam().says) {
    EXPECT_THAT(output, HasSubstr(part));
  }
  EXPECT_THAT(output, testing::Not(HasSubstr("hunter2")));
}

INSTANTIATE_TEST_SUITE_P(Replica, StartupErrorTest, testing::ValuesIn(AllCases()),
                         [](const testing::TestParamInfo<Case>& info) { return info.param.name; });

class SecondReplicaTest : public testing::Test {
 protected:
  void SetUp() override {
    ReplicaProcess::Options options;
    options.data_dir = directory_.Join("data");
    options.log_path = directory_.Join("first.log");
    first_ = std::make_unique<ReplicaProcess>(options);
    first_->Start();
  }

  const TempDir directory_;
  std::unique_ptr<ReplicaProcess> first_;
};

TEST_F(SecondReplicaTest, OnTheSameDataDirectoryNamesTheProcessThatHasIt) {
  const std::string output =
      RunToItsEnd(directory_, {"--data-dir", directory_.Join("data"), "--listen", "127.0.0.1:0"});
  EXPECT_THAT(output, HasSubstr("is in use by process "));
  EXPECT_THAT(output, HasSubstr("give this replica a directory of its own"));
  EXPECT_TRUE(first_->WaitServing());
}

TEST_F(SecondReplicaTest, OnTheSamePortNamesThePort) {
  const std::string output =
      RunToItsEnd(directory_, {"--data-dir", directory_.Join("other"), "--listen", first_->address()});
  EXPECT_THAT(output, HasSubstr(first_->address()));
  EXPECT_THAT(output, HasSubstr("Address already in use"));
  EXPECT_TRUE(first_->WaitServing());
}

}  // namespace
}  // namespace dunlin
