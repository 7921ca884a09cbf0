// Goal: a write with a precondition happens at most once, and its caller is told that it did, that it did not, or that
// nobody knows; never the wrong one of these.
// Method: the state machine alone, told step by step what Redis says.

#include "sync/conditional_writer.h"

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "storage/limits.h"
#include "storage/record.h"
#include "storage/version.h"
#include "tests/support/fake_clock.h"
#include "tests/sync/test_records.h"

namespace dunlin {
namespace {

using testing::HasSubstr;

constexpr uint64_t kStoreId = 5;
constexpr uint64_t kEpoch = 7;

class ConditionalWriterTest : public testing::Test {
 protected:
  void Add(absl::string_view key, Precondition::Kind kind = Precondition::Kind::kAbsent,
           absl::Time deadline = absl::InfiniteFuture(), uint64_t after_revision = 0) {
    ConditionalWriter::Request request;
    request.mutation.key = std::string(key);
    request.mutation.value = "value";
    request.precondition.kind = kind;
    request.precondition.version = Version{1, 2};
    request.after_revision = after_revision;
    request.deadline = deadline;
    request.done = [](const absl::StatusOr<WriteResult>&) {};
    writer_.Add(std::move(request));
  }

  ConditionalWrite Put(absl::string_view stored = "") { return writer_.Next(kEpoch, stored); }

  absl::optional<ConditionalWriter::Outcome> Reply(ConditionalReply::Outcome outcome, absl::string_view stored = "") {
    ConditionalReply reply;
    reply.outcome = outcome;
    reply.stored = std::string(stored);
    return writer_.OnReply(reply);
  }

  // Redis may have the write: its answer is lost.
  void LoseAnswer() { EXPECT_FALSE(writer_.OnRelayError(absl::UnavailableError("gone"), true).has_value()); }

