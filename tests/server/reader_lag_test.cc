// Goal: a reader that keeps up, under whatever load, is not behind; one that does not is, since when it was last at the
// store's latest revision or before.
// Method: what is seen of it, told step by step.

#include "server/reader_lag.h"

#include "absl/time/time.h"
#include "gtest/gtest.h"

namespace dunlin {
namespace {

constexpr absl::Time kStart = absl::UnixEpoch();

absl::Time At(int seconds) { return kStart + absl::Seconds(seconds); }

TEST(ReaderLagTest, WhoHasEverythingIsNotBehind) {
  ReaderLag lag;
  EXPECT_EQ(lag.behind_since(), absl::InfiniteFuture());
  lag.Update(7, 7, At(0));
  EXPECT_EQ(lag.behind_since(), absl::InfiniteFuture());
}

TEST(ReaderLagTest, WhoStandsStillIsBehindSinceItWasSeenToBe) {
  ReaderLag lag;
  lag.Update(7, 9, At(1));
  lag.Update(7, 20, At(2));
  lag.Update(8, 90, At(3));
  EXPECT_EQ(lag.behind_since(), At(1));
}

TEST(ReaderLagTest, WhoGetsToWhereTheStoreWasIsBehindSinceThen) {
  ReaderLag lag;
  for (int second = 1; second <= 100; ++second) {
    // Never at the end, and a second late all along.
    lag.Update(1000 * static_cast<uint64_t>(second - 1), 1000 * static_cast<uint64_t>(second), At(second));
    EXPECT_GE(lag.behind_since(), At(second - 1));
  }
}

TEST(ReaderLagTest, WhoHasSaidEverythingIsNotBehindThoughOthersGoOn) {
  ReaderLag lag;
  lag.Update(7, 9, At(1));
  lag.OnCaughtUp();
  EXPECT_EQ(lag.behind_since(), absl::InfiniteFuture());
}

}  // namespace
}  // namespace dunlin
