// Goal: a reader that keeps up, under whatever load, is not behind; one that does not is, since when it was last at the
// store's latest revision or before; and nobody is before SYNCED.
// Method: what is seen of it, told step by step.

#include "server/reader_lag.h"

#include "absl/time/time.h"
#include "gtest/gtest.h"

namespace dunlin {
namespace {

absl::Time At(int seconds) { return absl::UnixEpoch() + absl::Seconds(seconds); }

ReaderLag::Seen Synced(uint64_t taken, uint64_t latest) { return {true, false, taken, latest}; }

TEST(ReaderLagTest, WhoHasEverythingIsNotBehind) {
  ReaderLag lag;
  EXPECT_EQ(lag.behind_since(), absl::InfiniteFuture());
  lag.Update(Synced(7, 7), At(0));
  EXPECT_EQ(lag.behind_since(), absl::InfiniteFuture());
}

TEST(ReaderLagTest, WhoStandsStillIsBehindSinceItWasSeenToBe) {
  ReaderLag lag;
  lag.Update(Synced(7, 9), At(1));
  lag.Update(Synced(7, 20), At(2));
  lag.Update(Synced(8, 90), At(3));
  EXPECT_EQ(lag.behind_since(), At(1));
}

TEST(ReaderLagTest, WhoGetsToWhereTheStoreWasIsBehindSinceThen) {
  ReaderLag lag;
  for (int second = 1; second <= 100; ++second) {
    // Never at the end, and a second late all along.
    lag.Update(Synced(1000 * static_cast<uint64_t>(second - 1), 1000 * static_cast<uint64_t>(second)), At(second));
    EXPECT_GE(lag.behind_since(), At(second - 1));
  }
}

TEST(ReaderLagTest, WhoHasBeenToldEverythingIsNotBehindThoughOthersGoOn) {
  ReaderLag lag;
  lag.Update(Synced(7, 9), At(1));
  lag.Update({true, true, 7, 99}, At(2));
  EXPECT_EQ(lag.behind_since(), absl::InfiniteFuture());
}

// A resume may have to pass millions of changes of other keys; a full state that has to be sent again takes its time.
TEST(ReaderLagTest, NobodyIsBehindBeforeSynced) {
  ReaderLag lag;
  for (int second = 1; second <= 100; ++second) {
    lag.Update({false, false, 0, 1000000}, At(second));
    EXPECT_EQ(lag.behind_since(), absl::InfiniteFuture());
  }
  lag.Update(Synced(7, 9), At(101));
  EXPECT_EQ(lag.behind_since(), At(101));
  lag.Update({false, false, 0, 1000000}, At(102));
  EXPECT_EQ(lag.behind_since(), absl::InfiniteFuture());
}

}  // namespace
}  // namespace dunlin
