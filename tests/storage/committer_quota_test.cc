// Goal: while Redis is away for long, writes are refused before anything of what waits would have to be dropped;
// deletes and what comes from others go on, and so does everything once Redis has what waited. Method: a real committer
// on a real store; Redis is the test, which says what has been sent.

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "storage/version.h"
#include "storage/write.h"
#include "tests/storage/store_tester.h"
#include "tests/support/fake_clock.h"
#include "tests/support/temp_dir.h"

namespace dunlin {
namespace {

constexpr uint64_t kEpoch = 7;

class CommitterQuotaTest : public testing::Test {
 protected:
  void Open(size_t outbox_quota_bytes, absl::Duration outbox_age_max, bool standalone = false) {
    tester_.Close();
    tester_.committer_options().outbox_quota_bytes = outbox_quota_bytes;
    tester_.committer_options().outbox_age_max = outbox_age_max;
    tester_.committer_options().standalone = standalone;
    ASSERT_TRUE(tester_.Open().ok());
    ASSERT_TRUE(tester_.EnterEpoch(kEpoch, /*refill=*/false).ok());
  }

  // What a put of `key` is answered.
  absl::Status Put(const std::string& key) { return tester_.Put(key, std::string(100, 'x')).status(); }

  void ExpectRefused(absl::string_view option) {
    const uint64_t before = tester_.state().revision;
    const absl::Status status = Put("refused");
    EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
    EXPECT_TRUE(absl::StrContains(status.message(), option)) << status;
    EXPECT_EQ(tester_.Get("refused"), "(absent)");
    EXPECT_EQ(tester_.state().revision, before);
    EXPECT_TRUE(tester_.Delete("first").ok());
    EXPECT_TRUE(tester_.Apply({RemotePut("remote", Version{1, 1}, "x")}).ok());
  }

  // Redis has everything.
  void Sent() {
    MirrorProgress progress{kEpoch, tester_.state().revision, {}};
    const absl::StatusOr<ChangePage> page = tester_.store().ReadOutbox(0, 1000, size_t{1} << 20);
    ASSERT_TRUE(page.ok() && page->complete);
    for (const Change& change : page->changes) {
      progress.sent.push_back({change.key, change.revision});
    }
    tester_.committer().AdvanceMirrored(progress);
    tester_.Settle();
    ASSERT_EQ(tester_.state().unsent_bytes, 0u);
  }

