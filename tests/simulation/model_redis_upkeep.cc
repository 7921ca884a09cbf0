// What a ModelRedis (model_redis.h) does for whoever looks after it: the leases, which tell who that is, and the
// removal of old tombstones.

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/types/optional.h"
#include "storage/limits.h"
#include "storage/status_macros.h"
#include "tests/simulation/model_record.h"
#include "tests/simulation/model_redis.h"

namespace dunlin {

void ModelRedis::RenewLease(const LeaseRequest& request, RelayPosition* position) {
  if (request.store_id == 0) {
    return;
  }
  const auto now_ms = static_cast<uint64_t>(absl::ToUnixMillis(position->redis_time));
  const auto lease_ms = static_cast<uint64_t>(absl::ToInt64Milliseconds(kLeaseDuration));
  Contents::Lease& own = contents_.leases[request.store_id];
  if (own.until_unix_ms > now_ms && own.boot_id != request.boot_id) {
    position->rival_lease = absl::StrCat(FormatEpoch(own.boot_id), ":", own.until_unix_ms);
  }
  // The lowest is told from what was there before.
  uint64_t lowest = 0;
  for (const auto& [store_id, lease] : contents_.leases) {
    if (lease.until_unix_ms > now_ms) {
      lowest = store_id;
      break;
    }
  }
  position->caretaker = lowest != 0 && lowest == request.store_id;
  if (position->rival_lease.empty() && 3 * (std::max(own.until_unix_ms, now_ms) - now_ms) < 2 * lease_ms) {
    own = {request.boot_id, now_ms + lease_ms};
  }
}

// The latest sequence that had been reached before the horizon; 0 if none is known. Notes the present one.
uint64_t ModelRedis::HorizonSequence(const CollectQuery& query) {
  auto& history = contents_.meta.history;
  const auto now_ms = static_cast<uint64_t>(absl::ToUnixMillis(NowMillis()));
  const auto sample_ms = static_cast<uint64_t>(absl::ToInt64Milliseconds(query.sample_period));
  const uint64_t then_ms = now_ms - static_cast<uint64_t>(absl::ToInt64Milliseconds(query.horizon));
  if (history.empty() ||
      (now_ms >= history.back().first + sample_ms && contents_.meta.sequence > history.back().second)) {
    history.emplace_back(now_ms, contents_.meta.sequence);
  }
  while (history.size() > 1 && history[1].first <= then_ms) {
    history.pop_front();
  }
  return history.front().first <= then_ms ? history.front().second : 0;
}

absl::StatusOr<CollectReply> ModelRedis::Collect(const CollectQuery& query) {
  DUNLIN_RETURN_IF_ERROR(CheckFormat());
  CollectReply reply;
  reply.epoch = contents_.meta.epoch;
  if (contents_.meta.epoch != query.epoch) {
    reply.epoch_changed = true;
    return reply;
  }
  const uint64_t horizon_sequence = HorizonSequence(query);
  const auto dead_since_ms =
      static_cast<uint64_t>(absl::ToUnixMillis(NowMillis()) - absl::ToInt64Milliseconds(query.horizon));
  std::vector<std::string> removed;
  Contents::Meta::Sizes sizes = contents_.ExpectedSizes();
  size_t looked_at = 0;
  for (auto entry = contents_.index_in_order.lower_bound({query.after + 1, ""});
       entry != contents_.index_in_order.end() && entry->first <= horizon_sequence; ++entry) {
    if (++looked_at > query.entries_max) {
      break;
    }
    reply.next_after = looked_at == query.entries_max ? entry->first : 0;
    const auto stored = contents_.data.find(entry->second);
    const absl::optional<ModelRecord> record =
        stored == contents_.data.end() ? absl::nullopt : ModelRecord::From(stored->second);
    if (record.has_value() && (record->tombstone || (record->expiry_ms != 0 && record->expiry_ms <= dead_since_ms))) {
      removed.push_back(entry->second);
    }
  }
  for (const std::string& key : removed) {
    const uint64_t sequence = contents_.index[key];
    contents_.meta.gc_sequence = std::max(contents_.meta.gc_sequence, sequence);
    if (contents_.meta.sum.has_value()) {
      contents_.meta.sum->Remove(contents_.data[key]);
    }
    sizes.records -= contents_.data.erase(key);
    sizes.entries -= contents_.index.erase(key);
    contents_.index_in_order.erase({sequence, key});
  }
  if (!removed.empty()) {
    contents_.meta.sizes = sizes;
  }
  reply.removed = removed.size();
  return reply;
}

}  // namespace dunlin
