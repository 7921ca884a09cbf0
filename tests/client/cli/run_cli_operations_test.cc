// Goal: the commands of operators print what the replica tells, as text and as JSON, and fail when something is wrong.
// Method: the whole command line in this process, against a replica that the test plays.

#include <sstream>
#include <string>
#include <vector>

#include "client/cli/exit_code.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/client/cli/run_cli_tester.h"

namespace dunlin::client::cli {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

TEST_F(RunCliTest, StatusIsATableOrAnObject) {
  v1::Status status;
  status.set_replica_id("r1");
  status.set_sync_state(v1::SYNC_STATE_LIVE);
  status.set_digest("\xab");
  status.set_serving(true);
  replica_.SetStatus(status);
  EXPECT_THAT(Run({"status"}).out, HasSubstr("sync state           live\n"));
  const auto json = nlohmann::json::parse(Run({"status", "--output", "json"}).out);
  EXPECT_EQ(json["serving"], true);
  EXPECT_EQ(json["sync_state"], "live");
  EXPECT_EQ(json["digest"], "ab");
}

TEST_F(RunCliTest, StatusShowsWhatIsWrongWithTheStore) {
  EXPECT_THAT(Run({"status"}).out, Not(HasSubstr("store detail")));
  v1::Status status;
  status.set_store_detail("the disk has failed");
  replica_.SetStatus(status);
  EXPECT_THAT(Run({"status"}).out, HasSubstr("store detail         the disk has failed\n"));
}

TEST_F(RunCliTest, WatchersAreListedPageAfterPage) {
  std::vector<v1::WatcherStatus> watchers(3);
  for (int i = 0; i < 3; ++i) watchers[i].set_id(10 + i);
  watchers[0].set_state(v1::WatcherStatus::STATE_LIVE);
  watchers[0].set_peer("ipv4:127.0.0.1:1");
  watchers[0].mutable_age()->set_seconds(90);
  watchers[1].set_state(v1::WatcherStatus::STATE_REPLAY);
  watchers[1].add_keys("k");
  watchers[1].add_prefixes("p\n");
  watchers[1].set_selectors_count(5);
  watchers[1].set_queued_events(7);
  watchers[1].mutable_lag()->set_seconds(2);
  replica_.SetWatchers(watchers);
  EXPECT_THAT(
      Run({"watchers"}).out,
      AllOf(StartsWith("10\tlive\tlag=0s\tqueued=0 ("), HasSubstr("\tage=1m30s\tipv4:127.0.0.1:1\t*\n11\treplay\t"),
            HasSubstr("lag=2s\tqueued=7 ("), HasSubstr("\tk\tp\\n*\tand 3 more\n12\tunknown\t")));
  std::istringstream lines(Run({"watchers", "--output", "json"}).out);
  std::string line;
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(std::getline(lines, line));
    EXPECT_EQ(nlohmann::json::parse(line)["id"], 10 + i);
  }
  EXPECT_FALSE(std::getline(lines, line));
}

TEST_F(RunCliTest, VerifyOfASoundStoreIsATableOrAnObject) {
  v1::VerifyResponse verification;
  verification.set_entries_checked(7);
  verification.set_counts(v1::COMPARISON_EQUAL);
  verification.set_digest(v1::COMPARISON_NOT_MADE);
  verification.set_not_compared_reason("it was written to");
  replica_.SetVerification(verification);
  const CliRun run = Run({"verify"});
  EXPECT_EQ(run.exit_code, kExitOk) << run.err;
  EXPECT_THAT(run.out, HasSubstr("entries              7\n"));
  EXPECT_THAT(run.out, HasSubstr("counts               equal\n"));
  EXPECT_THAT(run.out, HasSubstr("not compared         it was written to\n"));
  const auto json = nlohmann::json::parse(Run({"verify", "--output", "json"}).out);
  EXPECT_EQ(json["entries_checked"], 7);
  EXPECT_EQ(json["digest"], "not_made");
}

TEST_F(RunCliTest, VerifyFailsAfterItHasShownWhatIsWrong) {
  v1::VerifyResponse verification;
  verification.set_damaged_count(2);
  verification.add_damaged()->set_key("a\tb");
  verification.mutable_damaged(0)->set_reason("its checksum does not match");
  replica_.SetVerification(verification);
  CliRun run = Run({"verify"});
  EXPECT_EQ(run.exit_code, kExitFailure);
  EXPECT_THAT(run.out, HasSubstr("DAMAGED\ta\\tb\tits checksum does not match\n"));
  EXPECT_THAT(run.err, AllOf(HasSubstr("damaged: 2 findings"), Not(HasSubstr("verify once more"))));
  verification.set_repair_started(true);
  replica_.SetVerification(verification);
  run = Run({"verify"});
  EXPECT_EQ(run.exit_code, kExitFailure);
  EXPECT_THAT(run.err, HasSubstr("verify once more"));
  verification.Clear();
  verification.set_digest(v1::COMPARISON_DIFFERENT);
  replica_.SetVerification(verification);
  run = Run({"verify"});
  EXPECT_EQ(run.exit_code, kExitFailure);
  EXPECT_THAT(run.err, HasSubstr("digest"));
}

TEST_F(RunCliTest, VerifyWaitsForLongUnlessToldOtherwise) {
  RunWith({"--server", replica_.address(), "verify"});
  EXPECT_GT(replica_.last_time_left(), absl::Minutes(5));
  Run({"verify"});
  EXPECT_LT(replica_.last_time_left(), absl::Minutes(2));
}

}  // namespace
}  // namespace dunlin::client::cli
