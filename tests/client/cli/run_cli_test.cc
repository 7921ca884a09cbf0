// Goal: each command asks for the right thing, prints the answer and nothing else, and ends with the right exit code.
// Method: the whole command line but for main(), against a replica in this process.

#include "client/cli/run_cli.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "server/build_info.h"
#include "tests/client/cli/run_cli_tester.h"
#include "tests/support/temp_dir.h"

namespace dunlin::client::cli {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST_F(RunCliTest, GetPrintsTheBytesAsTheyAre) {
  const std::string value("\0\xff\n", 3);
  replica_.SetEntry("k", value);
  const CliRun run = Run({"get", "k"});
  EXPECT_EQ(run.exit_code, kExitOk);
  EXPECT_EQ(run.out, value);
  EXPECT_EQ(run.err, "");
}

TEST_F(RunCliTest, GetAddsANewlineOnATerminalOnly) {
  replica_.SetEntry("k", "v");
  EXPECT_EQ(Run({"get", "k"}).out, "v");
  EXPECT_EQ(Run({"get", "k"}, "", /*out_is_terminal=*/true).out, "v\n");
}

TEST_F(RunCliTest, GetAsJsonIsOneObject) {
  replica_.SetEntry("k", "v");
  const auto json = nlohmann::json::parse(Run({"get", "k", "--output", "json"}).out);
  EXPECT_EQ(json["key"], "k");
  EXPECT_EQ(json["text"], "v");
  EXPECT_EQ(json["lag"]["connected"], true);
}

TEST_F(RunCliTest, AnAbsentKeyIsThreeWithOneLineOnStderrAndNothingOnStdout) {
  const CliRun run = Run({"get", "absent"});
  EXPECT_EQ(run.exit_code, kExitNotFound);
  EXPECT_EQ(run.out, "");
  EXPECT_EQ(run.err, "dunlin: there is no entry \"absent\"\n");
}

TEST_F(RunCliTest, PutTakesItsValueFromTheLineStdinOrAFile) {
  const TempDir directory;
  const std::string path = directory.Join("value");
  std::ofstream(path) << "from a file\n";
  EXPECT_EQ(Run({"put", "a", "from the line"}).exit_code, kExitOk);
  EXPECT_EQ(Run({"put", "b", "-"}, std::string("from\0stdin\n", 11)).exit_code, kExitOk);
  EXPECT_EQ(Run({"put", "c", "--file", path}).exit_code, kExitOk);
  EXPECT_EQ(Run({"put", "d", ""}).exit_code, kExitOk);
  EXPECT_EQ(Run({"get", "a"}).out, "from the line");
  EXPECT_EQ(Run({"get", "b"}).out, std::string("from\0stdin\n", 11));
  EXPECT_EQ(Run({"get", "c"}).out, "from a file\n");
  EXPECT_EQ(Run({"get", "d"}).out, "");
}

TEST_F(RunCliTest, ValuesThatLookLikeSomethingElseAreValues) {
  for (const char* value : {"get", "-1", "[a,b]", "'quoted'", "\"quoted\"", "{}", "%%", "a=b", "--help"}) {
    EXPECT_EQ(Run({"put", "k", "--", value}).exit_code, kExitOk) << value;
    EXPECT_EQ(Run({"get", "k"}).out, value);
  }
  EXPECT_EQ(Run({"put", "list", "put"}).exit_code, kExitOk);
  EXPECT_EQ(Run({"get", "list"}).out, "put");
}

TEST_F(RunCliTest, PutPrintsVersionAndRevisionAndSendsItsOptions) {
  const CliRun run = Run({"put", "k", "v", "--ttl", "10s", "--if-absent", "--ack", "mirrored"});
  EXPECT_EQ(run.out, "version=1001-00000000000000d0\trevision=1\n");
  EXPECT_EQ(replica_.last_put().ttl().seconds(), 10);
  EXPECT_TRUE(replica_.last_put().precondition().if_absent());
  EXPECT_EQ(replica_.last_put().ack(), v1::ACK_MIRRORED);
}

TEST_F(RunCliTest, TheVersionThatPutPrintsIsAPreconditionForTheNext) {
  const auto json = nlohmann::json::parse(Run({"--output", "json", "put", "k", "1"}).out);
  const std::string version = json["version"];
  EXPECT_EQ(Run({"put", "k", "2", "--if-version", version}).exit_code, kExitOk);
  const CliRun again = Run({"put", "k", "3", "--if-version", version});
  EXPECT_EQ(again.exit_code, kExitPreconditionFailed);
  EXPECT_EQ(again.out, "");
  EXPECT_EQ(Run({"put", "k", "3", "--if-absent"}).exit_code, kExitPreconditionFailed);
  EXPECT_EQ(Run({"delete", "k", "--if-version", version}).exit_code, kExitPreconditionFailed);
}

TEST_F(RunCliTest, DeleteTellsWhetherTheKeyExisted) {
  replica_.SetEntry("k", "v");
  EXPECT_THAT(Run({"delete", "k"}).out, StartsWith("existed=true\t"));
  const CliRun again = Run({"delete", "k", "--output", "json", "--ack", "mirrored"});
  EXPECT_EQ(again.exit_code, kExitOk);
  EXPECT_EQ(nlohmann::json::parse(again.out)["existed"], false);
  EXPECT_EQ(replica_.last_delete().ack(), v1::ACK_MIRRORED);
}

TEST_F(RunCliTest, ListPrintsEveryPage) {
  std::string expected;
  for (int i = 0; i < 2500; ++i) {
    const std::string key = absl::StrCat("p/", 10000 + i);
    replica_.SetEntry(key, "v");
    absl::StrAppend(&expected, key, "\tv\n");
  }
  replica_.SetEntry("q", "v");
  EXPECT_EQ(Run({"list", "p/"}).out, expected);
  EXPECT_EQ(replica_.lists().size(), 3u);
}

TEST_F(RunCliTest, AListingWithDamagedKeysPrintsTheOthersAndFails) {
  for (const char* key : {"a", "b\t", "c"}) {
    replica_.SetEntry(key, "v");
  }
  replica_.DamageEntry("b\t");
  const CliRun run = Run({"list"});
  EXPECT_EQ(run.out, "a\tv\nc\tv\n");
  EXPECT_THAT(run.err, HasSubstr("the record of key \"b\\t\" is damaged\n"));
  EXPECT_THAT(run.err, HasSubstr("records of 1 keys are damaged"));
  EXPECT_EQ(run.exit_code, kExitFailure);
}

TEST_F(RunCliTest, ListStopsAtItsLimitAndLeavesValuesOut) {
  for (const char* key : {"a", "b", "c"}) {
    replica_.SetEntry(key, "v");
  }
  EXPECT_EQ(Run({"list", "--limit", "2", "--keys-only"}).out, "a\nb\n");
  EXPECT_EQ(replica_.lists().back().page_size(), 2u);
  EXPECT_TRUE(replica_.lists().back().keys_only());
  EXPECT_EQ(Run({"list", "--limit", "3"}).out, "a\tv\nb\tv\nc\tv\n");
  EXPECT_EQ(Run({"list", "nothing"}).out, "");
  const CliRun json = Run({"list", "--limit", "1", "--keys-only", "--output", "json"});
  EXPECT_FALSE(nlohmann::json::parse(json.out).contains("value"));
}

v1::WatchResponse PutMessage(const std::string& key) {
  v1::WatchResponse message;
  message.add_events()->set_type(v1::Event::TYPE_PUT);
  message.mutable_events(0)->mutable_entry()->set_key(key);
  message.set_token("t");
  return message;
}

TEST_F(RunCliTest, WatchEndsAfterItsCount) {
  replica_.SetWatchGreeting({PutMessage("a"), PutMessage("b"), PutMessage("c")});
  const CliRun run = Run({"watch", "--count", "2"});
  EXPECT_EQ(run.exit_code, kExitOk);
  EXPECT_EQ(run.out, "PUT\ta\t\nPUT\tb\t\n");
  EXPECT_EQ(run.err, "");
}

TEST_F(RunCliTest, WatchAsksForWhatTheOptionsSay) {
  replica_.SetWatchGreeting({PutMessage("a")});
  Run({"watch", "k", "--count", "1", "--initial-state"});
  EXPECT_EQ(replica_.last_watch().key(), "k");
  EXPECT_TRUE(replica_.last_watch().initial_state());
  Run({"watch", "--prefix", "p/", "--count", "1", "--resume", "dG9rZW4="});
  EXPECT_EQ(replica_.last_watch().prefix(), "p/");
  EXPECT_EQ(replica_.last_watch().resume_token(), "token");
  Run({"watch", "--prefix", "p/", "a", "b", "--prefix", "q/", "--count", "1", "--every-change", "--max-lag", "2s",
       "--previous"});
  EXPECT_TRUE(replica_.last_watch().previous());
  EXPECT_THAT(replica_.last_watch().keys(), ElementsAre("a", "b"));
  EXPECT_THAT(replica_.last_watch().prefixes(), ElementsAre("p/", "q/"));
  EXPECT_TRUE(replica_.last_watch().every_change());
  EXPECT_EQ(replica_.last_watch().max_lag().seconds(), 2);
}

TEST_F(RunCliTest, WatchEndsCleanlyOnCtrlCAndSigterm) {
  for (const int signal : {SIGINT, SIGTERM}) {
    std::thread user([this, signal] {
      // The command is ready for signals before it opens its stream.
      replica_.AwaitWatchers(1);
      kill(getpid(), signal);
    });
    const CliRun run = Run({"watch"});
    user.join();
    EXPECT_EQ(run.exit_code, kExitOk);
    EXPECT_EQ(run.err, "");
    replica_.AwaitWatchers(0);
  }
}

TEST_F(RunCliTest, WatchFailsWhenTheReplicaEndsTheStream) {
  std::thread replica([this] {
    replica_.AwaitWatchers(1);
    replica_.EndWatches(grpc::Status(grpc::StatusCode::UNAVAILABLE, "the replica shuts down"));
  });
  const CliRun run = Run({"watch"});
  replica.join();
  EXPECT_EQ(run.exit_code, kExitUnavailable);
  EXPECT_THAT(run.err, HasSubstr("the replica shuts down"));
}

TEST_F(RunCliTest, WhatTheReplicaRefusesHasItsExitCode) {
  const std::pair<grpc::StatusCode, int> cases[] = {
      {grpc::StatusCode::INVALID_ARGUMENT, kExitUsage},        {grpc::StatusCode::UNAVAILABLE, kExitUnavailable},
      {grpc::StatusCode::RESOURCE_EXHAUSTED, kExitExhausted},  {grpc::StatusCode::ABORTED, kExitUnknownOutcome},
      {grpc::StatusCode::PERMISSION_DENIED, kExitDenied},      {grpc::StatusCode::INTERNAL, kExitFailure},
      {grpc::StatusCode::DEADLINE_EXCEEDED, kExitUnavailable},
  };
  for (const auto& [code, exit_code] : cases) {
    replica_.FailNext(grpc::Status(code, "why\nnot"));
    const CliRun run = Run({"put", "k", "v"});
    EXPECT_EQ(run.exit_code, exit_code);
    EXPECT_THAT(run.err, AllOf(StartsWith("dunlin: "), EndsWith("why\\nnot\n")));
  }
}

TEST_F(RunCliTest, ATimeoutIsFive) {
  replica_.HoldAnswers();
  const CliRun run = RunWith({"get", "k", "--server", replica_.address(), "--timeout", "50ms"});
  EXPECT_EQ(run.exit_code, kExitUnavailable);
  EXPECT_THAT(run.err, HasSubstr("timeout 50ms"));
}

TEST_F(RunCliTest, TheServerComesFromTheEnvironmentUnlessGiven) {
  replica_.SetEntry("k", "v");
  setenv("DUNLIN_SERVER", replica_.address().c_str(), /*overwrite=*/1);
  EXPECT_EQ(RunWith({"get", "k", "--timeout", "1m"}).out, "v");
  setenv("DUNLIN_SERVER", "nonsense", 1);
  EXPECT_EQ(RunWith({"get", "k"}).exit_code, kExitUsage);
  EXPECT_EQ(Run({"get", "k"}).out, "v");
  unsetenv("DUNLIN_SERVER");
}

// Everything below is refused before anybody is asked.
TEST(RunCliUsageTest, WrongUsageIsTwoWithOneLineThatSaysWhatIsWrong) {
  const struct {
    std::vector<std::string> arguments;
    const char* message;
  } cases[] = {
      {{}, "subcommand is required"},
      {{"frobnicate"}, "there is no command or option frobnicate"},
      {{"get"}, "KEY is required"},
      {{"get", "k", "extra"}, "extra"},
      {{"get", "k", "--unknown"}, "--unknown"},
      {{"get", "\xff"}, "not valid UTF-8"},
      {{"--output", "yaml", "get", "k"}, "\"yaml\" is neither text nor json"},
      {{"--timeout", "5", "get", "k"}, "\"5\" is not a duration"},
      {{"--timeout", "0s", "get", "k"}, "not positive"},
      {{"--server", "nowhere", "get", "k"}, "not HOST:PORT"},
      {{"put", "k"}, "put needs a VALUE"},
      {{"put", "k", "v", "--file", "f"}, "--file"},
      {{"put", "k", "--file", "/absent/file"}, "No such file"},
      {{"put", "k", "v", "--ttl", "soon"}, "\"soon\" is not a duration"},
      {{"put", "k", "v", "--if-version", "1"}, "is not a version"},
      {{"put", "k", "v", "--if-absent", "--if-version", "1-2"}, "excludes"},
      {{"put", "k", "v", "--ack", "maybe"}, "\"maybe\" is neither local nor mirrored"},
      {{"list", "--limit", "0"}, "\"0\" is not a count"},
      {{"watch", "--resume", "???"}, "is not a token"},
      {{"watch", "--count", "-1"}, "is not a count"},
  };
  for (const auto& c : cases) {
    const CliRun run = RunWith(c.arguments);
    EXPECT_EQ(run.exit_code, kExitUsage) << run.err;
    EXPECT_EQ(run.out, "");
    EXPECT_THAT(run.err, AllOf(StartsWith("dunlin: "), HasSubstr(c.message), EndsWith("\n")));
    EXPECT_EQ(std::count(run.err.begin(), run.err.end(), '\n'), 1) << run.err;
  }
}

TEST(RunCliUsageTest, TheVersionIsThatOfTheBuildAndAsksNoReplica) {
  const CliRun run = RunWith({"--server", "127.0.0.1:1", "--version"});
  EXPECT_EQ(run.exit_code, kExitOk);
  EXPECT_EQ(run.out, absl::StrCat(VersionLine("dunlin", GetBuildInfo()), "\n"));
  EXPECT_EQ(run.err, "");
}

TEST(RunCliUsageTest, HelpIsNoErrorAndTellsTheExitCodes) {
  const CliRun run = RunWith({"--help"});
  EXPECT_EQ(run.exit_code, kExitOk);
  EXPECT_THAT(run.out, AllOf(HasSubstr("DUNLIN_SERVER"), HasSubstr(kExitCodesHelp)));
  EXPECT_EQ(run.err, "");
  for (const char* command : {"get", "put", "delete", "list", "watch", "status", "watchers", "shell"}) {
    EXPECT_THAT(run.out, HasSubstr(absl::StrCat("\n  ", command, " ")));
    EXPECT_EQ(RunWith({command, "--help"}).exit_code, kExitOk);
  }
}

}  // namespace
}  // namespace dunlin::client::cli
