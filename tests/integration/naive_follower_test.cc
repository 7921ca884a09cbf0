// Goal: the flaws of the naive design (subscribe, read everything, apply what comes) are not ours, whatever the
// interleaving. naive_design_test.cc shows the same on real processes, where chance decides the interleaving.
// Method: the real state machine over a real store, with a Redis made of a map; one hand-made interleaving a test.

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/integration/follower_scenario.h"

namespace dunlin {
namespace {

using std::string_literals::operator""s;

constexpr char kAbsent[] = "(absent)";

class NaiveFollowerTest : public testing::Test {
 protected:
  // Subscribed, caught up with what Redis holds, and live.
  void GoLive() {
    scenario_.Subscribe();
    scenario_.Run();
    ASSERT_TRUE(scenario_.live());
  }

  FollowerScenario scenario_;
};

TEST_F(NaiveFollowerTest, ReadsNoSnapshotBeforeTheSubscriptionIsAcknowledged) {
  scenario_.Write("k", "1", 10);
  scenario_.Run();
  EXPECT_EQ(scenario_.pages_read(), 0);
  EXPECT_FALSE(scenario_.live());
  scenario_.Subscribe();
  scenario_.Run();
  EXPECT_TRUE(scenario_.live());
  EXPECT_EQ(scenario_.Get("k"), "1");
}

TEST_F(NaiveFollowerTest, ReadsWhatWasPublishedWhileTheSubscriptionWasAway) {
  GoLive();
  scenario_.Write("missed", "1", 10);
  scenario_.Subscribe();
  EXPECT_FALSE(scenario_.live());
  scenario_.Run();
  EXPECT_TRUE(scenario_.live());
  EXPECT_EQ(scenario_.Get("missed"), "1");
}

TEST_F(NaiveFollowerTest, AnEventFromBeforeTheSnapshotsValueIsSkipped) {
  scenario_.Subscribe();
  scenario_.Deliver(scenario_.Write("k", "old", 10));
  scenario_.Deliver(scenario_.Write("k", "new", 20));
  scenario_.Run();
  EXPECT_TRUE(scenario_.live());
  EXPECT_EQ(scenario_.Get("k"), "new");
  EXPECT_EQ(scenario_.revision(), 1u) << "the events say nothing that the snapshot has not said";
}

TEST_F(NaiveFollowerTest, AnEventWaitsUntilTheSnapshotIsComplete) {
  for (int i = 0; i < 4; ++i) {
    scenario_.Write("k" + std::to_string(i), "1", 10);
  }
  scenario_.page_changes = 2;
  scenario_.after_page = [&](int page) {
    if (page == 1) {
      scenario_.Deliver(scenario_.Write("k0", "2", 20));
    }
    EXPECT_FALSE(scenario_.live());
  };
  scenario_.Subscribe();
  scenario_.Run();
  EXPECT_TRUE(scenario_.live());
  EXPECT_EQ(scenario_.Get("k0"), "2");
  EXPECT_EQ(scenario_.Get("k3"), "1");
}

TEST_F(NaiveFollowerTest, AnOlderValueOfTheSnapshotDoesNotReplaceANewerOne) {
  scenario_.Write("k", "old", 10);
  scenario_.after_page = [&](int) { scenario_.WriteLocally("k", "new", 20); };
  GoLive();
  EXPECT_EQ(scenario_.Get("k"), "new");
}

TEST_F(NaiveFollowerTest, AnEventThatOvertookTheLastPageIsNotUndoneByIt) {
  scenario_.Write("k", "old", 10);
  // The page is made, then the key changes, then the page arrives.
  scenario_.after_page = [&](int page) {
    if (page == 1) {
      scenario_.Deliver(scenario_.Write("k", "new", 20));
    }
  };
  GoLive();
  EXPECT_EQ(scenario_.Get("k"), "new");
}

TEST_F(NaiveFollowerTest, WhatTheFullRingDroppedDuringTheSnapshotIsRead) {
  scenario_.Write("a", "1", 10);
  scenario_.Write("b", "1", 11);
  scenario_.page_changes = 1;
  scenario_.after_page = [&](int page) {
    if (page == 2) {
      scenario_.Deliver(scenario_.Write("c", "1", 20));
      scenario_.Write("dropped", "1", 21);
      scenario_.DropForFullRing();
    }
  };
  GoLive();
  EXPECT_EQ(scenario_.Get("c"), "1");
  EXPECT_EQ(scenario_.Get("dropped"), "1");
  EXPECT_EQ(scenario_.status().gaps_repaired, 1u);
}

TEST_F(NaiveFollowerTest, WhatTheFullRingDroppedAfterTheLastPageIsReadBeforeTheBarrierOpens) {
  scenario_.Write("a", "1", 10);
  scenario_.after_page = [&](int page) {
    if (page == 1) {
      scenario_.Write("dropped", "1", 20);
      scenario_.DropForFullRing();
    }
  };
  GoLive();
  EXPECT_EQ(scenario_.Get("dropped"), "1");
  EXPECT_EQ(scenario_.status().generation, 1u) << "the barrier must not have been open without it";
}

TEST_F(NaiveFollowerTest, ALostEventShowsAtTheNextOneAndIsRead) {
  GoLive();
  scenario_.Write("lost", "1", 10);
  scenario_.Deliver(scenario_.Write("next", "1", 11));
  scenario_.Run();
  EXPECT_EQ(scenario_.Get("lost"), "1");
  EXPECT_EQ(scenario_.Get("next"), "1");
  EXPECT_EQ(scenario_.status().gaps_repaired, 1u);
}

TEST_F(NaiveFollowerTest, ALostLastEventShowsAtTheHeartbeatAndIsRead) {
  GoLive();
  scenario_.Write("lost", "1", 10);
  // The first heartbeat may have overtaken the event; the second cannot.
  for (int heartbeat = 0; heartbeat < 2; ++heartbeat) {
    scenario_.Advance(kRedisHeartbeatPeriod);
    scenario_.Run();
  }
  EXPECT_EQ(scenario_.Get("lost"), "1");
  EXPECT_EQ(scenario_.status().gaps_repaired, 1u);
}

TEST_F(NaiveFollowerTest, AnEventThatComesTwiceOrLateChangesNothing) {
  GoLive();
  const std::string first = scenario_.Write("k", "1", 10);
  const std::string second = scenario_.Write("k", "2", 20);
  for (const std::string& event : {first, first, second, first, second}) {
    scenario_.Deliver(event);
  }
  scenario_.Run();
  EXPECT_EQ(scenario_.Get("k"), "2");
  EXPECT_LE(scenario_.revision(), 2u);
  EXPECT_EQ(scenario_.status().gaps_repaired, 0u);
}

TEST_F(NaiveFollowerTest, AnOwnWriteThatComesBackIsNoNewChange) {
  GoLive();
  scenario_.WriteLocally("k", "own", 10);
  ASSERT_EQ(scenario_.revision(), 1u);
  scenario_.Deliver(scenario_.Write("k", "own", 10));
  scenario_.Run();
  EXPECT_EQ(scenario_.status().applied_sequence, 1u);
  EXPECT_EQ(scenario_.revision(), 1u);
}

TEST_F(NaiveFollowerTest, ADeleteDuringTheSnapshotIsNotForgotten) {
  for (int i = 0; i < 4; ++i) {
    scenario_.Write("k" + std::to_string(i), "1", 10);
  }
  scenario_.page_changes = 2;
  scenario_.after_page = [&](int page) {
    if (page == 1) {
      // One that the snapshot has passed already, and one that is still to come.
      scenario_.Deliver(scenario_.WriteTombstone("k0", 20));
      scenario_.Deliver(scenario_.WriteTombstone("k3", 21));
    }
  };
  GoLive();
  EXPECT_EQ(scenario_.Get("k0"), kAbsent);
  EXPECT_EQ(scenario_.Get("k1"), "1");
  EXPECT_EQ(scenario_.Get("k3"), kAbsent);
}

TEST_F(NaiveFollowerTest, ALatePutDoesNotBringBackADeletedKey) {
  GoLive();
  scenario_.Deliver(scenario_.WriteTombstone("k", 20));
  scenario_.Deliver(scenario_.Write("k", "from before the delete", 10));
  scenario_.Run();
  EXPECT_EQ(scenario_.Get("k"), kAbsent);
}

TEST_F(NaiveFollowerTest, AnErrorOfRedisIsToldAndTheSnapshotGoesOn) {
  for (int i = 0; i < 4; ++i) {
    scenario_.Write("k" + std::to_string(i), "1", 10);
  }
  scenario_.page_changes = 2;
  scenario_.after_page = [&](int page) {
    if (page == 1) {
      scenario_.next_page_error = absl::UnavailableError("the line went dead");
    }
  };
  scenario_.Subscribe();
  scenario_.Run();
  EXPECT_FALSE(scenario_.live());
  EXPECT_EQ(scenario_.status().error.message(), "the line went dead");
  scenario_.Advance(kReconnectDelayMax);
  scenario_.Run();
  EXPECT_TRUE(scenario_.live());
  EXPECT_TRUE(scenario_.status().error.ok());
  EXPECT_EQ(scenario_.Get("k3"), "1");
}

TEST_F(NaiveFollowerTest, AnEventThatIsNoEventIsTreatedAsALostOne) {
  GoLive();
  scenario_.Write("k", "1", 10);
  scenario_.Deliver("k:1");
  scenario_.Run();
  EXPECT_EQ(scenario_.Get("k"), "1");
}

TEST_F(NaiveFollowerTest, AnEmptyRedisIsNotReadAsEverythingDeleted) {
  scenario_.Write("k", "1", 10);
  GoLive();
  scenario_.LoseEverything(/*next_epoch=*/0x2222);
  scenario_.Advance(kRedisHeartbeatPeriod);
  scenario_.Run();
  EXPECT_EQ(scenario_.Get("k"), "1");
  EXPECT_EQ(scenario_.status().epoch, 0x2222u);
  EXPECT_EQ(scenario_.status().applied_sequence, 0u);
}

TEST_F(NaiveFollowerTest, AnEmptyValueIsNotAMissingOne) {
  scenario_.Write("in the snapshot", "", 10);
  GoLive();
  scenario_.Deliver(scenario_.Write("in an event", "", 11));
  scenario_.Run();
  EXPECT_EQ(scenario_.Get("in the snapshot"), "");
  EXPECT_EQ(scenario_.Get("in an event"), "");
  EXPECT_EQ(scenario_.Get("nowhere"), kAbsent);
}

TEST_F(NaiveFollowerTest, SeparatorsAndNulsInKeysAndValuesAreJustBytes) {
  const std::string value = "a\0b:c,d|e\r\n$3\r\nD1\xff"s;
  const std::string key = "user:1|{x},\r\n";
  scenario_.Write(key, value, 10);
  GoLive();
  scenario_.Deliver(scenario_.Write(key + "2", value, 11));
  scenario_.Run();
  EXPECT_EQ(scenario_.Get(key), value);
  EXPECT_EQ(scenario_.Get(key + "2"), value);
  EXPECT_EQ(scenario_.status().gaps_repaired, 0u);
}

}  // namespace
}  // namespace dunlin
