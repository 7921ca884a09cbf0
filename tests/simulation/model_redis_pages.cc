// The reads of a ModelRedis (model_redis.h) by which a replica is filled, page by page, or compared with it.

#include <algorithm>

#include "storage/record.h"
#include "storage/status_macros.h"
#include "tests/simulation/model_record.h"
#include "tests/simulation/model_redis.h"

namespace dunlin {

absl::StatusOr<RelayChangePage> ModelRedis::ReadChanges(uint64_t after, size_t items_max, size_t size_max_bytes) const {
  DUNLIN_RETURN_IF_ERROR(CheckFormat());
  RelayChangePage page;
  page.epoch = contents_.PartIsLost() ? kNoEpoch : contents_.meta.epoch;
  page.sequence = contents_.meta.sequence;
  page.gc_sequence = contents_.meta.gc_sequence;
  page.redis_time = NowMillis();
  page.complete = true;
  uint64_t covered = after;
  size_t found = 0;
  size_t size = 0;
  for (auto entry = contents_.index_in_order.lower_bound({after + 1, ""}); entry != contents_.index_in_order.end();
       ++entry) {
    if (++found > items_max) {
      page.complete = false;
      break;
    }
    const auto& [sequence, key] = *entry;
    const auto record = contents_.data.find(key);
    if (record != contents_.data.end()) {
      size += key.size() + record->second.size();
      if (size > size_max_bytes && !page.changes.empty()) {
        page.complete = false;
        break;
      }
      page.changes.push_back(RelayChange{key, record->second});
    }
    covered = sequence;
  }
  page.covered_sequence = page.complete ? std::max(page.sequence, found > 0 ? covered : 0) : covered;
  return page;
}

absl::StatusOr<RelayChangePage> ModelRedis::ReadOrders(uint64_t after, size_t items_max, size_t size_max_bytes) const {
  DUNLIN_ASSIGN_OR_RETURN(RelayChangePage page, ReadChanges(after, items_max, size_max_bytes));
  for (RelayChange& change : page.changes) {
    change.record = RecordOrder(change.record);
  }
  return page;
}

absl::StatusOr<RelayRecords> ModelRedis::ReadRecords(const std::vector<std::string>& keys,
                                                     size_t size_max_bytes) const {
  DUNLIN_RETURN_IF_ERROR(CheckFormat());
  RelayRecords result;
  result.epoch = contents_.meta.epoch;
  size_t size = 0;
  for (const std::string& key : keys) {
    const auto found = contents_.data.find(key);
    const std::string record = found == contents_.data.end() ? "" : found->second;
    size += record.size();
    if (size > size_max_bytes && !result.records.empty()) {
      break;
    }
    result.records.push_back(record);
  }
  return result;
}

absl::StatusOr<MissingReply> ModelRedis::FindMissing(const MissingQuery& query) const {
  DUNLIN_RETURN_IF_ERROR(CheckFormat());
  MissingReply reply;
  reply.epoch = contents_.meta.epoch;
  reply.epoch_changed = contents_.meta.epoch != query.epoch;
  for (size_t i = 0; !reply.epoch_changed && i < query.items.size(); ++i) {
    const auto& [key, order] = query.items[i];
    const auto stored = contents_.data.find(key);
    const bool has_it = stored != contents_.data.end() && ModelRecord::From(stored->second).has_value() &&
                        RecordOrder(stored->second) >= order;
    if (!has_it || contents_.index.count(key) == 0) {
      reply.missing.push_back(i);
    }
  }
  return reply;
}

}  // namespace dunlin
