// Goal: Redis judges conditional writes once and for all, and a repeated attempt is not judged by its own effect.
// Method: the same calls to a real Redis and to the simulator's model, prepared by mirrored records.

#include <string>

#include "absl/time/clock.h"
#include "gtest/gtest.h"
#include "tests/sync/relay_conformance_test_base.h"

namespace dunlin {
namespace {

using Outcome = ConditionalReply::Outcome;

class RelayConditionTest : public RelayConformanceTestBase {
 protected:
  ConditionalReply WriteIf(const std::string& record, std::optional<std::string> expected_version) {
    absl::StatusOr<ConditionalReply> reply =
        relay_->WriteIf({kEpoch, kOrigin, {"key", record}, std::move(expected_version)});
    EXPECT_TRUE(reply.ok()) << reply.status();
    return reply.ok() ? *std::move(reply) : ConditionalReply();
  }

  ConditionalReply WriteIfAbsent(const std::string& record) { return WriteIf(record, std::nullopt); }

  ConditionalReply WriteIfVersion(const std::string& record, const Version& version) {
    return WriteIf(record, VersionBytes(version));
  }

  const absl::Time now_ = absl::Now();
  const Version old_ = MakeVersion(now_, 1);
  const Version new_ = MakeVersion(now_, 2);
};

TEST_P(RelayConditionTest, AbsentHoldsWithoutARecordAndIsOnlyTrueOnce) {
  const std::string record = MakeRecord(old_, "1");
  const ConditionalReply first = WriteIfAbsent(record);
  EXPECT_EQ(first.outcome, Outcome::kApplied);
  EXPECT_EQ(first.epoch, kEpoch);
  EXPECT_EQ(first.sequence, 1u);
  const ConditionalReply second = WriteIfAbsent(MakeRecord(new_, "2"));
  EXPECT_EQ(second.outcome, Outcome::kConditionFailed);
  EXPECT_EQ(second.stored, record);
  EXPECT_EQ(backend_->Record("key"), record);
}

TEST_P(RelayConditionTest, ARepeatedAttemptIsAnsweredAsTheFirst) {
  const std::string record = MakeRecord(old_, "1");
  WriteIfAbsent(record);
  Mirror({{"other", record}});
  const ConditionalReply repeated = WriteIfAbsent(record);
  EXPECT_EQ(repeated.outcome, Outcome::kApplied);
  EXPECT_EQ(repeated.sequence, 1u);
  EXPECT_EQ(backend_->MetaField("sequence"), 2u);
}

TEST_P(RelayConditionTest, ACloneOfOurVersionIsNotOurWrite) {
  WriteIfAbsent(MakeRecord(old_, "1"));
  EXPECT_EQ(WriteIfAbsent(MakeRecord(old_, "another")).outcome, Outcome::kConditionFailed);
}

TEST_P(RelayConditionTest, AbsentHoldsOverATombstone) {
  Mirror({{"key", MakeTombstone(old_)}});
  EXPECT_EQ(WriteIfAbsent(MakeRecord(new_, "1")).outcome, Outcome::kApplied);
}

TEST_P(RelayConditionTest, AbsentHoldsOnceARecordHasExpired) {
  Mirror({{"key", MakeExpiringRecord(old_, "1", now_ + absl::Hours(1))}});
  EXPECT_EQ(WriteIfAbsent(MakeRecord(new_, "2")).outcome, Outcome::kConditionFailed);
  Mirror({{"key", MakeExpiringRecord(MakeVersion(now_, 3), "1", now_ - absl::Milliseconds(1))}});
  EXPECT_EQ(WriteIfAbsent(MakeRecord(MakeVersion(now_, 4), "2")).outcome, Outcome::kApplied);
}

TEST_P(RelayConditionTest, ADeadRecordOfAHigherVersionAsksForAHigherOne) {
  const std::string tombstone = MakeTombstone(new_);
  Mirror({{"key", tombstone}});
  const ConditionalReply reply = WriteIfAbsent(MakeRecord(old_, "1"));
  EXPECT_EQ(reply.outcome, Outcome::kStale);
  EXPECT_EQ(reply.stored, tombstone);
  EXPECT_EQ(backend_->Record("key"), tombstone);
}

TEST_P(RelayConditionTest, VersionHoldsForExactlyThatLiveRecord) {
  const std::string record = MakeRecord(old_, "1");
  Mirror({{"key", record}});
  const ConditionalReply wrong = WriteIfVersion(MakeRecord(new_, "2"), MakeVersion(now_, 0));
  EXPECT_EQ(wrong.outcome, Outcome::kConditionFailed);
  EXPECT_EQ(wrong.stored, record);
  EXPECT_EQ(WriteIfVersion(MakeRecord(new_, "2"), old_).outcome, Outcome::kApplied);
  // Deleting under a condition is a write like any other.
  EXPECT_EQ(WriteIfVersion(MakeTombstone(MakeVersion(now_, 3)), new_).outcome, Outcome::kApplied);
}

TEST_P(RelayConditionTest, VersionDoesNotHoldWithoutALiveRecord) {
  const ConditionalReply nothing = WriteIfVersion(MakeRecord(new_, "2"), old_);
  EXPECT_EQ(nothing.outcome, Outcome::kConditionFailed);
  EXPECT_EQ(nothing.stored, "");
  Mirror({{"key", MakeTombstone(old_)}});
  EXPECT_EQ(WriteIfVersion(MakeRecord(new_, "2"), old_).outcome, Outcome::kConditionFailed);
  Mirror({{"key", MakeExpiringRecord(new_, "1", now_ - absl::Milliseconds(1))}});
  EXPECT_EQ(WriteIfVersion(MakeRecord(MakeVersion(now_, 3), "2"), new_).outcome, Outcome::kConditionFailed);
}

TEST_P(RelayConditionTest, AVersionBelowTheExpectedOneIsStale) {
  Mirror({{"key", MakeRecord(new_, "1")}});
  EXPECT_EQ(WriteIfVersion(MakeRecord(old_, "2"), new_).outcome, Outcome::kStale);
}

TEST_P(RelayConditionTest, EpochAndClockAreCheckedAsForEveryWrite) {
  const absl::StatusOr<ConditionalReply> other_epoch =
      relay_->WriteIf({5, kOrigin, {"key", MakeRecord(old_, "1")}, std::nullopt});
  ASSERT_TRUE(other_epoch.ok()) << other_epoch.status();
  EXPECT_EQ(other_epoch->outcome, Outcome::kEpochChanged);
  EXPECT_EQ(other_epoch->epoch, kEpoch);
  const ConditionalReply ahead = WriteIfAbsent(MakeRecord(MakeVersion(now_ + absl::Hours(1)), "1"));
  EXPECT_EQ(ahead.outcome, Outcome::kClockAhead);
  EXPECT_LT(absl::AbsDuration(ahead.redis_time - absl::Now()), absl::Minutes(1));
  EXPECT_EQ(backend_->Record("key"), "");
}

TEST_P(RelayConditionTest, AWriteThatComesTooLateChangesNothingAndARepetitionOfWhatIsThereIsNone) {
  ConditionalWrite write{kEpoch, kOrigin, {"key", MakeRecord(old_, "1")}, std::nullopt};
  write.not_after = ReadPosition({kNoEpoch, ""}).redis_time - absl::Milliseconds(1);
  const absl::StatusOr<ConditionalReply> late = relay_->WriteIf(write);
  ASSERT_TRUE(late.ok()) << late.status();
  EXPECT_EQ(late->outcome, Outcome::kTooLate);
  EXPECT_GT(late->redis_time, write.not_after);
  EXPECT_EQ(backend_->Record("key"), "");
  EXPECT_EQ(WriteIfAbsent(MakeRecord(old_, "1")).outcome, Outcome::kApplied);
  const absl::StatusOr<ConditionalReply> repeated = relay_->WriteIf(write);
  ASSERT_TRUE(repeated.ok()) << repeated.status();
  EXPECT_EQ(repeated->outcome, Outcome::kApplied);
}

INSTANTIATE_TEST_SUITE_P(Backends, RelayConditionTest, testing::ValuesIn(RelayBackends()), BackendName);

}  // namespace
}  // namespace dunlin
