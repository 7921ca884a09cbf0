#ifndef DUNLIN_TESTS_SIMULATION_MODEL_RELAY_H_
#define DUNLIN_TESTS_SIMULATION_MODEL_RELAY_H_

#include <deque>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "sync/relay.h"
#include "tests/simulation/model_redis.h"

namespace dunlin {

// ModelRelay is the way to a ModelRedis that never fails and takes no time.
//
// Thread-safety: one thread.
class ModelRelay final : public Relay {
 public:
  // `redis` must outlive this object.
  explicit ModelRelay(ModelRedis* redis) : redis_(redis) {}

  absl::Status Connect(absl::Time) override {
    connected_ = true;
    replies_.clear();
    return absl::OkStatus();
  }
  bool connected() const override { return connected_; }
  void Interrupt() override { connected_ = false; }

  absl::StatusOr<RelayPosition> ReadPosition(const PositionProposal& proposal) override {
    return redis_->ReadPosition(proposal);
  }
  absl::StatusOr<RelayChangePage> ReadChanges(uint64_t after, size_t items_max, size_t size_max_bytes) override {
    return redis_->ReadChanges(after, items_max, size_max_bytes);
  }
  absl::StatusOr<RelayChangePage> ReadOrders(uint64_t after, size_t items_max, size_t size_max_bytes) override {
    return redis_->ReadOrders(after, items_max, size_max_bytes);
  }
  absl::StatusOr<RelayRecords> ReadRecords(const std::vector<std::string>& keys, size_t size_max_bytes) override {
    return redis_->ReadRecords(keys, size_max_bytes);
  }
  absl::StatusOr<MissingReply> FindMissing(const MissingQuery& query) override { return redis_->FindMissing(query); }
  absl::StatusOr<DeliveredReply> FindDelivered(const std::vector<uint64_t>& store_ids) override {
    return redis_->FindDelivered(store_ids);
  }
  absl::StatusOr<CollectReply> Collect(const CollectQuery& query) override { return redis_->Collect(query); }
  absl::StatusOr<ReindexReply> Reindex(const ReindexQuery& query) override { return redis_->Reindex(query); }
  absl::StatusOr<MirrorReply> Mirror(const MirrorBatch& batch) override { return redis_->Mirror(batch); }
  absl::Status SendMirror(const MirrorBatch& batch) override {
    replies_.push_back(redis_->Mirror(batch));
    return absl::OkStatus();
  }
  absl::StatusOr<MirrorReply> ReceiveMirrorReply() override {
    absl::StatusOr<MirrorReply> reply = std::move(replies_.front());
    replies_.pop_front();
    return reply;
  }
  absl::StatusOr<ConditionalReply> WriteIf(const ConditionalWrite& write) override { return redis_->WriteIf(write); }
  absl::StatusOr<EpochInForce> StartEpoch(const EpochProposal& proposal) override {
    return redis_->StartEpoch(proposal);
  }

 private:
  ModelRedis* const redis_;
  bool connected_ = false;
  std::deque<absl::StatusOr<MirrorReply>> replies_;
};

}  // namespace dunlin

#endif  // DUNLIN_TESTS_SIMULATION_MODEL_RELAY_H_
