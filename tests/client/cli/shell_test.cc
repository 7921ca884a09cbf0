// Goal: the shell does line by line what the commands do, goes on after a failure, and tells a script that there was
// one. Method: scripts as standard input, against a replica in this process.

#include <string>
#include <utility>

#include "client/cli/exit_code.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/client/cli/cli_run.h"
#include "tests/client/fake_replica.h"

namespace dunlin::client::cli {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class ShellTest : public ::testing::Test {
 protected:
  CliRun Shell(const std::string& script, const std::string& output = "text") {
    return RunWith({"--server", replica_.address(), "--timeout", "1m", "--output", output, "shell"}, script);
  }

  FakeReplica replica_;
};

TEST_F(ShellTest, CommandsWorkInAnyCase) {
  const CliRun run = Shell("PUT k v\nget k\nLiSt\ndel k\nLIST\n");
  EXPECT_EQ(run.exit_code, kExitOk);
  EXPECT_EQ(run.out,
            "version=1001-00000000000000d0\trevision=1\n"
            "v\n"
            "k\tv\n"
            "existed=true\tversion=1002-00000000000000d0\trevision=2\n");
  EXPECT_EQ(run.err, "");
}

TEST_F(ShellTest, QuotedValuesAreStoredAsTheyReadAndShownOnOneLine) {
  const CliRun run = Shell(R"(PUT k "two words\n\x00"
GET k
)");
  EXPECT_EQ(replica_.last_put().value(), std::string("two words\n\0", 11));
  EXPECT_THAT(run.out, HasSubstr("two words\\n\\x00\n"));
}

TEST_F(ShellTest, AFailureIsReportedWithItsLineAndTheScriptGoesOn) {
  const CliRun run = Shell("\nGET absent\nPUT k\nPUT k v\nGET k\n");
  EXPECT_THAT(run.out, HasSubstr("\nv\n"));
  EXPECT_EQ(run.err,
            "dunlin: line 2: there is no entry \"absent\"\n"
            "dunlin: line 3: usage: PUT KEY VALUE\n"
            "dunlin: 2 commands failed, the first on line 2\n");
  EXPECT_EQ(run.exit_code, kExitNotFound);
}

TEST_F(ShellTest, QuitEndsTheScript) {
  const CliRun run = Shell("QUIT\nGET absent\n");
  EXPECT_EQ(run.exit_code, kExitOk);
  EXPECT_EQ(run.err, "");
}

TEST_F(ShellTest, TheLastLineNeedsNoNewline) {
  replica_.SetEntry("k", "v");
  EXPECT_EQ(Shell("GET k").out, "v\n");
}

TEST_F(ShellTest, BadLinesAreUsageErrors) {
  const std::pair<const char*, const char*> cases[] = {
      {"FROB", "there is no command FROB; HELP lists them"},
      {"GET", "usage: GET KEY"},
      {"GET a b", "usage: GET KEY; put words with blanks in \"double quotes\""},
      {"PUT k two words", "usage: PUT KEY VALUE; put words with blanks"},
      {"STATUS now", "usage: STATUS"},
      {"GET \"a", "column 5: this quote is not closed"},
      {"GET \"\"", "the key is empty"},
  };
  // A fake that finds nothing answers NOT_FOUND to an empty key; a replica refuses it.
  for (const auto& [line, message] : cases) {
    replica_.FailNext(grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, "the key is empty"));
    const CliRun run = Shell(line);
    EXPECT_EQ(run.exit_code, kExitUsage) << line;
    EXPECT_THAT(run.err, StartsWith(std::string("dunlin: line 1: ") + message)) << line;
  }
}

TEST_F(ShellTest, ListTakesAPrefix) {
  replica_.SetEntry("a/1", "v");
  replica_.SetEntry("b/1", "v");
  EXPECT_EQ(Shell("LIST b/").out, "b/1\tv\n");
}

TEST_F(ShellTest, WatchTakesAKeyOrAPrefixWithAStar) {
  const std::pair<const char*, v1::WatchRequest::SelectorCase> cases[] = {
      {"WATCH", v1::WatchRequest::SELECTOR_NOT_SET}, {"WATCH a*", v1::WatchRequest::kPrefix},
      {"WATCH *", v1::WatchRequest::kPrefix},        {"WATCH a", v1::WatchRequest::kKey},
      {"WATCH \"\"", v1::WatchRequest::kKey},
  };
  for (const auto& [line, selector] : cases) {
    replica_.FailNext(grpc::Status(grpc::StatusCode::UNAVAILABLE, "enough"));
    EXPECT_EQ(Shell(line).exit_code, kExitUnavailable) << line;
    EXPECT_EQ(replica_.last_watch().selector_case(), selector) << line;
  }
}

TEST_F(ShellTest, HelpListsTheCommands) {
  const CliRun run = Shell("help\n");
  for (const char* name : {"GET", "PUT", "DEL", "LIST", "WATCH", "STATUS", "WATCHERS", "VERIFY", "HELP", "QUIT"}) {
    EXPECT_THAT(run.out, HasSubstr(name));
  }
}

TEST_F(ShellTest, JsonIsTheSameAsThatOfTheCommands) {
  replica_.SetEntry("k", "v");
  EXPECT_EQ(Shell("GET k\n", "json").out,
            RunWith({"--server", replica_.address(), "--output", "json", "get", "k"}).out);
}

}  // namespace
}  // namespace dunlin::client::cli
