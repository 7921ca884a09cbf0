#include "tests/integration/follower_scenario.h"

#include <future>
#include <utility>
#include <variant>

#include "gtest/gtest.h"
#include "storage/record.h"
#include "sync/epoch.h"
#include "sync/event_message.h"

namespace dunlin {
namespace {

constexpr uint64_t kFleet = 0xf1ee7;

std::unique_ptr<Store> OpenStore(const TempDir& directory, HybridClock* clock) {
  Store::Options options;
  options.directory = directory.Join("data");
  options.sync = false;
  absl::StatusOr<std::unique_ptr<Store>> store = Store::Open(options, clock);
  EXPECT_TRUE(store.ok()) << store.status();
  return *std::move(store);
}

std::string EncodedRecord(absl::string_view value, uint64_t time, bool tombstone) {
  Record record;
  record.version = Version{time, FollowerScenario::kOrigin};
  record.tombstone = tombstone;
  record.value = value;
  return EncodeRecord(record);
}

Follower::Options OptionsOfANewcomer() {
  Follower::Options options;
  options.seed = 1;
  return options;
}

}  // namespace

FollowerScenario::FollowerScenario()
    : clock_(&wall_clock_),
      store_(OpenStore(directory_, &clock_)),
      committer_(std::make_unique<Committer>(Committer::Options(), store_.get(), &clock_, &feed_)),
      follower_(OptionsOfANewcomer(), now_) {}

// ---- Redis ----

std::string FollowerScenario::Write(const std::string& key, absl::string_view value, uint64_t time) {
  return Accept(key, EncodedRecord(value, time, /*tombstone=*/false));
}

std::string FollowerScenario::WriteTombstone(const std::string& key, uint64_t time) {
  return Accept(key, EncodedRecord("", time, /*tombstone=*/true));
}

std::string FollowerScenario::Accept(const std::string& key, const std::string& record) {
  data_[key] = Stored{++sequence_, record};
  EventMessage event;
  event.epoch = epoch_;
  event.first_sequence = sequence_;
  event.origin = kOrigin;
  event.items = {{EventItem::Kind::kRecord, key, record}};
  return EncodeEventMessage(event);
}

void FollowerScenario::LoseEverything(uint64_t next_epoch) {
  data_.clear();
  sequence_ = 0;
  epoch_ = next_epoch;
}

RelayPosition FollowerScenario::Position() const {
  RelayPosition position;
  position.epoch = epoch_;
  position.sequence = sequence_;
  position.fleet_id = FormatEpoch(kFleet);
  return position;
}

RelayChangePage FollowerScenario::MakePage(uint64_t after, size_t changes_max) const {
  std::map<uint64_t, RelayChange> later;
  for (const auto& [key, stored] : data_) {
    if (stored.sequence > after) {
      later[stored.sequence] = RelayChange{key, stored.record};
    }
  }
  RelayChangePage page;
  page.epoch = epoch_;
  page.sequence = sequence_;
  page.complete = later.size() <= changes_max;
  for (const auto& [sequence, change] : later) {
    if (page.changes.size() < changes_max) {
      page.changes.push_back(change);
      page.covered_sequence = sequence;
    }
  }
  if (page.complete) {
    page.covered_sequence = sequence_;
  }
  return page;
}

// ---- The replica ----

void FollowerScenario::Run() {
  bool going = true;
  while (going) {
    while (follower_.WantsEvent() && !ring_.empty()) {
      const std::string event = std::move(ring_.front());
      ring_.pop_front();
      follower_.OnEvent(event, now_);
    }
    Follower::Action action = follower_.Next(now_);
    going = std::visit([this](auto& what) { return Do(what); }, action);
  }
}

bool FollowerScenario::Do(const Follower::Wait&) { return follower_.WantsEvent() && !ring_.empty(); }

bool FollowerScenario::Do(const Follower::Connect&) {
  follower_.OnConnected(now_);
  return true;
}

bool FollowerScenario::Do(const Follower::ReadPosition&) {
  follower_.OnPosition(Position(), {!ring_.empty(), store_->state().revision, store_->state().mirrored_high_revision},
                       now_);
  return true;
}

bool FollowerScenario::Do(const Follower::ReadChanges& read) {
  if (!next_page_error.ok()) {
    follower_.OnRelayError(std::exchange(next_page_error, absl::OkStatus()), /*connected=*/false, now_);
    return true;
  }
  RelayChangePage page = MakePage(read.after, std::min(read.items_max, page_changes));
  ++pages_read_;
  if (after_page) {
    after_page(pages_read_);
  }
  follower_.OnChanges(std::move(page), now_);
  return true;
}

bool FollowerScenario::Do(const Follower::ReadOrders& read) {
  RelayChangePage page = MakePage(read.after, std::min(read.items_max, page_changes));
  for (RelayChange& change : page.changes) {
    change.record = RecordOrder(change.record);
  }
  ++pages_read_;
  if (after_page) {
    after_page(pages_read_);
  }
  follower_.OnOrders(std::move(page));
  return true;
}

bool FollowerScenario::Do(const Follower::Compare& compare) {
  follower_.OnCompared(store_->FindOlder(compare.items), now_);
  return true;
}

bool FollowerScenario::Do(const Follower::ReadRecords& read) {
  RelayRecords records;
  records.epoch = epoch_;
  for (const std::string& key : read.keys) {
    records.records.push_back(data_[key].record);
  }
  follower_.OnRecords(std::move(records));
  return true;
}

bool FollowerScenario::Do(const Follower::Collect&) {
  follower_.OnCollected(CollectReply(), now_);
  return true;
}

bool FollowerScenario::Do(const Follower::Reindex&) {
  follower_.OnReindexed(ReindexReply(), now_);
  return true;
}

// Nobody waits for another store's writes here.
bool FollowerScenario::Do(const Follower::FindDelivered&) {
  ADD_FAILURE() << "asks for what nobody awaits";
  return false;
}

bool FollowerScenario::Do(const Follower::StartEpoch& start) {
  epoch_ = start.proposal.next;
  sequence_ = start.proposal.minimum_sequence;
  follower_.OnEpochStarted({epoch_, sequence_});
  return true;
}

bool FollowerScenario::Do(const Follower::EnterEpoch& enter) {
  std::promise<absl::StatusOr<EpochEntry>> entered;
  committer_->EnterEpoch(enter.change, [&](absl::StatusOr<EpochEntry> entry) { entered.set_value(std::move(entry)); });
  follower_.OnEpochEntered(entered.get_future().get(), now_);
  return true;
}

bool FollowerScenario::Do(Follower::Apply& apply) {
  follower_.OnApplied(ApplyAndWait(std::move(apply.batch)), now_);
  return true;
}

bool FollowerScenario::Do(const Follower::DiscardEvents&) {
  ring_.clear();
  return true;
}

absl::StatusOr<ApplyResult> FollowerScenario::ApplyAndWait(RemoteBatch batch) {
  std::promise<absl::StatusOr<ApplyResult>> applied;
  committer_->Apply(std::move(batch),
                    [&](absl::StatusOr<ApplyResult> result) { applied.set_value(std::move(result)); });
  return applied.get_future().get();
}

void FollowerScenario::WriteLocally(const std::string& key, absl::string_view value, uint64_t time) {
  RemoteBatch batch;
  batch.records = {{key, EncodedRecord(value, time, /*tombstone=*/false)}};
  const auto applied = ApplyAndWait(std::move(batch));
  EXPECT_TRUE(applied.ok()) << applied.status();
}

std::string FollowerScenario::Get(absl::string_view key) const {
  const absl::StatusOr<StoredEntry> entry = store_->Get(key);
  return entry.ok() ? entry->value : "(absent)";
}

}  // namespace dunlin
