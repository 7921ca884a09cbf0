// Goal: every error of Redis leads to the right reaction, and its message says what to do.
// Method: a table of the texts that Redis really sends.

#include "sync/redis_error.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace dunlin {
namespace {

struct Case {
  std::string error;
  RedisRemedy remedy;
  absl::StatusCode code;
};

using Code = absl::StatusCode;

const Case kCases[] = {
    {"LOADING Redis is loading the dataset in memory", RedisRemedy::kRetry, Code::kUnavailable},
    {"BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.", RedisRemedy::kRetry,
     Code::kUnavailable},
    {"MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.", RedisRemedy::kRetry,
     Code::kUnavailable},
    {"TRYAGAIN Multiple keys request during rehashing of slot", RedisRemedy::kRetry, Code::kUnavailable},
    {"CLUSTERDOWN The cluster is down", RedisRemedy::kRetry, Code::kUnavailable},
    {"CLUSTERDOWN Hash slot not served", RedisRemedy::kRetry, Code::kUnavailable},
    {"NOREPLICAS Not enough good replicas to write.", RedisRemedy::kRetry, Code::kUnavailable},
    {"ERR max number of clients reached", RedisRemedy::kRetry, Code::kUnavailable},
    {"READONLY You can't write against a read only replica.", RedisRemedy::kFindPrimary, Code::kAborted},
    // As Redis 7 reports it.
    {"READONLY You can't write against a read only replica. script: 08be99c76f7a10d96dc9ea23ee73a858e02d5ce8, on "
     "@user_script:1.",
     RedisRemedy::kFindPrimary, Code::kAborted},
    {"NOSCRIPT No matching script. Please use EVAL.", RedisRemedy::kLoadScript, Code::kNotFound},
    {"NOAUTH Authentication required.", RedisRemedy::kStopAndTell, Code::kUnauthenticated},
    {"WRONGPASS invalid username-password pair or user is disabled.", RedisRemedy::kStopAndTell,
     Code::kUnauthenticated},
    {"ERR invalid password", RedisRemedy::kStopAndTell, Code::kUnauthenticated},
    {"ERR AUTH <password> called without any password configured for the default user.", RedisRemedy::kStopAndTell,
     Code::kUnauthenticated},
    {"ERR Client sent AUTH, but no password is set", RedisRemedy::kStopAndTell, Code::kUnauthenticated},
    {"NOPERM this user has no permissions to run the 'eval' command", RedisRemedy::kStopAndTell,
     Code::kPermissionDenied},
    {"DENIED Redis is running in protected mode because protected mode is enabled", RedisRemedy::kStopAndTell,
     Code::kPermissionDenied},
    {"OOM command not allowed when used memory > 'maxmemory'.", RedisRemedy::kStopAndTell, Code::kResourceExhausted},
    {"WRONGTYPE Operation against a key holding the wrong kind of value", RedisRemedy::kStopAndTell,
     Code::kFailedPrecondition},
    {"MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.",
     RedisRemedy::kStopAndTell, Code::kFailedPrecondition},
    {"MISCONF Errors writing to the AOF file: No space left on device", RedisRemedy::kStopAndTell,
     Code::kFailedPrecondition},
    {"MOVED 3999 127.0.0.1:6381", RedisRemedy::kStopAndTell, Code::kFailedPrecondition},
    {"ASK 3999 127.0.0.1:6381", RedisRemedy::kStopAndTell, Code::kFailedPrecondition},
    {"DUNLINFORMAT dunlin:{x}:meta says that the data is of format 2", RedisRemedy::kStopAndTell,
     Code::kFailedPrecondition},
    {"ERR DB index is out of range", RedisRemedy::kStopAndTell, Code::kFailedPrecondition},
    {"EXECABORT Transaction discarded because of previous errors.", RedisRemedy::kStopAndTell, Code::kInternal},
    {"ERR something that nobody has seen before", RedisRemedy::kStopAndTell, Code::kInternal},
    {"", RedisRemedy::kStopAndTell, Code::kInternal},
    // As Redis 6 reports what went wrong inside a script.
    {"ERR Error running script (call to f_ab12): @user_script:7: @user_script: 7: -READONLY You can't write against a "
     "read only replica.",
     RedisRemedy::kFindPrimary, Code::kAborted},
    {"ERR Error running script (call to f_ab12): @user_script:7: OOM command not allowed", RedisRemedy::kStopAndTell,
     Code::kResourceExhausted},
    {"ERR Error running script (call to f_ab12): @user_script:7: attempt to index a nil value",
     RedisRemedy::kStopAndTell, Code::kInternal},
    // A known word must be a whole word.
    {"BUSYKEY Target key name already exists.", RedisRemedy::kStopAndTell, Code::kInternal},
};

TEST(RedisError, SortsEveryError) {
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.error);
    const absl::Status status = RedisErrorToStatus(c.error, "Redis at redis://h:6379/0");
    EXPECT_EQ(status.code(), c.code) << status;
    EXPECT_EQ(RemedyOf(status), c.remedy);
    EXPECT_THAT(std::string(status.message()), testing::StartsWith("Redis at redis://h:6379/0: " + c.error + " ("));
  }
}

// Both come before anything was asked, and the connection is closed behind them.
TEST(RedisError, TellsWhoIsTurnedAwayAltogether) {
  for (const Case& c : kCases) {
    SCOPED_TRACE(c.error);
    EXPECT_EQ(IsTurnedAway(c.error),
              testing::Matches(testing::AnyOf(testing::StartsWith("DENIED "),
                                              testing::StartsWith("ERR max number of clients")))(c.error));
  }
}

TEST(RedisError, AClusterIsNotFollowedAndTheAdviceSaysSo) {
  const absl::Status status = RedisErrorToStatus("MOVED 3999 10.0.0.2:6381", "Redis at redis://h:6379/0");
  EXPECT_THAT(std::string(status.message()), testing::HasSubstr("10.0.0.2:6381"));
  EXPECT_THAT(std::string(status.message()), testing::HasSubstr("point --redis at a Redis that is not part of one"));
}

TEST(RedisError, LostConnectionsAreTriedAgain) {
  EXPECT_EQ(RemedyOf(absl::UnavailableError("closed")), RedisRemedy::kRetry);
  EXPECT_EQ(RemedyOf(absl::DeadlineExceededError("late")), RedisRemedy::kRetry);
  EXPECT_EQ(RemedyOf(absl::DataLossError("garbage")), RedisRemedy::kRetry);
}

}  // namespace
}  // namespace dunlin
