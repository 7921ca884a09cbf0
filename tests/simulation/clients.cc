#include "tests/simulation/clients.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "storage/limits.h"
#include "tests/simulation/oracle.h"

namespace dunlin {
namespace {

constexpr size_t kBatchMembers = 3;
// Few, so that replicas often write to the same.
constexpr uint64_t kBatchGroups = 2;

Oracle::Acknowledged AcknowledgedOf(const Mutation& mutation, const Version& version) {
  const bool is_delete = mutation.kind == Mutation::Kind::kDelete;
  return {mutation.key, version, is_delete, is_delete ? "" : mutation.value, mutation.ttl != absl::InfiniteDuration()};
}

}  // namespace

std::string Clients::NextValue() {
  // Some are large enough to travel by reference.
  const size_t padding = dice_->Chance(0.03) ? kInlineValueMaxBytes : 0;
  return absl::StrCat("v", ++values_, std::string(padding, '.'));
}

void Clients::DoSomeWrite() {
  SimReplica& replica = fleet_->SomeReplica();
  if (!replica.running()) {
    return;
  }
  const uint64_t what = dice_->Below(100);
  if (what < 55) {
    Put(replica);
  } else if (what < 68) {
    Delete(replica);
  } else if (what < 76) {
    PutWithTtl(replica);
  } else if (what < 86) {
    WriteBatches(replica);
  } else if (what < 93) {
    WriteIfAbsent(replica);
  } else {
    WriteIfVersion(replica);
  }
}

void Clients::Put(SimReplica& replica) { Write(replica, {{{Mutation::Kind::kPut, SomeKey(), NextValue()}}, {}}); }

void Clients::Delete(SimReplica& replica) { Write(replica, {{{Mutation::Kind::kDelete, SomeKey(), ""}}, {}}); }

void Clients::PutWithTtl(SimReplica& replica) {
  const absl::Duration ttl = dice_->Between(absl::Milliseconds(1), absl::Seconds(10));
  Write(replica, {{{Mutation::Kind::kPut, absl::StrCat("ttl/", SomeKey()), NextValue(), ttl}}, {}});
}

void Clients::WriteBatches(SimReplica& replica) {
  const std::string group = absl::StrCat(kBatchKeyPrefix, dice_->Below(kBatchGroups), "/");
  if (dice_->Chance(0.5)) {
    WriteBatch(replica, group);
    return;
  }
  // At once, so that nobody knows of the others' batch and their clocks may say the same.
  for (const auto& contender : fleet_->replicas()) {
    if (contender->running()) {
      WriteBatch(*contender, group);
    }
  }
}

void Clients::WriteBatch(SimReplica& replica, const std::string& group) {
  LocalWrite write;
  const std::string value = NextValue();
  for (size_t i = 0; i < kBatchMembers; ++i) {
    write.mutations.push_back({Mutation::Kind::kPut, absl::StrCat(group, i), value});
  }
  Write(replica, std::move(write));
}

void Clients::Write(SimReplica& replica, LocalWrite write) {
  std::vector<Mutation> mutations = write.mutations;
  if (dice_->Chance(0.8)) {
    replica.Write(std::move(write), Tell(replica, std::move(mutations)));
    return;
  }
  // ACK_MIRRORED.
  const uint64_t losses = fleet_->oracle().redis_losses();
  replica.Write(std::move(write), [this, &replica, losses, mutations,
                                   tell = Tell(replica, mutations)](const absl::StatusOr<WriteResult>& result) mutable {
    tell(result);
    if (!result.ok() || !replica.running()) {
      return;
    }
    std::vector<OutboxItem> written;
    for (size_t i = 0; i < mutations.size(); ++i) {
      written.push_back({mutations[i].key, result->revisions[i]});
    }
    replica.WaitMirrored(
        std::move(written), absl::Seconds(5),
        [this, &replica, losses, mutations, versions = result->versions](const absl::Status& mirrored) {
          for (size_t i = 0; mirrored.ok() && i < mutations.size(); ++i) {
            fleet_->oracle().OnMirrored(replica.number(), AcknowledgedOf(mutations[i], versions[i]), losses);
          }
        });
  });
}

WriteCallback Clients::Tell(SimReplica& replica, std::vector<Mutation> mutations) {
  return [this, &replica, mutations = std::move(mutations)](const absl::StatusOr<WriteResult>& result) {
    refused_ += absl::IsResourceExhausted(result.status()) ? 1 : 0;
    for (size_t i = 0; result.ok() && i < mutations.size(); ++i) {
      fleet_->oracle().OnAcknowledged(replica.number(), AcknowledgedOf(mutations[i], result->versions[i]));
      fleet_->Trace(absl::StrCat("replica ", replica.number(), " acknowledges ", mutations[i].key, " ",
                                 VersionToString(result->versions[i])));
    }
    if (result.ok() && dice_->Chance(0.1)) {
      ReadElsewhere(replica, mutations, *result);
    }
  };
}

void Clients::ReadElsewhere(const SimReplica& writer, const std::vector<Mutation>& mutations,
                            const WriteResult& result) {
  SimReplica& replica = fleet_->SomeReplica();
  if (&replica == &writer || !replica.running() || result.position.epoch == 0) {
    return;
  }
  const uint64_t losses = fleet_->oracle().redis_losses();
  replica.WaitForArrival(result.position, absl::Seconds(5),
                         [this, &replica, mutations, versions = result.versions, losses](const absl::Status& arrived) {
                           read_elsewhere_ += arrived.ok() ? 1 : 0;
                           for (size_t i = 0; arrived.ok() && i < mutations.size(); ++i) {
                             fleet_->oracle().OnArrived(replica.number(), AcknowledgedOf(mutations[i], versions[i]),
                                                        losses);
                           }
                         });
}

void Clients::WriteIfAbsent(SimReplica& replica) {
  const std::string key = absl::StrCat("lock/", dice_->Below(10));
  const Mutation mutation{Mutation::Kind::kPut, key, NextValue()};
  WriteCallback tell = Tell(replica, {mutation});
  replica.WriteIf(mutation, {Precondition::Kind::kAbsent, {}}, absl::Seconds(2),
                  [this, key, tell = std::move(tell)](const absl::StatusOr<WriteResult>& result) mutable {
                    if (result.ok()) {
                      fleet_->oracle().OnAbsentKeyWritten(key);
                    }
                    tell(result);
                  });
}

void Clients::WriteIfVersion(SimReplica& replica) {
  const std::string key = SomeKey();
  const absl::StatusOr<StoredEntry> entry = replica.store().Get(key);
  if (!entry.ok()) {
    return;
  }
  const Mutation mutation{Mutation::Kind::kPut, key, NextValue()};
  replica.WriteIf(mutation, {Precondition::Kind::kVersion, entry->version}, absl::Seconds(2),
                  Tell(replica, {mutation}));
}

}  // namespace dunlin
