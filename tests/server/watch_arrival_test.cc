// Goal: a session for a reader who comes from another replica says nothing before it knows where to go on, then exactly
// what follows, and its tokens never claim more than the reader knows, nor less than it has seen. Method: sessions over
// a real store and feed, drained by hand.

#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/types/optional.h"
#include "gtest/gtest.h"
#include "server/token.h"
#include "server/watch_session.h"
#include "storage/limits.h"
#include "storage/record.h"
#include "tests/server/watch_session_tester.h"

namespace dunlin {
namespace {

using Step = WatchSession::Step;

class WatchArrivalTest : public WatchSessionTester {
 protected:
  // A token of another store, which knew the fleet up to sequence 70.
  Position Elsewhere() const {
    Position position = data_.store->position();
    position.store_id += 1;
    position.sequence = 70;
    position.revision = 5000;
    position.own_revision = 4000;
    position.expired_unix_ms = 12345;
    return position;
  }

  std::unique_ptr<WatchSession> OpenWaiting() {
    WatchSession::Options options = ResumeAt(Elsewhere());
    options.awaits_arrival = true;
    return Open(options);
  }
};

TEST_F(WatchArrivalTest, WhileItWaitsItOnlyLives) {
  data_.Put("a", "1");
  const auto session = OpenWaiting();
  EXPECT_EQ(session->mode(), WatchSession::Mode::kWaiting);
  EXPECT_TRUE(Drain(session.get()).empty());
  EXPECT_FALSE(session->synced());
  v1::WatchResponse alive;
  session->Heartbeat(&alive);
  EXPECT_EQ(alive.marker(), v1::MARKER_HEARTBEAT);
  EXPECT_EQ(alive.token(), EncodePositionToken(Elsewhere())) << "the reader has not come any further";
}

TEST_F(WatchArrivalTest, ItGoesOnAfterTheCheckpoint) {
  data_.Put("a", "1");
  const uint64_t checkpoint = data_.Put("b", "1").position.revision;
  data_.Put("c", "1");
  data_.Delete("a");
  const auto session = OpenWaiting();
  session->Arrived(checkpoint);
  EXPECT_EQ(Describe(Drain(session.get())), "c=1 a- SYNCED ");
  data_.Put("d", "1");
  EXPECT_EQ(Describe(Drain(session.get())), "d=1 ");
}

TEST_F(WatchArrivalTest, WithoutACheckpointItBeginsAnew) {
  data_.Put("a", "1");
  const auto session = OpenWaiting();
  session->Arrived(absl::nullopt);
  EXPECT_EQ(Describe(Drain(session.get())), "RESET a=1 SYNCED ");
}

// What has been deleted since, and forgotten, could not be told.
TEST_F(WatchArrivalTest, ACheckpointFromBeforeWhatIsRememberedOfDeletionsIsNone) {
  const uint64_t checkpoint = data_.Put("kept", "1").position.revision;
  Record tombstone;
  tombstone.version = Version{1, 1};
  tombstone.tombstone = true;
  data_.Apply({{{"gone", EncodeRecord(tombstone)}}, 0, 0});
  for (int round = 0; round < 200 && data_.store->state().collected_revision == 0; ++round) {
    data_.Advance(kTombstoneHorizonDefault / 10);
  }
  ASSERT_GT(data_.store->state().collected_revision, checkpoint);
  const auto session = OpenWaiting();
  session->Arrived(checkpoint);
  EXPECT_EQ(Describe(Drain(session.get())).substr(0, 6), "RESET ");
}

// The reader has seen elsewhere what may stand at any revision up to the present one: whoever takes its next token has
// to have all of that, before it goes on after what has been said here.
TEST_F(WatchArrivalTest, OnTheWayATokenAsksForAllThatTheReaderMayHaveSeen) {
  const uint64_t checkpoint = data_.Put("a", "0").position.revision;
  for (int i = 0; i < 600; ++i) data_.Put(absl::StrCat("k", i), "v");
  const uint64_t own = data_.store->position().own_revision;
  Record record;
  record.version = Version{1, 1};
  data_.Apply({{{"of another", EncodeRecord(record)}}, 0, 0});
  const uint64_t arrived_at = data_.store->position().revision;
  const auto session = OpenWaiting();
  session->Arrived(checkpoint);
  const Position first = TokenOf(Next(session.get(), Step::kMessage));
  EXPECT_EQ(first.store_id, data_.store->store_id());
  EXPECT_LT(first.revision, arrived_at);
  EXPECT_EQ(first.known_revision, arrived_at);
  EXPECT_EQ(first.own_revision, own) << "what others have written Redis has anyway";
  EXPECT_LT(own, arrived_at);
  EXPECT_EQ(first.sequence, 70u) << "of the fleet it knows what it knew";
  EXPECT_LE(first.expired_unix_ms, 12345u);
  // The same holds of a stream that goes on from there.
  const auto again = Open(ResumeAt(first));
  const Position second = TokenOf(Next(again.get(), Step::kMessage));
  EXPECT_LT(second.revision, arrived_at);
  EXPECT_EQ(second.known_revision, arrived_at);
  EXPECT_EQ(second.own_revision, own);
  const std::vector<v1::WatchResponse> rest = Drain(again.get());
  const Position last = TokenOf(rest.back());
  EXPECT_EQ(last.revision, arrived_at);
  EXPECT_LE(last.own_revision, last.revision);
  EXPECT_EQ(last.known_revision, 0u);
}

}  // namespace
}  // namespace dunlin
