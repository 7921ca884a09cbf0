#include "sync/replicator.h"

#include <algorithm>
#include <random>
#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/status_macros.h"
#include "sync/redis_names.h"

namespace dunlin {
namespace {

uint64_t RandomSeed() {
  std::random_device device;
  return uint64_t{device()} << 32 | device();
}

Follower::Options FollowerOptions(const Store& store, absl::Duration tombstone_horizon) {
  const StoreState state = store.state();
  Follower::Options options;
  options.complete_unix_ms = state.complete_unix_ms;
  options.lease = LeaseRequest{store.store_id(), RandomSeed() | 1};
  options.tombstone_horizon = tombstone_horizon;
  options.epoch = state.epoch;
  options.applied_sequence = state.applied_sequence;
  options.fleet_id = state.fleet_id;
  options.primary = state.primary;
  options.seed = RandomSeed();
  return options;
}

Mirror::Options MirrorOptions(const Store& store, absl::Duration tombstone_horizon) {
  const StoreState state = store.state();
  Mirror::Options options;
  options.store_id = store.store_id();
  options.epoch = state.epoch;
  options.mirrored_revision = state.mirrored_revision;
  options.own_revision = state.own_revision;
  options.seed = RandomSeed();
  options.tombstone_horizon = tombstone_horizon;
  return options;
}

// What CLIENT LIST shows.
std::string ClientName(const Replicator::Options& options, absl::string_view role) {
  return absl::StrCat("dunlin-", options.replica_id, "-", role);
}

RedisRelay::Options RelayOptions(const Replicator::Options& options, const RedisNames& names, absl::string_view role,
                                 const std::shared_ptr<PrimaryFinder>& finder) {
  RedisRelay::Options relay;
  relay.endpoint = options.endpoint;
  relay.names = names;
  relay.client_name = ClientName(options, role);
  relay.finder = finder;
  return relay;
}

Subscriber::Options SubscriberOptions(const Replicator::Options& options, const RedisNames& names,
                                      const std::shared_ptr<PrimaryFinder>& finder) {
  Subscriber::Options subscriber;
  subscriber.endpoint = options.endpoint;
  subscriber.channel = names.channel;
  subscriber.client_name = ClientName(options, "subscriber");
  subscriber.finder = finder;
  return subscriber;
}

std::unique_ptr<PrimaryWatch> MakePrimaryWatch(const Replicator::Options& options,
                                               const std::shared_ptr<PrimaryFinder>& finder) {
  return options.endpoint.sentinels.empty() ? nullptr
                                            : std::make_unique<PrimaryWatch>(finder, ClientName(options, "sentinel"));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Replicator>> Replicator::Create(const Options& options, const Parts& parts) {
  DUNLIN_ASSIGN_OR_RETURN(const RedisNames names, MakeRedisNames(options.replication_namespace));
  DUNLIN_ASSIGN_OR_RETURN(auto ring, EventRing<std::string>::Create(options.ring_slots, kRingMaxBytes));
  return std::unique_ptr<Replicator>(new Replicator(options, names, std::move(ring), parts));
}

Replicator::Replicator(const Options& options, const RedisNames& names, std::unique_ptr<EventRing<std::string>> ring,
                       const Parts& parts)
    : ring_(std::move(ring)),
      acks_([store = parts.store](absl::string_view key) { return store->FindUnsent(key); }),
      deadlines_([this](absl::Time now) {
        return std::min({acks_.Expire(now), callers_.Expire(now), arrivals_.Answer(now)});
      }),
      finder_(std::make_shared<PrimaryFinder>(options.endpoint)),
      follower_relay_(RelayOptions(options, names, "follower", finder_)),
      mirror_relay_(RelayOptions(options, names, "mirror", finder_)),
      subscriber_(SubscriberOptions(options, names, finder_), ring_.get(), [this] { follower_.TakeTurn(); }),
      follower_(FollowerOptions(*parts.store, options.tombstone_horizon),
                {&follower_relay_, &subscriber_, ring_.get(), parts.store, parts.feed, parts.committer, parts.clock,
                 &barrier_, &arrivals_, &checkpoints_, parts.logger, [this] { return mirror_.delivered(); },
                 [this] { mirror_.OnEpochEntered(); }, [this] { mirror_.Wake(); },
                 [this] { deadlines_.Expect(absl::InfinitePast()); },
                 [this](const DeliveredMark& asked) { mirror_.OnConfirmed(asked); }}),
      mirror_(MirrorOptions(*parts.store, options.tombstone_horizon),
              {&mirror_relay_, parts.store, parts.committer, parts.feed, parts.clock, &acks_, &callers_, parts.logger,
               &barrier_, [this] { follower_.WantLook(); }, [this] { follower_.WantLook(); }}),
      primary_watch_(MakePrimaryWatch(options, finder_)) {}

Replicator::~Replicator() { Stop(); }

void Replicator::Start() {
  deadlines_.Start();
  if (primary_watch_ != nullptr) {
    primary_watch_->Start();
  }
  mirror_.Start();
  follower_.Start();
  subscriber_.Start();
}

void Replicator::Stop() {
  if (primary_watch_ != nullptr) {
    primary_watch_->Stop();
  }
  subscriber_.Stop();
  follower_.Stop();
  mirror_.Stop();
  deadlines_.Stop();
  arrivals_.Shutdown();
}

void Replicator::WriteIf(Mutation mutation, const Precondition& precondition, absl::Duration timeout,
                         WriteCallback done) {
  ConditionalWriter::Request request;
  request.mutation = std::move(mutation);
  request.precondition = precondition;
  request.deadline = steady_.Now() + timeout;
  request.done = std::move(done);
  const absl::Time deadline = request.deadline;
  mirror_.WriteIf(std::move(request));
  deadlines_.Expect(deadline);
}

void Replicator::WaitMirrored(std::vector<OutboxItem> writes, absl::Duration timeout, StatusCallback done) {
  const absl::Time deadline = steady_.Now() + timeout;
  acks_.Wait(std::move(writes), deadline, std::move(done));
  deadlines_.Expect(deadline);
}

void Replicator::WaitForOutbox(uint64_t revision, absl::Duration timeout, StatusCallback done) {
  const absl::Time deadline = steady_.Now() + timeout;
  acks_.WaitForCursor(revision, deadline, std::move(done));
  deadlines_.Expect(deadline);
}

void Replicator::WaitForArrival(const Position& position, absl::Duration timeout, StatusCallback done) {
  const absl::Time deadline = steady_.Now() + timeout;
  arrivals_.Wait(position, deadline, std::move(done));
  follower_.Wake();
  deadlines_.Expect(deadline);
}

void Replicator::TurnAway(absl::Duration patience) {
  callers_.TurnAway(patience);
  acks_.TurnAway();
  arrivals_.Shutdown();
}

Replicator::Status Replicator::status() const {
  Status status;
  status.follower = follower_.status();
  status.staleness = follower_.StalenessOf(status.follower);
  status.mirror_error = mirror_.error();
  status.ring_used = ring_->UsedApprox();
  status.ring_capacity = ring_->capacity_slots();
  status.ring_overflows = subscriber_.overflows();
  return status;
}

}  // namespace dunlin
