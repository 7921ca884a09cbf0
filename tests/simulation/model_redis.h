#ifndef DUNLIN_TESTS_SIMULATION_MODEL_REDIS_H_
#define DUNLIN_TESTS_SIMULATION_MODEL_REDIS_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "storage/content_sum.h"
#include "sync/epoch.h"
#include "sync/relay_types.h"

namespace dunlin {

// ModelRedis is what a Redis server holds of one namespace, and what the scripts in sync/scripts do to it: the same
// answers and the same event for the same call. tests/sync/relay_conformance_test.cc holds it to the real server.
//
// What it leaves out: everything a server can refuse before it runs a script (rights, memory, loading). The simulator
// makes such errors by itself.
//
// Thread-safety: one thread at a time.
class ModelRedis {
 public:
  // What the three keys hold. A plain value: a copy is a backup, assigning it a restore.
  struct Contents {
    struct Meta {
      int format = 1;
      uint64_t epoch = kNoEpoch;
      uint64_t sequence = 0;
      uint64_t gc_sequence = 0;
      std::string fleet_id;
      // Unknown once something damaged has been replaced.
      std::optional<ContentSum> sum = ContentSum();
      // Which sequence was reached when, oldest first.
      std::deque<std::pair<uint64_t, uint64_t>> history;
      // How many records and index entries there have to be, as of a sequence.
      struct Sizes {
        size_t records = 0;
        size_t entries = 0;
        uint64_t sequence = 0;
      };
      std::optional<Sizes> sizes;
      // What Redis has of a store's writes, by its id.
      struct Delivered {
        uint64_t epoch = kNoEpoch;
        uint64_t cursor = 0;
        uint64_t whole = 0;
      };
      std::map<uint64_t, Delivered> delivered;
    };
    struct Lease {
      uint64_t boot_id = 0;
      uint64_t until_unix_ms = 0;
    };
    // Key -> record.
    std::map<std::string, std::string> data;
    // Key -> the sequence of its latest write, and the same in order.
    std::map<std::string, uint64_t> index;
    std::set<std::pair<uint64_t, std::string>> index_in_order;
    Meta meta;
    // By store id.
    std::map<uint64_t, Lease> leases;

    void SetIndex(const std::string& key, uint64_t sequence);
    void EraseIndex();
    // What is there, and what has to be; they differ if a part is lost.
    Meta::Sizes Sizes() const { return {data.size(), index.size(), meta.sequence}; }
    Meta::Sizes ExpectedSizes() const {
      return meta.sizes.has_value() && meta.sizes->sequence == meta.sequence ? *meta.sizes : Sizes();
    }
    bool PartIsLost() const {
      return ExpectedSizes().records != data.size() || ExpectedSizes().entries != index.size();
    }
    uint64_t LastIndexed() const { return index_in_order.empty() ? 0 : index_in_order.rbegin()->first; }
  };

  // `now` is Redis' clock. `publish` gets each event while the script that made it runs.
  ModelRedis(std::function<absl::Time()> now, std::function<void(const std::string& event)> publish)
      : now_(std::move(now)), publish_(std::move(publish)) {}
  ModelRedis(const ModelRedis&) = delete;
  ModelRedis& operator=(const ModelRedis&) = delete;

  // The calls of Relay (sync/relay.h), one script each.
  absl::StatusOr<RelayPosition> ReadPosition(const PositionProposal& proposal);
  absl::StatusOr<RelayChangePage> ReadChanges(uint64_t after, size_t items_max, size_t size_max_bytes) const;
  absl::StatusOr<RelayChangePage> ReadOrders(uint64_t after, size_t items_max, size_t size_max_bytes) const;
  absl::StatusOr<RelayRecords> ReadRecords(const std::vector<std::string>& keys, size_t size_max_bytes) const;
  absl::StatusOr<MissingReply> FindMissing(const MissingQuery& query) const;
  absl::StatusOr<DeliveredReply> FindDelivered(const std::vector<uint64_t>& store_ids) const;
  absl::StatusOr<CollectReply> Collect(const CollectQuery& query);
  absl::StatusOr<ReindexReply> Reindex(const ReindexQuery& query);
  absl::StatusOr<MirrorReply> Mirror(const MirrorBatch& batch);
  absl::StatusOr<ConditionalReply> WriteIf(const ConditionalWrite& write);
  absl::StatusOr<EpochInForce> StartEpoch(const EpochProposal& proposal);

  Contents& contents() { return contents_; }
  const Contents& contents() const { return contents_; }

  // What tells one primary from another.
  std::string replid = std::string(40, '1');

 private:
  struct Item;

  absl::Status CheckFormat() const;
  absl::Time NowMillis() const;
  absl::StatusOr<Item> Load(const KeyedRecord& keyed) const;
  void RenewLease(const LeaseRequest& request, RelayPosition* position);
  void NoteDelivered(const MirrorBatch& batch);
  uint64_t HorizonSequence(const CollectQuery& query);
  bool IsAheadOfClock(const Item& item) const;
  uint64_t KnownSequence(const Item& item) const;
  uint64_t Accept(const std::vector<Item>& items, uint64_t epoch, uint64_t origin);

  const std::function<absl::Time()> now_;
  const std::function<void(const std::string& event)> publish_;
  Contents contents_;
};

}  // namespace dunlin

#endif  // DUNLIN_TESTS_SIMULATION_MODEL_REDIS_H_
