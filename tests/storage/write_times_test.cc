// Goal: what is told of a revision's age is never younger than the truth, and about as old, in bounded memory.
// Method: the class alone, with examples and beside a list of all that was written, under a clock that steps.

#include "storage/write_times.h"

#include <algorithm>
#include <random>
#include <vector>

#include "gtest/gtest.h"
#include "storage/limits.h"
#include "tests/support/test_size.h"

namespace dunlin {
namespace {

TEST(WriteTimes, WhatIsAboveARevisionWasWrittenAfterItWasTheLatest) {
  WriteTimes times;
  EXPECT_EQ(times.After(100), 0u) << "nothing is known";
  times.Note(1000, 5);
  times.Note(2000, 9);
  EXPECT_EQ(times.After(4), 0u) << "5 may have been written at any time before";
  EXPECT_EQ(times.After(5), 1000u);
  EXPECT_EQ(times.After(8), 1000u);
  EXPECT_EQ(times.After(9), 2000u);
  EXPECT_EQ(times.After(50), 2000u);
}

TEST(WriteTimes, MomentsAreSomewhatApart) {
  WriteTimes times;
  times.Note(1000, 5);
  times.Note(1050, 6);
  EXPECT_EQ(times.After(6), 1000u);
  times.Note(1100, 7);
  EXPECT_EQ(times.After(7), 1100u);
}

TEST(WriteTimes, AClockThatIsPutBackTakesBackWhatItHasTold) {
  WriteTimes times;
  times.Note(1000, 5);
  times.Note(9000, 6);
  times.Note(2000, 7);
  EXPECT_EQ(times.After(6), 1000u) << "7 and 8 were written by the clock as it is now";
  EXPECT_EQ(times.After(7), 2000u);
}

TEST(WriteTimes, ALongOutageCostsBoundedMemoryAndStaysTrue) {
  WriteTimes times;
  // One revision a second, none of them sent, for a week.
  constexpr uint64_t kWeekSeconds = 7 * 24 * 3600;
  for (uint64_t i = 0; i < kWeekSeconds; ++i) {
    times.Note(1000 * i, i);
    ASSERT_LE(times.size(), kWriteTimesMax);
  }
  const uint64_t told = times.After(kWeekSeconds / 2);
  EXPECT_LE(told, 1000 * kWeekSeconds / 2);
  EXPECT_GE(told, 1000 * (kWeekSeconds / 2 - 600)) << "some minutes of a week are near enough";
}

TEST(WriteTimes, NothingIsToldToBeYoungerThanItIs) {
  for (const uint64_t seed : TestSeeds(TestRepetitions(300, 100))) {
    std::mt19937_64 random(seed);
    WriteTimes times;
    std::vector<uint64_t> written_ms = {0};  // By revision, from 1 on.
    uint64_t now_ms = 1000000;
    uint64_t sent = 0;
    for (int step = 0; step < 300; ++step) {
      now_ms += random() % 20 == 0 ? -(random() % 2000) : random() % 200;
      times.Note(now_ms, written_ms.size() - 1);
      for (uint64_t count = random() % 3; count > 0; --count) {
        written_ms.push_back(now_ms);
      }
      sent = std::min<uint64_t>(written_ms.size() - 1, sent + random() % 3);
      const uint64_t told = times.After(sent);
      for (size_t revision = sent + 1; revision < written_ms.size(); ++revision) {
        ASSERT_LE(told, written_ms[revision]) << "seed " << seed << ", revision " << revision;
      }
    }
  }
}

}  // namespace
}  // namespace dunlin
