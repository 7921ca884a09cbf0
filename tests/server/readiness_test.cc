// Goal: SERVING is said exactly when the replica can be believed, and not taken back. Method: stories told as tables of
// moments, with an injected clock.

#include "server/readiness.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace dunlin {
namespace {

using ::testing::HasSubstr;

constexpr absl::Duration kPatience = absl::Seconds(5);

struct Moment {
  int second;
  ReadinessFacts facts;
  bool serving;
  const char* reason;
};

struct Story {
  const char* name;
  std::vector<Moment> moments;
};

ReadinessFacts Standalone() {
  ReadinessFacts facts;
  facts.standalone = true;
  return facts;
}

// With Redis configured.
ReadinessFacts Fleet(bool reachable, bool holds_data, uint64_t barrier_generation) {
  ReadinessFacts facts;
  facts.redis_reachable = reachable;
  facts.holds_data = holds_data;
  facts.barrier_generation = barrier_generation;
  return facts;
}

ReadinessFacts Failed(ReadinessFacts facts) {
  facts.store_failure = "the disk has failed";
  return facts;
}

ReadinessFacts Draining(ReadinessFacts facts) {
  facts.draining = true;
  return facts;
}

constexpr bool kReachable = true;
constexpr bool kAway = false;
constexpr bool kData = true;
constexpr bool kEmpty = false;

const Story kStories[] = {
    {"stand-alone serves at once", {{0, Standalone(), true, "stand-alone"}}},
    {"the barrier makes it serve",
     {{0, Fleet(kAway, kEmpty, 0), false, "holds no data"},
      {1, Fleet(kReachable, kEmpty, 0), false, "reading from Redis"},
      {2, Fleet(kReachable, kData, 0), false, "reading from Redis"},
      {3, Fleet(kReachable, kData, 1), true, "has had everything"}}},
    {"it keeps serving when Redis goes away afterwards",
     {{0, Fleet(kReachable, kData, 1), true, ""},
      {1, Fleet(kAway, kData, 1), true, ""},
      {1000, Fleet(kAway, kData, 1), true, ""},
      {1001, Fleet(kReachable, kData, 2), true, ""}}},
    {"a fleet that is empty altogether serves after its barrier", {{0, Fleet(kReachable, kEmpty, 1), true, ""}}},
    {"without data it waits for ever",
     {{0, Fleet(kAway, kEmpty, 0), false, "holds no data"},
      {1000000, Fleet(kAway, kEmpty, 0), false, "holds no data"}}},
    {"with data it serves alone once patience is exceeded",
     {{0, Fleet(kAway, kData, 0), false, "waiting for Redis for up to 5s"},
      {5, Fleet(kAway, kData, 0), false, "waiting"},
      {6, Fleet(kAway, kData, 0), true, "serves what it holds"}}},
    {"it keeps serving while it catches up with a Redis that came back",
     {{6, Fleet(kAway, kData, 0), true, "serves what it holds"},
      {7, Fleet(kReachable, kData, 0), true, "serves what it holds"},
      {8, Fleet(kReachable, kData, 1), true, "has had everything"}}},
    {"a slow catch-up does not use up patience",
     {{0, Fleet(kReachable, kData, 0), false, "reading"}, {1000, Fleet(kReachable, kData, 0), false, "reading"}}},
    {"a Redis that breaks off again and again uses up patience bit by bit",
     {{2, Fleet(kReachable, kData, 0), false, "reading"},  // 2 s without
      {9, Fleet(kAway, kData, 0), false, "waiting"},
      {11, Fleet(kReachable, kData, 0), false, "reading"},  // 4 s without
      {19, Fleet(kAway, kData, 0), false, "waiting"},
      {20, Fleet(kAway, kData, 0), false, "waiting"},  // 5 s without
      {21, Fleet(kAway, kData, 0), true, "serves what it holds"}}},
    {"data that arrives over a broken connection counts",
     {{0, Fleet(kReachable, kEmpty, 0), false, "reading"},
      {1, Fleet(kAway, kEmpty, 0), false, "holds no data"},
      {9, Fleet(kAway, kData, 0), true, "serves what it holds"}}},
    {"draining ends it, whatever else is true",
     {{0, Draining(Standalone()), false, "shutting down"},
      {1, Fleet(kReachable, kData, 1), true, ""},
      {2, Draining(Fleet(kReachable, kData, 1)), false, "shutting down"}}},
    {"a clock that steps back neither helps nor harms",
     {{4, Fleet(kAway, kData, 0), false, "waiting"},
      {-100, Fleet(kAway, kData, 0), false, "waiting"},
      {5, Fleet(kAway, kData, 0), false, "waiting"},
      {6, Fleet(kAway, kData, 0), true, ""}}},
};

TEST(ReadinessTest, EveryStoryHolds) {
  const absl::Time start = absl::FromUnixSeconds(1000000000);
  for (const Story& story : kStories) {
    Readiness readiness(kPatience, start);
    for (const Moment& moment : story.moments) {
      const ReadinessVerdict verdict = readiness.Update(moment.facts, start + absl::Seconds(moment.second));
      EXPECT_EQ(verdict.serving, moment.serving) << story.name << ", second " << moment.second;
      EXPECT_THAT(verdict.reason, HasSubstr(moment.reason)) << story.name << ", second " << moment.second;
    }
  }
}

TEST(ReadinessTest, DataCallsAreAnsweredWhileItServesAndAreNotOtherwise) {
  const absl::Time start = absl::FromUnixSeconds(1000000000);
  for (const Story& story : kStories) {
    Readiness readiness(kPatience, start);
    for (const Moment& moment : story.moments) {
      const ReadinessVerdict verdict = readiness.Update(moment.facts, start + absl::Seconds(moment.second));
      EXPECT_EQ(verdict.answering, verdict.serving) << story.name << ", second " << moment.second;
    }
  }
}

TEST(ReadinessTest, AFailedStoreIsReadButDoesNotServe) {
  const absl::Time start = absl::FromUnixSeconds(1000000000);
  Readiness readiness(kPatience, start);
  ASSERT_TRUE(readiness.Update(Fleet(kReachable, kData, 1), start).serving);
  const ReadinessVerdict failed = readiness.Update(Failed(Fleet(kReachable, kData, 1)), start);
  EXPECT_FALSE(failed.serving);
  EXPECT_TRUE(failed.answering);
  EXPECT_EQ(failed.reason, "the disk has failed");
  const ReadinessVerdict draining = readiness.Update(Draining(Failed(Fleet(kReachable, kData, 1))), start);
  EXPECT_FALSE(draining.serving);
  EXPECT_FALSE(draining.answering);
  EXPECT_EQ(draining.reason, "shutting down");
}

TEST(ReadinessTest, AStoreThatFailedBeforeTheReplicaWasReadyIsNotReadEither) {
  const absl::Time start = absl::FromUnixSeconds(1000000000);
  Readiness readiness(kPatience, start);
  const ReadinessVerdict verdict = readiness.Update(Failed(Fleet(kReachable, kEmpty, 0)), start);
  EXPECT_FALSE(verdict.serving);
  EXPECT_FALSE(verdict.answering) << "it would answer NOT_FOUND for what it lacks";
  EXPECT_TRUE(readiness.Update(Failed(Standalone()), start).answering);
}

TEST(ReadinessTest, EndlessPatienceNeverServesAlone) {
  const absl::Time start = absl::FromUnixSeconds(1000000000);
  Readiness readiness(absl::InfiniteDuration(), start);
  EXPECT_FALSE(readiness.Update(Fleet(kAway, kData, 0), start + absl::Hours(100000)).serving);
}

}  // namespace
}  // namespace dunlin
