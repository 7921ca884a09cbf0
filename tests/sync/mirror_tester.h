#ifndef DUNLIN_TESTS_SYNC_MIRROR_TESTER_H_
#define DUNLIN_TESTS_SYNC_MIRROR_TESTER_H_

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "gtest/gtest.h"
#include "storage/limits.h"
#include "sync/mirror.h"
#include "tests/sync/test_records.h"

namespace dunlin {

// A Mirror whose driver is the test: it says what happened and checks what the mirror wants.
class MirrorTester : public testing::Test {
 protected:
  static constexpr uint64_t kStoreId = 5;
  static constexpr uint64_t kEpoch = 7;

  // A mirror that is connected, with nothing sent yet.
  void Begin(uint64_t mirrored_revision = 0) {
    mirror_.emplace(Mirror::Options{kStoreId, kEpoch, mirrored_revision, 1});
    Next<Mirror::Connect>();
    mirror_->OnConnected(now_);
  }

  // A new connection, on which the follower has looked.
  void ConnectAgain() {
    Next<Mirror::Connect>();
    mirror_->OnConnected(now_);
    mirror_->OnConfirmed(kEpoch, mirror_->connection());
  }

  template <typename T>
  T Next() {
    Mirror::Action action = mirror_->Next(now_);
    T* wanted = std::get_if<T>(&action);
    EXPECT_NE(wanted, nullptr) << "the action has index " << action.index();
    return wanted != nullptr ? std::move(*wanted) : T();
  }

  static Change ChangeAt(uint64_t revision) {
    Change change;
    change.revision = revision;
    change.key = absl::StrCat("k", revision);
    change.encoded_record = MakeRecord(Version{revision, kStoreId}, "v");
    return change;
  }

  // Gives the mirror a page and has it sent.
  void Send(std::vector<uint64_t> revisions, uint64_t covered, bool complete = false) {
    Next<Mirror::ReadOutbox>();
    Page(revisions, covered, complete);
    EXPECT_EQ(Next<Mirror::Send>().batch.items.size(), revisions.size());
    mirror_->OnSent();
  }

  // The barrier is open or not, and nothing has been waiting.
  void SetBarrier(bool open) { mirror_->UpdateAllowance(open, StoreState(), now_); }

  // A page of what Redis has had before.
  void RefillPage(const std::vector<uint64_t>& revisions, uint64_t covered) {
    SetBarrier(true);
    Page(revisions, covered, /*complete=*/true, /*known_to_redis=*/true);
  }

  void Page(const std::vector<uint64_t>& revisions, uint64_t covered, bool complete, bool known_to_redis = false) {
    ChangePage page;
    page.known_to_redis = known_to_redis;
    for (const uint64_t revision : revisions) {
      page.changes.push_back(ChangeAt(revision));
    }
    page.covered_revision = covered;
    page.complete = complete;
    mirror_->OnOutboxPage(std::move(page));
  }

  void Reply(std::vector<MirrorItemReply::Outcome> outcomes) {
    MirrorReply reply;
    for (const MirrorItemReply::Outcome outcome : outcomes) {
      reply.items.push_back({outcome, 1, outcome == kLost ? "winner" : ""});
    }
    mirror_->OnReply(std::move(reply), now_);
  }

  uint64_t Advanced() { return Next<Mirror::Advance>().progress.revision; }

  static constexpr auto kWon = MirrorItemReply::Outcome::kAccepted;
  static constexpr auto kThere = MirrorItemReply::Outcome::kAlreadyThere;
  static constexpr auto kLost = MirrorItemReply::Outcome::kSuperseded;

  absl::Time now_ = absl::FromUnixSeconds(1000);
  absl::optional<Mirror> mirror_;
};

}  // namespace dunlin

#endif  // DUNLIN_TESTS_SYNC_MIRROR_TESTER_H_
