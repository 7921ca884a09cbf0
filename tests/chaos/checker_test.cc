// Goal: the checker sees what it is there for: a lost write, a resurrected one, one that was refused, another value,
// unequal replicas; and it sees nothing where nothing is wrong.
// Method: a history and holdings that agree, in which one thing at a time is planted.

#include "tests/chaos/checker.h"

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace dunlin::chaos {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr char kKey[] = "key";

client::Version At(uint64_t time) { return client::Version{time, 7}; }

class CheckerTest : public testing::Test {
 protected:
  static constexpr int kReplicas = 3;

  CheckerTest() {
    redis_.name = "Redis";
    redis_.read_from = now_;
    redis_.read_until = now_;
    for (int i = 0; i < kReplicas; ++i) {
      replicas_.push_back(redis_);
      replicas_.back().name = absl::StrCat("r", i + 1);
      replicas_.back().digest = "digest";
    }
  }

  void Acknowledge(uint64_t time, const Content& content, const std::string& key = kKey) {
    history_.Acknowledge(key, WriteKind::kPut, 1, content, At(time));
  }

  void StoreInRedis(uint64_t time, const Content& content, const std::string& key = kKey) {
    redis_.entries[key] = Stored{At(time), content, {}};
  }

  // In Redis and on all replicas.
  void Store(uint64_t time, const Content& content, const std::string& key = kKey) {
    StoreInRedis(time, content, key);
    for (Holdings& replica : replicas_) {
      if (content.deleted) {
        replica.entries.erase(key);
      } else {
        replica.entries[key] = redis_.entries[key];
      }
    }
  }

  void ExpireAt(absl::Time time) {
    redis_.entries[kKey].expires_at = time;
    for (Holdings& replica : replicas_) {
      replica.entries[kKey].expires_at = time;
    }
  }

  std::vector<std::string> Check() const { return CheckHoldings(history_, redis_, replicas_); }

  const absl::Time now_ = absl::FromUnixSeconds(1700000000);
  const Content old_ = ContentOf("old");
  const Content new_ = ContentOf("new");
  History history_;
  Holdings redis_;
  std::vector<Holdings> replicas_;
};

TEST_F(CheckerTest, WhatIsStoredAsAcknowledgedIsRight) {
  Acknowledge(1, old_);
  Acknowledge(2, new_);
  Store(2, new_);
  Acknowledge(3, old_, "deleted");
  Acknowledge(4, Deletion(), "deleted");
  Store(4, Deletion(), "deleted");
  EXPECT_THAT(Check(), IsEmpty());
}

TEST_F(CheckerTest, AcknowledgementsMayComeInAnyOrder) {
  Acknowledge(2, new_);
  Acknowledge(1, old_);
  Store(2, new_);
  EXPECT_THAT(Check(), IsEmpty());
}

TEST_F(CheckerTest, AWriteThatIsNowhereIsLost) {
  Acknowledge(1, old_);
  EXPECT_THAT(Check(), ElementsAre(HasSubstr("key: lost: put of version 1-7 acknowledged by replica 1")));
}

TEST_F(CheckerTest, AWriteBehindAnOlderOneIsLost) {
  Acknowledge(1, old_);
  Acknowledge(2, new_);
  Store(1, old_);
  EXPECT_THAT(Check(), ElementsAre(HasSubstr("Redis holds the older version 1-7")));
}

TEST_F(CheckerTest, ADeleteThatIsUndoneIsLost) {
  Acknowledge(1, old_);
  Acknowledge(2, Deletion());
  Store(1, old_);
  EXPECT_THAT(Check(), ElementsAre(HasSubstr("lost")));
}

TEST_F(CheckerTest, AnotherValueUnderTheSameVersionIsSeen) {
  Acknowledge(1, new_);
  Store(1, old_);
  EXPECT_THAT(Check(), ElementsAre(HasSubstr("Redis holds another value")));
}

TEST_F(CheckerTest, AnUncertainWriteMayHaveTakenPlaceOrNot) {
  Acknowledge(1, old_);
  history_.LeaveUncertain(kKey, new_);
  Store(1, old_);
  EXPECT_THAT(Check(), IsEmpty());
  Store(2, new_);
  EXPECT_THAT(Check(), IsEmpty());
  history_.LeaveUncertain("other", new_);
  EXPECT_THAT(Check(), IsEmpty());
}

TEST_F(CheckerTest, AHigherVersionOfWhatNobodyWroteIsSeen) {
  Acknowledge(1, old_);
  Store(2, new_);
  EXPECT_THAT(Check(), ElementsAre(HasSubstr("nobody has written")));
  Store(2, Deletion());
  EXPECT_THAT(Check(), ElementsAre(HasSubstr("nobody has written")));
}

TEST_F(CheckerTest, AnOlderAcknowledgedValueUnderANewVersionIsSeen) {
  Acknowledge(1, old_);
  Acknowledge(2, new_);
  Store(3, old_);
  EXPECT_THAT(Check(), ElementsAre(HasSubstr("nobody has written so late; the last was the put of version 2-7")));
}

TEST_F(CheckerTest, ARefusedWriteThatIsStoredIsSeen) {
  history_.Refuse(kKey, new_);
  Store(1, new_);
  EXPECT_THAT(Check(), ElementsAre(HasSubstr("although it was refused")));
}

TEST_F(CheckerTest, AKeyThatNobodyWroteIsSeen) {
  Store(1, new_);
  EXPECT_THAT(Check(), ElementsAre(HasSubstr("nobody has written that key")));
}

TEST_F(CheckerTest, AReplicaThatLacksAWriteIsSeen) {
  Acknowledge(1, old_);
  Store(1, old_);
  replicas_[2].entries.clear();
  EXPECT_THAT(Check(), ElementsAre(HasSubstr("r3 lacks it")));
}

TEST_F(CheckerTest, AReplicaWithAnOlderValueIsSeen) {
  Acknowledge(1, old_);
  Acknowledge(2, new_);
  Store(2, new_);
  replicas_[1].entries[kKey] = Stored{At(1), old_, {}};
  EXPECT_THAT(Check(), ElementsAre(HasSubstr("r2 shows version 1-7, Redis holds 2-7")));
}

TEST_F(CheckerTest, AReplicaThatStillShowsADeletedEntryIsSeen) {
  Acknowledge(1, old_);
  Acknowledge(2, Deletion());
  Store(2, Deletion());
  replicas_[0].entries[kKey] = Stored{At(1), old_, {}};
  EXPECT_THAT(Check(), ElementsAre(HasSubstr("r1 still shows it")));
}

TEST_F(CheckerTest, AReplicaWithAnEntryOfItsOwnIsSeen) {
  history_.LeaveUncertain(kKey, new_);
  replicas_[0].entries[kKey] = Stored{At(1), new_, {}};
  EXPECT_THAT(Check(), ElementsAre(HasSubstr("r1 shows version 1-7, Redis holds nothing")));
}

TEST_F(CheckerTest, UnequalDigestsAreSeen) {
  replicas_[1].digest = "other";
  EXPECT_THAT(Check(), ElementsAre(HasSubstr("the digests of r1 and r2 differ")));
}

TEST_F(CheckerTest, WhatHasExpiredMayNotBeShownAndWhatHasNotHasToBe) {
  Acknowledge(1, old_);
  Store(1, old_);
  ExpireAt(now_ - absl::Seconds(5));
  EXPECT_EQ(Check().size(), static_cast<size_t>(kReplicas));
  ExpireAt(now_ + absl::Seconds(5));
  EXPECT_THAT(Check(), IsEmpty());
  replicas_[0].entries.clear();
  EXPECT_THAT(Check(), ElementsAre(HasSubstr("r1 lacks it")));
  ExpireAt(now_);
  replicas_[0].entries.clear();
  EXPECT_THAT(Check(), IsEmpty()) << "it expires while it is read: either is right";
}

}  // namespace
}  // namespace dunlin::chaos
