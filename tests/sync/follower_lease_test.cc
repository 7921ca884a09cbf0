// Goal: of several runs under one id the later one says so. Method: the state machine alone, told step by step what
// Redis says.

#include <cstdint>
#include <string>

#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "storage/limits.h"
#include "tests/sync/follower_tester.h"

namespace dunlin {
namespace {

class FollowerLeaseTest : public FollowerTester {
 protected:
  static constexpr uint64_t kStoreId = 5;
  static constexpr uint64_t kBootId = 11;

  // A follower that is live at sequence 5.
  void GoLive() {
    Follower::Options options = Known(5);
    options.lease = LeaseRequest{kStoreId, kBootId};
    Begin(options);
    follower_->OnSubscribed();
    Connect(5);
    CatchUp(5, 5);
    ASSERT_TRUE(follower_->live());
  }

  void HearOfRival(const std::string& lease) {
    RelayPosition position = PositionAt(5);
    position.rival_lease = lease;
    HearAtHeartbeat(position);
  }
};

TEST_F(FollowerLeaseTest, EachLookAtRedisRenewsTheLease) {
  GoLive();
  for (int i = 0; i < 3; ++i) {
    now_ += kRedisHeartbeatPeriod;
    const LeaseRequest lease = Next<Follower::ReadPosition>().proposal.lease;
    EXPECT_EQ(lease.store_id, kStoreId);
    EXPECT_EQ(lease.boot_id, kBootId);
    follower_->OnPosition(PositionAt(5), {}, now_);
  }
}

// A newcomer only looks, but under one id it may be the second.
TEST_F(FollowerLeaseTest, AStoreWithoutAFleetHasALeaseToo) {
  Follower::Options options;
  options.lease = LeaseRequest{kStoreId, kBootId};
  Begin(options);
  Next<Follower::Connect>();
  follower_->OnConnected(now_);
  const PositionProposal proposal = Next<Follower::ReadPosition>().proposal;
  EXPECT_EQ(proposal.epoch, kNoEpoch);
  EXPECT_EQ(proposal.lease.boot_id, kBootId);
}

TEST_F(FollowerLeaseTest, ALeaseThatIsRenewedIsARivals) {
  GoLive();
  HearOfRival("1:100");
  EXPECT_FALSE(follower_->status().has_rival) << "it may be this store's last run";
  HearOfRival("1:200");
  EXPECT_TRUE(follower_->status().has_rival);
  EXPECT_TRUE(follower_->live()) << "data converge all the same";
}

TEST_F(FollowerLeaseTest, ALeaseThatIsNotRenewedIsOfARunThatHasEnded) {
  GoLive();
  for (int i = 0; i < 5; ++i) {
    HearOfRival("1:100");
    EXPECT_FALSE(follower_->status().has_rival);
  }
  HearOfRival("");
  EXPECT_FALSE(follower_->status().has_rival);
}

// It is renewed less often than it is asked for.
TEST_F(FollowerLeaseTest, ARivalStaysOneBetweenItsRenewals) {
  GoLive();
  HearOfRival("1:100");
  HearOfRival("1:200");
  HearOfRival("1:200");
  EXPECT_TRUE(follower_->status().has_rival);
}

TEST_F(FollowerLeaseTest, ARivalWhoseLeaseHasEndedIsNoneAnyMore) {
  GoLive();
  HearOfRival("1:100");
  HearOfRival("1:200");
  HearOfRival("");
  EXPECT_FALSE(follower_->status().has_rival);
  HearOfRival("2:300");
  EXPECT_FALSE(follower_->status().has_rival) << "each has to be seen to go on";
}

TEST_F(FollowerLeaseTest, ARivalIsSeenAlsoWhileTheFollowerCannotFollow) {
  Begin(Known(5));
  RelayPosition position = PositionAt(5);
  position.fleet_id = FormatEpoch(kFleet + 1);
  position.rival_lease = "1:100";
  ConnectTo(position);
  now_ = Next<Follower::Wait>().until;
  position.rival_lease = "1:200";
  Hear(position);
  EXPECT_EQ(state(), Follower::State::kOffline);
  EXPECT_TRUE(follower_->status().has_rival);
}

}  // namespace
}  // namespace dunlin