  FakeClock wall_clock_;
  HybridClock clock_{&wall_clock_};
  ConditionalWriter writer_{kStoreId, &clock_, kTombstoneHorizonDefault};
};

TEST_F(ConditionalWriterTest, WaitsUntilTheOutboxAsOfItsArrivalIsInRedis) {
  EXPECT_FALSE(writer_.WantsIdleMirror(100));
  Add("a", Precondition::Kind::kAbsent, absl::InfiniteFuture(), 10);
  EXPECT_FALSE(writer_.WantsIdleMirror(9));
  EXPECT_TRUE(writer_.WantsIdleMirror(10));
}

TEST_F(ConditionalWriterTest, ItsVersionIsAboveWhatIsStored) {
  const Version ahead = MakeVersion(wall_clock_.Now() + absl::Seconds(2));
  Add("a");
  const ConditionalWrite write = Put(MakeTombstone(ahead));
  EXPECT_GT(ReadVersion(write.item.record), ahead);
  EXPECT_EQ(ReadVersion(write.item.record).origin, kStoreId);
  EXPECT_FALSE(write.expected_version.has_value());
}

TEST_F(ConditionalWriterTest, WhatRedisStoredIsStoredHereWithItsEpoch) {
  Add("a", Precondition::Kind::kVersion);
  const ConditionalWrite write = Put();
  EXPECT_EQ(write.expected_version, VersionBytes(Version{1, 2}));
  const auto outcome = Reply(ConditionalReply::Outcome::kApplied);
  ASSERT_TRUE(outcome.has_value());
  EXPECT_TRUE(outcome->error.ok());
  ASSERT_EQ(outcome->record.records.size(), 1u);
  EXPECT_EQ(outcome->record.records[0].encoded_record, write.item.record);
  // If Redis has lost it again by then, the store sends it anew.
  EXPECT_EQ(outcome->record.seen_in_epoch, kEpoch);
  EXPECT_TRUE(writer_.empty());
}

TEST_F(ConditionalWriterTest, ACleanRefusalNamesWhatIsThere) {
  Add("a");
  Put();
  const auto outcome =
      Reply(ConditionalReply::Outcome::kConditionFailed, MakeRecord(MakeVersion(wall_clock_.Now()), "other"));
  ASSERT_TRUE(outcome.has_value());
  EXPECT_TRUE(absl::IsFailedPrecondition(outcome->error));
  EXPECT_THAT(outcome->error.message(), HasSubstr("exists with version"));
}

// Its version may have been stamped anew since the caller was answered.
TEST_F(ConditionalWriterTest, WhoAsksForAnotherVersionIsToldTheOneThatIsThere) {
  Add("a", Precondition::Kind::kVersion);
  Put();
  const Version there = MakeVersion(wall_clock_.Now());
  const auto outcome = Reply(ConditionalReply::Outcome::kConditionFailed, MakeRecord(there, "other"));
  ASSERT_TRUE(outcome.has_value());
  EXPECT_TRUE(absl::IsFailedPrecondition(outcome->error)) << outcome->error;
  EXPECT_THAT(outcome->error.message(), HasSubstr(VersionToString(there)));
  EXPECT_THAT(outcome->error.message(), HasSubstr(VersionToString(Version{1, 2})));
}

TEST_F(ConditionalWriterTest, ALostAnswerIsAskedForAgainWithTheSameRecord) {
  Add("a");
  const std::string record = Put().item.record;
  LoseAnswer();
  EXPECT_TRUE(writer_.OnOffline(absl::UnavailableError("off")).empty());
  wall_clock_.Advance(absl::Seconds(1));
  EXPECT_EQ(Put().item.record, record);
  const auto outcome = Reply(ConditionalReply::Outcome::kApplied);
  ASSERT_TRUE(outcome.has_value());
  EXPECT_TRUE(outcome->error.ok());
}

TEST_F(ConditionalWriterTest, ARefusalAfterALostAnswerLeavesItOpen) {
  for (const auto refusal : {ConditionalReply::Outcome::kConditionFailed, ConditionalReply::Outcome::kStale,
                             ConditionalReply::Outcome::kClockAhead, ConditionalReply::Outcome::kTooLate}) {
    Add("a");
    Put();
    LoseAnswer();
    Put();
    const auto outcome = Reply(refusal, MakeTombstone(MakeVersion(wall_clock_.Now())));
    ASSERT_TRUE(outcome.has_value());
    EXPECT_TRUE(absl::IsAborted(outcome->error)) << outcome->error;
  }
}

TEST_F(ConditionalWriterTest, AnErrorThatRedisAnsweredChangedNothing) {
  Add("a");
  Put();
  const auto outcome = writer_.OnRelayError(absl::ResourceExhaustedError("OOM"), false);
  ASSERT_TRUE(outcome.has_value());
  EXPECT_TRUE(absl::IsUnavailable(outcome->error));
  EXPECT_THAT(outcome->error.message(), HasSubstr("nothing was changed"));
}

// For as long a deletion of it that Redis may have forgotten is surely remembered.
TEST_F(ConditionalWriterTest, AnAttemptThatCameTooLateIsMadeAgainWithANewVersion) {
  Add("a");
  const ConditionalWrite first = Put();
  EXPECT_EQ(first.not_after, clock_.Now() + SentAgeMaxOf(kTombstoneHorizonDefault));
  wall_clock_.Advance(absl::Hours(24 * 8));
  EXPECT_FALSE(Reply(ConditionalReply::Outcome::kTooLate).has_value());
  const ConditionalWrite second = Put();
  EXPECT_GT(ReadVersion(second.item.record), ReadVersion(first.item.record));
  EXPECT_EQ(second.not_after, first.not_after + absl::Hours(24 * 8));
}

// Redis' clock is somewhere else: no version of this replica's would do.
TEST_F(ConditionalWriterTest, AnAttemptThatComesTooLateAgainIsTurnedDown) {
  Add("a");
  Put();
  EXPECT_FALSE(Reply(ConditionalReply::Outcome::kTooLate).has_value());
  Put();
  const auto outcome = Reply(ConditionalReply::Outcome::kTooLate);
  ASSERT_TRUE(outcome.has_value());
  EXPECT_TRUE(absl::IsUnavailable(outcome->error)) << outcome->error;
  EXPECT_THAT(outcome->error.message(), HasSubstr("nothing was changed"));
  Add("b");
  Put();
  EXPECT_FALSE(Reply(ConditionalReply::Outcome::kTooLate).has_value()) << "each has two attempts";
}

TEST_F(ConditionalWriterTest, ARetryKeepsTheTimeOfItsFirstAttempt) {
  Add("a");
  const absl::Time not_after = Put().not_after;
  LoseAnswer();
  wall_clock_.Advance(absl::Seconds(7));
  EXPECT_EQ(Put().not_after, not_after);
}

TEST_F(ConditionalWriterTest, WhatIsDeadButNewerIsSteppedOver) {
  Add("a");
  Put();
  const Version dead = MakeVersion(wall_clock_.Now() + absl::Seconds(3));
  EXPECT_FALSE(Reply(ConditionalReply::Outcome::kStale, MakeTombstone(dead)).has_value());
  EXPECT_GT(ReadVersion(Put().item.record), dead);
}

// It would be tried for ever otherwise.
TEST_F(ConditionalWriterTest, TheHighestVersionThereIsCannotBeSteppedOver) {
  Add("a");
  Put();
  const auto outcome = Reply(ConditionalReply::Outcome::kStale, MakeTombstone(Version{UINT64_MAX, 1}));
  ASSERT_TRUE(outcome.has_value());
  EXPECT_TRUE(absl::IsFailedPrecondition(outcome->error));
}

TEST_F(ConditionalWriterTest, AnotherEpochLeavesTheRequestWaiting) {
  Add("a");
  Put();
  EXPECT_FALSE(Reply(ConditionalReply::Outcome::kEpochChanged).has_value());
  EXPECT_FALSE(writer_.empty());
}

TEST_F(ConditionalWriterTest, LateRequestsAreTurnedDownAndOnlyTheFirstMayBeInDoubt) {
  const absl::Time now = absl::FromUnixSeconds(10);
  Add("a", Precondition::Kind::kAbsent, now);
  Add("b", Precondition::Kind::kAbsent, now + absl::Seconds(1));
  Add("c", Precondition::Kind::kAbsent, now);
  EXPECT_EQ(writer_.NextDeadline(), now);
  Put();
  LoseAnswer();
  const auto outcomes = writer_.Expire(now);
  ASSERT_EQ(outcomes.size(), 2u);
  EXPECT_TRUE(absl::IsAborted(outcomes[0].error));
  EXPECT_TRUE(absl::IsUnavailable(outcomes[1].error));
  EXPECT_EQ(writer_.key(), "b");
  EXPECT_EQ(writer_.NextDeadline(), now + absl::Seconds(1));
  // What was in doubt about the first must not stick to the next.
  Put();
  const auto refused = Reply(ConditionalReply::Outcome::kConditionFailed);
  ASSERT_TRUE(refused.has_value());
  EXPECT_TRUE(absl::IsFailedPrecondition(refused->error));
  EXPECT_EQ(writer_.NextDeadline(), absl::InfiniteFuture());
}

TEST_F(ConditionalWriterTest, WithoutRedisNothingIsChangedAndAllAreToldSo) {
  Add("a");
  Add("b");
  const auto outcomes = writer_.OnOffline(absl::UnavailableError("refused"));
  ASSERT_EQ(outcomes.size(), 2u);
  for (const auto& outcome : outcomes) {
    EXPECT_TRUE(absl::IsUnavailable(outcome.error));
    EXPECT_THAT(outcome.error.message(), HasSubstr("nothing was changed"));
  }
  EXPECT_TRUE(writer_.empty());
}

TEST_F(ConditionalWriterTest, AnErrorOfTheStoreDecidesTheFirst) {
  Add("a");
  EXPECT_TRUE(absl::IsDataLoss(writer_.OnStoreError(absl::DataLossError("damaged")).error));
  Add("a");
  Put();
  LoseAnswer();
  EXPECT_TRUE(absl::IsAborted(writer_.OnStoreError(absl::DataLossError("damaged")).error));
}

// Redis has it, so that whoever reads there, or at another replica, finds it.
TEST_F(ConditionalWriterTest, AFirstThatIsGivenUpMakesRoomForTheNext) {
  Add("given up", Precondition::Kind::kAbsent);
  Add("next", Precondition::Kind::kAbsent);
  Put();
  EXPECT_TRUE(absl::IsUnavailable(writer_.GiveUp().error));
  EXPECT_EQ(writer_.key(), "next");
}

TEST_F(ConditionalWriterTest, WhatRedisAcceptedHasTakenPlaceWhateverTheStoreSays) {
  const Version version{7, kStoreId};
  const auto failed = ConditionalWriter::ResultOf(version, false, absl::ResourceExhaustedError("the disk is full"));
  EXPECT_TRUE(absl::IsAborted(failed.status())) << failed.status();
  for (const char* part : {"it has taken place", "as an event", "the disk is full"}) {
    EXPECT_THAT(failed.status().message(), HasSubstr(part));
  }
  ApplyResult stored;
  stored.revisions = {3};
  const auto result = ConditionalWriter::ResultOf(version, true, stored);
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result->versions[0], version);
  EXPECT_EQ(result->revisions[0], 3u);
  EXPECT_TRUE(result->existed[0]);
}

}  // namespace
}  // namespace dunlin
