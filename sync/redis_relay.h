#ifndef DUNLIN_SYNC_REDIS_RELAY_H_
#define DUNLIN_SYNC_REDIS_RELAY_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "storage/limits.h"
#include "sync/primary_finder.h"
#include "sync/redis_connection.h"
#include "sync/redis_names.h"
#include "sync/redis_reply.h"
#include "sync/redis_url.h"
#include "sync/relay.h"
#include "sync/scripts.h"

namespace dunlin {

// RedisRelay is the Relay that speaks to Redis: every call is one of the scripts of sync/scripts/, so each is atomic
// there. Connect() loads them; a call that meets a Redis which has forgotten them (SCRIPT FLUSH, a failover behind a
// proxy) loads them again and is repeated.
//
// Where the endpoint names sentinels, Connect() asks them for the primary, and a call fails with kAborted, before
// anything is sent, once they have named another.
//
// A call fails with kDeadlineExceeded, and the connection is closed, when Redis has not answered within
// `Options::timeout`.
//
// Thread-safety: one thread uses a RedisRelay; Interrupt() alone may be called from any thread.
class RedisRelay final : public Relay {
 public:
  struct Options {
    RedisEndpoint endpoint;
    RedisNames names;
    // Shown by CLIENT LIST.
    std::string client_name;
    absl::Duration timeout = kRedisTimeout;
    absl::Duration clock_drift_max = kClockDriftMax;
    size_t inline_value_max_bytes = kInlineValueMaxBytes;
    // Shared with the other connections of the replica; null: one of its own, for `endpoint`.
    std::shared_ptr<PrimaryFinder> finder = nullptr;
  };

  explicit RedisRelay(Options options);

  absl::Status Connect(absl::Time deadline) override;
  bool connected() const override { return connection_.connected(); }
  void Interrupt() override { connection_.Interrupt(); }

  absl::StatusOr<RelayPosition> ReadPosition(const PositionProposal& proposal) override;
  absl::StatusOr<RelayChangePage> ReadChanges(uint64_t after, size_t items_max, size_t size_max_bytes) override;
  absl::StatusOr<RelayChangePage> ReadOrders(uint64_t after, size_t items_max, size_t size_max_bytes) override;
  absl::StatusOr<RelayRecords> ReadRecords(const std::vector<std::string>& keys, size_t size_max_bytes) override;
  absl::StatusOr<MissingReply> FindMissing(const MissingQuery& query) override;
  absl::StatusOr<DeliveredReply> FindDelivered(const std::vector<uint64_t>& store_ids) override;
  absl::StatusOr<CollectReply> Collect(const CollectQuery& query) override;
  absl::StatusOr<ReindexReply> Reindex(const ReindexQuery& query) override;
  absl::StatusOr<MirrorReply> Mirror(const MirrorBatch& batch) override;
  // Does not repeat a call whose script Redis has forgotten, because later batches may be under way: it fails with
  // kUnavailable and closes the connection. One without items, which goes alone, is repeated.
  absl::Status SendMirror(const MirrorBatch& batch) override;
  absl::StatusOr<MirrorReply> ReceiveMirrorReply() override;
  absl::StatusOr<ConditionalReply> WriteIf(const ConditionalWrite& write) override;
  absl::StatusOr<EpochInForce> StartEpoch(const EpochProposal& proposal) override;

 private:
  struct WriteArguments;
  struct MirrorArguments;

  absl::Time Deadline() const;
  absl::Duration DriftMaxOf(const MirrorBatch& batch) const;
  absl::Status LoadScripts(absl::Time deadline);
  // Sets master_replid_.
  absl::Status LearnPrimary(absl::Time deadline);
  // Sets eviction_policy_, every now and then.
  absl::Status LearnEvictionPolicy();

  absl::StatusOr<RelayChangePage> ReadPage(absl::string_view what, uint64_t after, size_t items_max,
                                           size_t size_max_bytes);
  void AppendScript(ScriptId id, absl::Span<const absl::string_view> arguments);
  // Runs a script; an error reply becomes a status.
  absl::StatusOr<RedisReply> RunScript(ScriptId id, absl::Span<const absl::string_view> arguments);
  // Fails with kAborted when the connection is not to the primary that the sentinels name now.
  absl::Status CheckPrimary() const;
  // Where an error happened, for messages.
  std::string Where(ScriptId id) const;

  const Options options_;
  // Synchronised by itself.
  const std::shared_ptr<PrimaryFinder> finder_;

  RedisConnection connection_;
  // What the finder returned with the connection.
  uint64_t connected_as_of_ = 0;
  // By ScriptId: the names under which Redis knows the scripts.
  std::array<std::string, kScriptCount> script_hashes_;
  // How many items each batch has whose answer has not been received.
  std::deque<size_t> sizes_under_way_;
  // The answer to a batch without items, which has been received already.
  std::optional<RedisReply> early_reply_;
  std::string master_replid_;
  std::string eviction_policy_;
  absl::Time ask_eviction_policy_at_ = absl::InfinitePast();
};

}  // namespace dunlin

#endif  // DUNLIN_SYNC_REDIS_RELAY_H_
