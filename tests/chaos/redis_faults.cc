// What befalls Redis, and so all replicas at once.

#include "absl/strings/str_cat.h"
#include "tests/chaos/faults.h"
#include "tests/support/eventually.h"

namespace dunlin::chaos {
namespace {

// Nothing listens there.
constexpr char kNowhere[] = "1";

class RedisFault : public Fault {
 public:
  RedisFault(const PlannedFault& planned, World* world)
      : planned_(planned), group_(world->redis()), primary_(group_.primary()) {}

  absl::Status Begin() override {
    switch (planned_.kind) {
      case FaultKind::kRedisKill:
        primary_.Kill();
        if (!stays_down()) {
          primary_.Start();
        }
        return absl::OkStatus();
      case FaultKind::kRedisLoseData:
        primary_.Kill();
        primary_.EraseData();
        // At once: the sentinels would rather have the other server take over, which has the data.
        primary_.Start();
        return absl::OkStatus();
      case FaultKind::kRedisFlush:
        primary_.Run({"FLUSHALL"});
        return absl::OkStatus();
      case FaultKind::kRedisHang:
        primary_.Pause();
        return absl::OkStatus();
      case FaultKind::kFailoverPlanned:
        group_.FailOver();
        return absl::OkStatus();
      case FaultKind::kFailoverByKill:
        primary_.Kill();
        return absl::OkStatus();
      default:
        // The other server follows nobody, so that it lacks what is written until End().
        group_.secondary().Run({"REPLICAOF", "127.0.0.1", kNowhere});
        return absl::OkStatus();
    }
  }

  absl::Status End() override {
    switch (planned_.kind) {
      case FaultKind::kRedisHang:
        primary_.Resume();
        break;
      case FaultKind::kFailoverByKill:
        return AwaitSuccessor();
      case FaultKind::kFailoverLagging:
        primary_.Kill();
        return AwaitSuccessor();
      default:
        break;
    }
    if (!primary_.IsRunning()) {
      primary_.Start();
    }
    return AwaitPrimary();
  }

 private:
  // Of two times that Redis is killed it comes back at once, the other time at the end of the fault, when the sentinels
  // may have made the other server the primary.
  bool stays_down() const { return planned_.variation % 2 == 1; }

  absl::Status AwaitSuccessor() {
    if (!group_.WaitForSwitch(primary_.port())) {
      return absl::InternalError("set-up: the sentinels did not fail over");
    }
    return AwaitPrimary();
  }

  // Until the sentinels are done. One that was about to replace the primary still does so when that has come back.
  absl::Status AwaitPrimary() {
    const bool is_settled =
        Eventually([this] { return group_.IsSettled(); }, RedisGroup::kPatience, absl::Milliseconds(20));
    return is_settled ? absl::OkStatus() : absl::InternalError("set-up: the sentinels do not settle on a primary");
  }

  const PlannedFault planned_;
  RedisGroup& group_;
  // As of the beginning.
  RedisServer& primary_;
};

}  // namespace

std::unique_ptr<Fault> MakeRedisFault(const PlannedFault& planned, World* world) {
  return BefallsRedis(planned.kind) ? std::make_unique<RedisFault>(planned, world) : nullptr;
}

}  // namespace dunlin::chaos
