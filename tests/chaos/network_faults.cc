// What befalls the network between a replica and Redis, and between clients and a replica.

#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tests/chaos/faults.h"

namespace dunlin::chaos {
namespace {

// A fault of the proxies between a replica and all that is Redis or Sentinel.
class RedisLinkFault : public Fault {
 public:
  RedisLinkFault(const PlannedFault& planned, World* world)
      : planned_(planned), replica_(world->replica(planned.replica)) {}

  absl::Status Begin() override {
    replica_.ForEachRedisLink([this](FaultProxy& link) { Break(link); });
    return absl::OkStatus();
  }

  absl::Status End() override {
    replica_.ForEachRedisLink([](FaultProxy& link) { link.Heal(); });
    return absl::OkStatus();
  }

 private:
  void Break(FaultProxy& link) const {
    switch (planned_.kind) {
      case FaultKind::kPartitionCut:
        link.Cut();
        return;
      case FaultKind::kPartitionSilent:
        link.BlackHole();
        return;
      case FaultKind::kBrokenMessages:
        link.ResetAfter(1 + planned_.variation % 3000);
        return;
      default:
        link.SetDelay(absl::Milliseconds(20 + static_cast<int64_t>(planned_.variation % 100)));
        link.SetRate((size_t{50} << 10) + planned_.variation % (size_t{200} << 10));
        return;
    }
  }

  const PlannedFault planned_;
  ChaosReplica& replica_;
};

// A fault of the proxy between clients and a replica.
class ClientLinkFault : public Fault {
 public:
  ClientLinkFault(const PlannedFault& planned, World* world)
      : planned_(planned), link_(world->replica(planned.replica).client_link()) {}

  absl::Status Begin() override {
    if (planned_.kind == FaultKind::kClientsCut) {
      link_.Cut();
    } else {
      link_.BlackHole();
    }
    return absl::OkStatus();
  }

  absl::Status End() override {
    link_.Heal();
    return absl::OkStatus();
  }

 private:
  const PlannedFault planned_;
  FaultProxy& link_;
};

// Redis closes one of a replica's connections.
class ClientKillFault : public Fault {
 public:
  ClientKillFault(std::string client_name, World* world) : client_name_(std::move(client_name)), world_(world) {}

  absl::Status Begin() override {
    RedisServer& primary = world_->redis().primary();
    // Beside a fault of Redis nobody may answer, and nobody has to be cut off then.
    const absl::StatusOr<RedisReply> clients = primary.TryRun({"CLIENT", "LIST"}, kPatience);
    if (!clients.ok()) {
      return absl::OkStatus();
    }
    for (const absl::string_view line : absl::StrSplit(clients->text, '\n')) {
      if (absl::StrContains(line, absl::StrCat("name=", client_name_, " "))) {
        // "id=7 addr=…"
        const std::vector<absl::string_view> words = absl::StrSplit(line, absl::ByAnyChar("= "));
        primary.TryRun({"CLIENT", "KILL", "ID", words[1]}, kPatience).IgnoreError();
      }
    }
    return absl::OkStatus();
  }

  absl::Status End() override { return absl::OkStatus(); }

 private:
  static constexpr absl::Duration kPatience = absl::Seconds(1);

  const std::string client_name_;
  World* const world_;
};

}  // namespace

std::unique_ptr<Fault> MakeNetworkFault(const PlannedFault& planned, World* world) {
  const auto client_kill = [&](absl::string_view role) {
    return std::make_unique<ClientKillFault>(absl::StrCat("dunlin-", world->replica(planned.replica).name(), "-", role),
                                             world);
  };
  switch (planned.kind) {
    case FaultKind::kPartitionCut:
    case FaultKind::kPartitionSilent:
    case FaultKind::kBrokenMessages:
    case FaultKind::kSlowLink:
      return std::make_unique<RedisLinkFault>(planned, world);
    case FaultKind::kClientsCut:
    case FaultKind::kClientsSilent:
      return std::make_unique<ClientLinkFault>(planned, world);
    case FaultKind::kKillFollower:
      return client_kill("follower");
    case FaultKind::kKillMirror:
      return client_kill("mirror");
    case FaultKind::kKillSubscriber:
      return client_kill("subscriber");
    default:
      return nullptr;
  }
}

}  // namespace dunlin::chaos
