// What Oracle (oracle.h) says of those who read: watchers, and whoever asks with a token.

#include "absl/strings/str_cat.h"
#include "tests/simulation/oracle.h"

namespace dunlin {

void Oracle::OnArrived(int number, const Acknowledged& write, uint64_t losses) {
  if (losses != redis_losses_) {
    return;
  }
  const std::map<std::string, Stored>& held = replicas_[number].stored;
  const auto stored = held.find(write.key);
  const bool is_there = stored != held.end() && !(stored->second.version < LatestOf(write.key, write.version));
  // It, or what has replaced it, may be dead and forgotten.
  const auto highest = highest_published_.find(write.key);
  const bool mortal =
      write.tombstone || write.expires || (highest != highest_published_.end() && highest->second.is_mortal);
  const bool nothing_lives =
      stored == held.end() || IsMortal(stored->second.record) || late_.count({write.key, stored->second.version}) > 0;
  if (!is_there && !(mortal && nothing_lives)) {
    Fail(number, absl::StrCat("says it has what a token tells of, but lacks ", VersionToString(write.version)),
         write.key);
  }
}

bool Oracle::MayBeDrop(int number, const std::string& key, const Version& version) const {
  const auto dropped = published_.lower_bound({key, Version{version.time + 1, 0}});
  return version.origin == replicas_.at(number).store_id && dropped != published_.end() && dropped->first == key &&
         dropped->second.time == version.time + 1;
}

bool Oracle::MayFollow(int number, const std::string& key, const Told& before, const Told& after) const {
  const bool may_be_forgotten = before.is_mortal && after.at - before.at > tombstone_horizon_ * 0.8;
  return !(after.version < LatestOf(key, before.version)) || may_be_forgotten || MayHaveLostToEarlier(key) ||
         (after.is_delete && MayBeDrop(number, key, after.version)) || late_.count({key, after.version}) > 0;
}

}  // namespace dunlin
