#include "tests/simulation/world_traits.h"

namespace dunlin {

WorldTraits WorldTraits::Draw(Dice* dice) {
  WorldTraits traits;
  traits.keys = 2 + dice->Below(20);
  traits.ring_slots = size_t{4} << dice->Below(6);
  traits.page_changes_max = size_t{2} << dice->Below(8);
  // Short enough that replicas are away for longer. Data that Redis loses meanwhile are not for such a world: what only
  // a replica holds that has been away for too long is given up by design.
  traits.tombstone_horizon =
      dice->Chance(0.25) ? dice->Between(absl::Seconds(3), absl::Seconds(10)) : kTombstoneHorizonDefault;
  traits.outbox_quota_bytes = dice->Chance(0.2) ? 500 + dice->Below(5000) : kOutboxQuotaBytesDefault;
  traits.clock_error_max = dice->Chance(0.5) ? absl::Seconds(4) : absl::Minutes(10);
  if (traits.TombstonesAreShortLived()) {
    // A tombstone's age is told by clocks: whoever shortens the horizon from a week to seconds needs better ones.
    traits.clock_error_max = traits.tombstone_horizon / 10;
  }
  traits.disk_max = dice->Between(absl::Milliseconds(1), absl::Milliseconds(30));
  traits.weather.latency_max = dice->Between(absl::Milliseconds(1), absl::Milliseconds(20));
  traits.weather.event_lost = dice->Chance(0.5) ? 0.02 : 0;
  traits.weather.event_repeated = dice->Chance(0.5) ? 0.02 : 0;
  for (size_t kind = 0; kind < kFaultKinds; ++kind) {
    traits.fault_weights.push_back(dice->Chance(0.5) ? static_cast<int>(1 + dice->Below(5)) : 0);
  }
  traits.replicas = 2 + dice->Below(3);
  return traits;
}

}  // namespace dunlin