  TempDir dir_;
  StoreTester tester_{dir_.path()};
};

TEST_F(CommitterQuotaTest, PutsAreRefusedWhileTooMuchWaitsForRedis) {
  Open(/*outbox_quota_bytes=*/200, absl::InfiniteDuration());
  ASSERT_TRUE(Put("first").ok());
  ASSERT_TRUE(Put("second").ok());
  ExpectRefused("--outbox-quota");
  Sent();
  EXPECT_TRUE(Put("third").ok());
}

TEST_F(CommitterQuotaTest, PutsAreRefusedWhileOneHasWaitedForTooLong) {
  Open(/*outbox_quota_bytes=*/size_t{1} << 20, absl::Minutes(10));
  tester_.wall_clock().Advance(absl::Hours(1));
  ASSERT_TRUE(Put("first").ok()) << "nothing has been waiting";
  tester_.wall_clock().Advance(absl::Minutes(9));
  ASSERT_TRUE(Put("second").ok());
  tester_.wall_clock().Advance(absl::Minutes(1));
  ExpectRefused("--outbox-age-max");
  Sent();
  EXPECT_TRUE(Put("third").ok());
}

// A version that steps over one of somebody's wrong clock is ahead of its time.
TEST_F(CommitterQuotaTest, WhatWaitsIsAsOldAsItWasWrittenWhateverVersionsSay) {
  Open(/*outbox_quota_bytes=*/size_t{1} << 20, absl::Hours(3));
  const auto start_ms = static_cast<uint64_t>(absl::ToUnixMillis(tester_.wall_clock().Now()));
  const uint64_t hour_ahead = (start_ms + 3600 * 1000) << kVersionCounterBits;
  ASSERT_TRUE(tester_.Apply({RemotePut("stepped", Version{hour_ahead, 1}, "x")}).ok());
  ASSERT_TRUE(Put("stepped").ok());
  const uint64_t sent = tester_.state().revision;
  tester_.wall_clock().Advance(absl::Seconds(1));
  ASSERT_TRUE(Put("waits").ok());
  tester_.wall_clock().Advance(absl::Hours(2));
  tester_.committer().AdvanceMirrored({kEpoch, sent, {{"stepped", sent}}});
  tester_.Settle();
  EXPECT_GE(tester_.state().unsent_since_unix_ms, start_ms);
  EXPECT_LE(tester_.state().unsent_since_unix_ms, start_ms + 1000);
  tester_.wall_clock().Advance(absl::Hours(1));
  EXPECT_TRUE(absl::IsResourceExhausted(Put("refused")));
}

TEST_F(CommitterQuotaTest, AKeyThatIsWrittenAgainCountsOnce) {
  Open(/*outbox_quota_bytes=*/300, absl::InfiniteDuration());
  for (int i = 0; i < 20; ++i) {
    EXPECT_TRUE(Put("same").ok()) << i;
  }
}

TEST_F(CommitterQuotaTest, DeletingWhatWaitsMakesRoomForPuts) {
  Open(/*outbox_quota_bytes=*/200, absl::InfiniteDuration());
  ASSERT_TRUE(Put("first").ok());
  ASSERT_TRUE(Put("second").ok());
  ASSERT_TRUE(absl::IsResourceExhausted(Put("third")));
  ASSERT_TRUE(tester_.Delete("first").ok());
  EXPECT_TRUE(Put("third").ok());
}

// The fleet may have the key, so that its deletion has to wait for Redis like any other.
TEST_F(CommitterQuotaTest, ADeleteOfAKeyThatIsNotHerePassesAndWaitsForRedis) {
  Open(/*outbox_quota_bytes=*/1, absl::InfiniteDuration());
  ASSERT_TRUE(Put("first").ok());
  ASSERT_TRUE(absl::IsResourceExhausted(Put("second")));
  const uint64_t bytes_before = tester_.state().unsent_bytes;
  const absl::StatusOr<WriteResult> deleted = tester_.Delete("elsewhere");
  ASSERT_TRUE(deleted.ok()) << deleted.status();
  EXPECT_FALSE(deleted->existed[0]);
  EXPECT_EQ(tester_.state().outbox_depth, 2u);
  EXPECT_GT(tester_.state().unsent_bytes, bytes_before);
}

TEST_F(CommitterQuotaTest, ABatchWithAPutIsRefusedWholeAndOneOfDeletesPasses) {
  Open(/*outbox_quota_bytes=*/1, absl::InfiniteDuration());
  ASSERT_TRUE(Put("first").ok());
  const absl::Status mixed = tester_.Write(WriteOf({DeleteOf("first"), PutOf("second", "x")})).status();
  EXPECT_TRUE(absl::IsResourceExhausted(mixed)) << mixed;
  EXPECT_NE(tester_.Get("first"), "(absent)");
  EXPECT_TRUE(tester_.Write(WriteOf({DeleteOf("first"), DeleteOf("second")})).ok());
  EXPECT_EQ(tester_.Get("first"), "(absent)");
}

TEST_F(CommitterQuotaTest, WhereThereIsNoRedisNothingWaitsForIt) {
  Open(/*outbox_quota_bytes=*/1, absl::Seconds(1), /*standalone=*/true);
  ASSERT_TRUE(Put("first").ok());
  tester_.wall_clock().Advance(absl::Hours(1));
  EXPECT_TRUE(Put("second").ok());
}

}  // namespace
}  // namespace dunlin
