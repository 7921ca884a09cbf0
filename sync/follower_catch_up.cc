// How Follower (follower.h) reads, page by page, what it has missed.

#include <algorithm>
#include <utility>

#include "storage/limits.h"
#include "sync/follower.h"

namespace dunlin {

void Follower::CatchUp(Cause cause) {
  if (!pending_ready_) {
    pending_ = RemoteBatch();
    pending_bytes_ = 0;
  }
  catching_up_ = true;
  caught_up_ = false;
  milestone_.reset();
  chunked_ = false;
  comparing_orders_ = reconciling_;
  uncompared_.clear();
  compared_keys_.clear();
  wanted_.clear();
  read_after_ = reconciling_ ? 0 : accepted_;
  repairing_gap_ = repairing_gap_ || cause == Cause::kGap;
  if (cause != Cause::kReference) {
    Close();
  }
}

void Follower::CatchUpAgain(Cause cause) {
  Close();
  repairing_gap_ = repairing_gap_ || cause == Cause::kGap;
  if (!catching_up_ || caught_up_) {
    CatchUp(cause);
  }
}

// Whether `page` continues what has been read. Else everything begins anew.
bool Follower::IsOfThisLife(const RelayChangePage& page) {
  if (page.epoch != epoch_ || page.sequence < std::max(accepted_, told_sequence_)) {
    position_wanted_ = true;
    CatchUp(Cause::kReconnect);
    return false;
  }
  refused_ = false;
  told_sequence_ = page.sequence;
  redis_sequence_ = std::max(redis_sequence_, page.sequence);
  return true;
}

void Follower::OnChanges(RelayChangePage page, absl::Time now) {
  if (!IsOfThisLife(page)) {
    return;
  }
  for (RelayChange& change : page.changes) {
    Accept(std::move(change.key), std::move(change.record));
  }
  read_after_ = page.covered_sequence;
  if (page.complete && holds_data_ && fleet_keys_ == nullptr && WasAwayTooLong(page.gc_sequence, page.redis_time)) {
    // Tombstones have been collected while this went on.
    Rebuild();
    return;
  }
  if (page.complete) {
    caught_up_ = true;
    if (const int64_t redis_unix_ms = absl::ToUnixMillis(page.redis_time); redis_unix_ms > 0) {
      complete_unix_ms_ = std::max(complete_unix_ms_, static_cast<uint64_t>(redis_unix_ms));
    }
    TakeFleetKeys(page.redis_time);
    accepted_ = page.sequence;
    FinishBatch();
    NoteProgress(now);
    return;
  }
  MaybeFinishChunk(page.covered_sequence);
}

// Up to a limit a catch-up is one transaction. Beyond it, what is on disk must not wait for the end.
void Follower::MaybeFinishChunk(uint64_t covered_sequence) {
  chunked_ =
      chunked_ || pending_.records.size() >= kCatchUpAtomicEntriesMax || pending_bytes_ >= kCatchUpAtomicMaxBytes;
  if (chunked_ && (pending_.records.size() >= kCommitGroupWritesMax || pending_bytes_ >= kCommitGroupMaxBytes)) {
    accepted_ = reconciling_ ? accepted_ : covered_sequence;
    FinishBatch();
  }
}

Follower::Action Follower::NextRead() {
  if (!uncompared_.empty()) {
    return Compare{std::exchange(uncompared_, {})};
  }
  if (!wanted_.empty()) {
    const size_t keys = std::min(wanted_.size(), kChangesPageEntriesMax);
    return ReadRecords{{wanted_.begin(), wanted_.begin() + static_cast<ptrdiff_t>(keys)}, kChangesPageMaxBytes};
  }
  if (comparing_orders_) {
    return ReadOrders{read_after_, kOrdersPageEntriesMax, kOrdersPageMaxBytes};
  }
  return ReadChanges{read_after_, kChangesPageEntriesMax, kChangesPageMaxBytes};
}

}  // namespace dunlin
