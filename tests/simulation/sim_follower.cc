#include "tests/simulation/sim_follower.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <variant>

#include "sync/clock_correction.h"
#include "sync/redis_error.h"

namespace dunlin {

void SimFollower::Turn() {
  while (!busy()) {
    TakeInputs();
    TakeEvents();
    Follower::Action action = follower_.Next(now());
    const Follower::Status status = follower_.status();
    if (std::exchange(rebuilds_begun_, status.rebuilds_begun) != status.rebuilds_begun) {
      parts_.checkpoints->Clear();
    }
    parts_.arrivals->OnProgress(status.epoch, status.whole_sequence);
    Sleep(parts_.arrivals->Answer(now()));
    if (!std::exchange(was_live_, follower_.live()) && follower_.live()) {
      parts_.on_live();
    }
    if (follower_.live()) {
      parts_.on_open(follower_.status());
    }
    if (!std::visit([this](auto& what) { return Do(what); }, action)) {
      return;
    }
  }
}

void SimFollower::TakeInputs() {
  if (const absl::optional<absl::Status> news = parts_.subscriber->TakeNews(); news.has_value()) {
    if (news->ok()) {
      follower_.OnSubscribed();
    } else {
      follower_.OnSubscriptionLost(*news);
    }
  }
  if (parts_.subscriber->TakeOverflow()) {
    follower_.OnOverflow();
  }
  follower_.OnDeliveryAwaited(parts_.arrivals->TakeAwaited());
  if (applied_.has_value()) {
    follower_.OnApplied(*std::exchange(applied_, absl::nullopt), now());
  }
  if (epoch_entered_.has_value()) {
    const absl::StatusOr<EpochEntry> entered = *std::exchange(epoch_entered_, absl::nullopt);
    follower_.OnEpochEntered(entered, now());
    if (entered.ok()) {
      parts_.on_epoch_entered();
    }
  }
}

void SimFollower::TakeEvents() {
  while (follower_.WantsEvent()) {
    const std::optional<std::string> event = parts_.ring->TryPop();
    if (!event.has_value()) {
      return;
    }
    follower_.OnEvent(*event, now());
  }
}

bool SimFollower::Do(const Follower::Wait& wait) {
  Sleep(wait.until);
  return false;
}

bool SimFollower::Do(const Follower::Connect&) {
  Connect([this](const absl::Status& status) {
    if (status.ok()) {
      follower_.OnConnected(now());
    } else {
      Failed(status);
    }
  });
  return false;
}

bool SimFollower::Do(const Follower::ReadPosition& read) {
  const Asked asked = {now(), parts_.delivered(), parts_.store->state()};
  Call<RelayPosition>([proposal = read.proposal](ModelRedis& redis) { return redis.ReadPosition(proposal); },
                      [this, asked](const absl::StatusOr<RelayPosition>& position) { OnPosition(asked, position); });
  return false;
}

void SimFollower::OnPosition(const Asked& asked, const absl::StatusOr<RelayPosition>& position) {
  if (!position.ok()) {
    Failed(position.status());
    return;
  }
  const absl::Duration correction = ClockCorrection(now() - asked.at, parts_.clock->Now(), position->redis_time);
  parts_.clock->Correct(correction);
  const StoreState state = parts_.store->state();
  const bool confirmed = follower_.OnPosition(
      *position, {parts_.ring->UsedApprox().slots > 0, state.revision, state.mirrored_high_revision}, now());
  if (confirmed) {
    parts_.checkpoints->Note(MarkOf(asked.state.revision, position->epoch, asked.delivered),
                             asked.state.expired_latest_unix_ms, position->epoch, position->sequence);
    parts_.on_confirmed(asked.delivered);
  }
}

bool SimFollower::Do(const Follower::ReadChanges& read) {
  Call<RelayChangePage>([after = read.after, items_max = std::min(read.items_max, parts_.page_changes_max),
                         size_max_bytes = read.size_max_bytes](
                            ModelRedis& redis) { return redis.ReadChanges(after, items_max, size_max_bytes); },
                        [this](absl::StatusOr<RelayChangePage> page) {
                          if (page.ok()) {
                            follower_.OnChanges(*std::move(page), now());
                          } else {
                            Failed(page.status());
                          }
                        });
  return false;
}

bool SimFollower::Do(const Follower::ReadOrders& read) {
  Call<RelayChangePage>([after = read.after, items_max = std::min(read.items_max, parts_.page_changes_max),
                         size_max_bytes = read.size_max_bytes](
                            ModelRedis& redis) { return redis.ReadOrders(after, items_max, size_max_bytes); },
                        [this](absl::StatusOr<RelayChangePage> page) {
                          if (page.ok()) {
                            follower_.OnOrders(*std::move(page));
                          } else {
                            Failed(page.status());
                          }
                        });
  return false;
}

bool SimFollower::Do(const Follower::Compare& compare) {
  follower_.OnCompared(parts_.store->FindOlder(compare.items), now());
  return true;
}

bool SimFollower::Do(const Follower::ReadRecords& read) {
  Call<RelayRecords>([keys = read.keys, size_max_bytes = read.size_max_bytes](
                         ModelRedis& redis) { return redis.ReadRecords(keys, size_max_bytes); },
                     [this](absl::StatusOr<RelayRecords> records) {
                       if (records.ok()) {
                         follower_.OnRecords(*std::move(records));
                       } else {
                         Failed(records.status());
                       }
                     });
  return false;
}

bool SimFollower::Do(const Follower::Collect& collect) {
  Call<CollectReply>([query = collect.query](ModelRedis& redis) { return redis.Collect(query); },
                     [this](const absl::StatusOr<CollectReply>& reply) {
                       if (reply.ok()) {
                         follower_.OnCollected(*reply, now());
                       } else if (RemedyOf(reply.status()) == RedisRemedy::kStopAndTell) {
                         follower_.OnCollectRefused(now());
                       } else {
                         Failed(reply.status());
                       }
                     });
  return false;
}

bool SimFollower::Do(const Follower::Reindex& reindex) {
  Call<ReindexReply>([query = reindex.query](ModelRedis& redis) { return redis.Reindex(query); },
                     [this](const absl::StatusOr<ReindexReply>& reply) {
                       if (reply.ok()) {
                         reindexed_ += reply->found;
                         follower_.OnReindexed(*reply, now());
                         return;
                       }
                       follower_.OnReindexFailed(now());
                       if (RemedyOf(reply.status()) != RedisRemedy::kStopAndTell) {
                         Failed(reply.status());
                       }
                     });
  return false;
}

bool SimFollower::Do(const Follower::FindDelivered& find) {
  Call<DeliveredReply>([ids = find.store_ids](ModelRedis& redis) { return redis.FindDelivered(ids); },
                       [this](const absl::StatusOr<DeliveredReply>& reply) {
                         if (!reply.ok()) {
                           Failed(reply.status());
                         } else if (follower_.OnDelivered(*reply, now())) {
                           parts_.arrivals->OnDelivered(*reply);
                         }
                       });
  return false;
}

bool SimFollower::Do(const Follower::StartEpoch& start) {
  Call<EpochInForce>([proposal = start.proposal](ModelRedis& redis) { return redis.StartEpoch(proposal); },
                     [this](const absl::StatusOr<EpochInForce>& in_force) {
                       if (in_force.ok()) {
                         follower_.OnEpochStarted(*in_force);
                       } else {
                         Failed(in_force.status());
                       }
                     });
  return false;
}

bool SimFollower::Do(const Follower::EnterEpoch& enter) {
  parts_.committer->Enqueue(EpochOperation{enter.change,
                                           [this](absl::StatusOr<EpochEntry> entry) {
                                             epoch_entered_ = std::move(entry);
                                             Wake();
                                           },
                                           absl::UnknownError("not carried out")});
  return true;
}

bool SimFollower::Do(Follower::Apply& apply) {
  parts_.committer->Enqueue(ApplyOperation{std::move(apply.batch),
                                           [this](absl::StatusOr<ApplyResult> result) {
                                             applied_ = std::move(result);
                                             Wake();
                                           },
                                           absl::UnknownError("not carried out")});
  return true;
}

bool SimFollower::Do(const Follower::DiscardEvents&) {
  while (parts_.ring->TryPop().has_value()) {
  }
  return true;
}

void SimFollower::Failed(const absl::Status& error) {
  const bool connected = connection() != nullptr && !connection()->broken();
  follower_.OnRelayError(error, connected && RemedyOf(error) != RedisRemedy::kFindPrimary, now());
}

}  // namespace dunlin
