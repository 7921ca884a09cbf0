// What befalls one replica: its process, its disk, its clock.

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "storage/status_macros.h"
#include "tests/chaos/faults.h"

namespace dunlin::chaos {
namespace {

class ProcessFault : public Fault {
 public:
  ProcessFault(const PlannedFault& planned, World* world)
      : planned_(planned), replica_(world->replica(planned.replica)) {}

  absl::Status Begin() override {
    switch (planned_.kind) {
      case FaultKind::kReplicaKill:
        replica_.Kill();
        return absl::OkStatus();
      case FaultKind::kReplicaHang:
        replica_.Hang();
        return absl::OkStatus();
      default:
        return replica_.Terminate();
    }
  }

  absl::Status End() override {
    if (planned_.kind == FaultKind::kReplicaHang) {
      replica_.GoOn();
      return absl::OkStatus();
    }
    return replica_.Start();
  }

 private:
  const PlannedFault planned_;
  ChaosReplica& replica_;
};

// The replica's clock is wrong from one restart to the next.
class ClockFault : public Fault {
 public:
  ClockFault(const PlannedFault& planned, World* world)
      : variation_(planned.variation), replica_(world->replica(planned.replica)) {}

  absl::Status Begin() override {
    DUNLIN_RETURN_IF_ERROR(replica_.Terminate());
    return replica_.StartWithClock(Offset());
  }

  absl::Status End() override {
    DUNLIN_RETURN_IF_ERROR(replica_.Terminate());
    return replica_.Start();
  }

 private:
  // By seconds or by minutes, ahead or behind.
  absl::Duration Offset() const {
    const absl::Duration unit = variation_ % 2 == 0 ? absl::Seconds(1) : absl::Minutes(1);
    const int64_t units = 1 + static_cast<int64_t>(variation_ / 4 % 5);
    return variation_ / 2 % 2 == 0 ? units * unit : -units * unit;
  }

  const uint64_t variation_;
  ChaosReplica& replica_;
};

// The replica has no room left: its disk is filled up, or its quota is small, and somebody writes large values until
// they are refused.
class DiskFault : public Fault {
 public:
  DiskFault(const PlannedFault& planned, World* world, History* history)
      : planned_(planned), replica_(world->replica(planned.replica)), history_(history) {}

  absl::Status Begin() override {
    if (replica_.disk() != nullptr) {
      replica_.disk()->Fill();
    }
    for (size_t i = 0; i < kFillersMax; ++i) {
      const std::string key = absl::StrCat("chaos/filler/", i);
      // No value is written twice.
      const std::string value = absl::StrCat(planned_.variation, ":", i, ":", std::string(kFillerBytes, 'f'));
      const auto written = replica_.client().Put(key, value);
      if (!written.ok()) {
        // How it is told is not decided here, but that it is told.
        history_->LeaveUncertain(key, ContentOf(value));
        return absl::OkStatus();
      }
      fillers_.push_back(key);
      history_->Acknowledge(key, WriteKind::kPut, planned_.replica, ContentOf(value), written->version);
    }
    return absl::InternalError(absl::StrCat(replica_.name(), " took ", kFillersMax, " large values on a full disk"));
  }

  absl::Status End() override {
    if (replica_.disk() != nullptr) {
      replica_.disk()->Free();
    }
    for (const std::string& key : fillers_) {
      const auto deleted = replica_.client().Delete(key);
      if (!deleted.ok()) {
        return absl::InternalError(
            absl::StrCat(replica_.name(), " has room again, but does not delete: ", deleted.status().ToString()));
      }
      history_->Acknowledge(key, WriteKind::kDelete, planned_.replica, Deletion(), deleted->version);
    }
    return absl::OkStatus();
  }

 private:
  // More than any disk or quota here has room for, with what a replica keeps in memory of it.
  static constexpr size_t kFillersMax = 1000;
  static constexpr size_t kFillerBytes = size_t{256} << 10;

  const PlannedFault planned_;
  ChaosReplica& replica_;
  History* const history_;
  std::vector<std::string> fillers_;
};

}  // namespace

std::unique_ptr<Fault> MakeReplicaFault(const PlannedFault& planned, World* world, History* history) {
  switch (planned.kind) {
    case FaultKind::kReplicaKill:
    case FaultKind::kReplicaHang:
    case FaultKind::kReplicaRestart:
      return std::make_unique<ProcessFault>(planned, world);
    case FaultKind::kClockOffset:
      return std::make_unique<ClockFault>(planned, world);
    case FaultKind::kDiskFull:
      return std::make_unique<DiskFault>(planned, world, history);
    default:
      return nullptr;
  }
}

}  // namespace dunlin::chaos
