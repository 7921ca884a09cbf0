#ifndef DUNLIN_TESTS_SYNC_TEST_REPLICA_H_
#define DUNLIN_TESTS_SYNC_TEST_REPLICA_H_

#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "storage/change_feed.h"
#include "storage/clock.h"
#include "storage/committer.h"
#include "storage/hybrid_clock.h"
#include "storage/logger.h"
#include "storage/store.h"
#include "storage/version.h"
#include "sync/replicator.h"
#include "tests/storage/tamper.h"
#include "tests/support/answer.h"
#include "tests/support/eventually.h"
#include "tests/support/temp_dir.h"

namespace dunlin {

// Replica is a store with its committer and its replicator: a whole replica but for gRPC.
//
// Thread-safety: one thread uses a Replica.
class Replica {
 public:
  // What its store survives. Syncs only cost time where no test lets the power fail.
  enum class Durability { kKill9, kPowerFailure };

  explicit Replica(const RedisEndpoint& endpoint, size_t ring_slots = 1024,
                   const Committer::Options& committer_options = {})
      : Replica(endpoint, Durability::kKill9, ring_slots, committer_options) {}
  Replica(const RedisEndpoint& endpoint, Durability durability, size_t ring_slots = 1024,
          const Committer::Options& committer_options = {})
      : durability_(durability) {
    committer_options_ = committer_options;
    Open();
    options_.endpoint = endpoint;
    options_.replication_namespace = "test";
    options_.replica_id = "replica";
    options_.ring_slots = ring_slots;
    Start();
  }
  ~Replica() {
    replicator_.reset();
    committer_->Stop();
  }

  // A new replicator on the same store.
  void Start() {
    auto created = Replicator::Create(options_, {store_.get(), committer_.get(), &feed_, &clock_, &logger_});
    EXPECT_TRUE(created.ok()) << created.status();
    replicator_ = *std::move(created);
    replicator_->Start();
  }
  void Stop() { replicator_->Stop(); }

  // Closes the store, flips a bit in the record of `key`, and begins again.
  void Damage(absl::string_view key) {
    replicator_.reset();
    committer_.reset();
    store_.reset();
    DamageRecord(directory_.path(), key);
    Open();
    Start();
  }

  HybridClock& clock() { return clock_; }
  Replicator& replicator() { return *replicator_; }
  Committer& committer() { return *committer_; }
  ChangeFeed& feed() { return feed_; }
  StoreState state() const { return store_->state(); }
  std::string epoch() { return absl::StrCat(replicator_->status().follower.epoch); }

  void StartPut(absl::string_view key, absl::string_view value, Answer<absl::StatusOr<WriteResult>>* answer) {
    LocalWrite write;
    write.mutations.push_back(MutationOf(key, value));
    committer_->Write(std::move(write), answer->Callback());
  }

  absl::StatusOr<WriteResult> Put(absl::string_view key, absl::string_view value) {
    Answer<absl::StatusOr<WriteResult>> answer;
    StartPut(key, value, &answer);
    return answer.Get();
  }

  void StartWriteIfAbsent(absl::string_view key, absl::string_view value, Answer<absl::StatusOr<WriteResult>>* answer,
                          absl::Duration timeout = kTestPatience) {
    replicator_->WriteIf(MutationOf(key, value), Precondition{Precondition::Kind::kAbsent, {}}, timeout,
                         answer->Callback());
  }

  absl::StatusOr<WriteResult> WriteIfAbsent(absl::string_view key, absl::string_view value) {
    Answer<absl::StatusOr<WriteResult>> answer;
    StartWriteIfAbsent(key, value, &answer);
    return answer.Get();
  }

  absl::StatusOr<WriteResult> WriteIfVersion(absl::string_view key, absl::string_view value, const Version& version) {
    Answer<absl::StatusOr<WriteResult>> answer;
    replicator_->WriteIf(MutationOf(key, value), Precondition{Precondition::Kind::kVersion, version}, kTestPatience,
                         answer.Callback());
    return answer.Get();
  }

  absl::Status WaitForOutbox(uint64_t revision, absl::Duration timeout = kTestPatience) {
    Answer<absl::Status> answer;
    replicator_->WaitForOutbox(revision, timeout, answer.Callback());
    return answer.Get();
  }

  std::string Get(absl::string_view key) const {
    const absl::StatusOr<StoredEntry> entry = store_->Get(key);
    return entry.ok() ? entry->value : "";
  }

  // The version of the entry of `key`; 0 if there is none.
  Version VersionOf(absl::string_view key) const {
    const absl::StatusOr<StoredEntry> entry = store_->Get(key);
    return entry.ok() ? entry->version : Version();
  }

  bool WaitLive() {
    return Eventually([this] { return replicator_->barrier().open(); });
  }

 private:
  void Open() {
    Store::Options store;
    store.directory = directory_.path();
    store.map_size_bytes = size_t{1} << 30;
    store.sync = durability_ == Durability::kPowerFailure;
    auto opened = Store::Open(store, &clock_);
    EXPECT_TRUE(opened.ok()) << opened.status();
    store_ = *std::move(opened);
    committer_ = std::make_unique<Committer>(committer_options_, store_.get(), &clock_, &feed_);
  }

  static Mutation MutationOf(absl::string_view key, absl::string_view value) {
    Mutation mutation;
    mutation.key = std::string(key);
    mutation.value = std::string(value);
    return mutation;
  }

  const Durability durability_;
  TempDir directory_;
  const SystemClock system_clock_;
  const BootClock boot_clock_;
  HybridClock clock_{&system_clock_, &boot_clock_};
  NullLogger logger_;
  std::unique_ptr<Store> store_;
  ChangeFeed feed_;
  Committer::Options committer_options_;
  std::unique_ptr<Committer> committer_;
  Replicator::Options options_;
  std::unique_ptr<Replicator> replicator_;
};

}  // namespace dunlin

#endif  // DUNLIN_TESTS_SYNC_TEST_REPLICA_H_
