#ifndef DUNLIN_SERVER_REPLICA_SERVICE_H_
#define DUNLIN_SERVER_REPLICA_SERVICE_H_

#include <grpcpp/grpcpp.h>

#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "dunlin/v1/replica.grpc.pb.h"
#include "server/replica_parts.h"
#include "server/rpc_service.h"
#include "server/scrub_runner.h"
#include "server/unary_method.h"
#include "server/watch_service.h"
#include "storage/clock.h"
#include "storage/scrubber.h"

namespace dunlin {

// ReplicaServiceImpl answers the operations API (proto/dunlin/v1/replica.proto). It answers while the replica does not
// serve, too: that is when operators look.
//
// Thread-safety: safe for concurrent use.
class ReplicaServiceImpl final : public RpcService {
 public:
  struct Identity {
    std::string replica_id;
    std::string replication_namespace;
  };

  // `watches` must outlive this object.
  ReplicaServiceImpl(Identity identity, const ReplicaParts& parts, const WatchService* watches)
      : identity_(std::move(identity)),
        parts_(parts),
        watches_(watches),
        started_at_(steady_.Now()),
        scrubs_(parts.store) {}

  std::string name() const override { return v1::ReplicaService::service_full_name(); }
  grpc::Service* service() override { return &service_; }
  void Serve(CallQueue* queue) override;

  // Ends verifications with kUnavailable: one under way after its page, later ones at once.
  void Shutdown() { scrubs_.Shutdown(); }

 private:
  void Verify(Responder<v1::VerifyResponse> responder);
  // Has the replicator read again from the fleet what is damaged. Whether it does: alone, a replica has nowhere to read
  // it, and a failed disk cannot store it.
  bool RepairIfDamaged(const ScrubReport& report) const;
  v1::GetStatusResponse MakeStatus() const;
  void FillStore(v1::Status* status) const;
  void FillReplication(v1::Status* status) const;
  // For how long the oldest write has been waiting that Redis has never had.
  absl::StatusOr<absl::Duration> OutboxAge() const;

  const SteadyClock steady_;
  const Identity identity_;
  const ReplicaParts parts_;
  const WatchService* const watches_;
  const absl::Time started_at_;

  ScrubRunner scrubs_;

  v1::ReplicaService::WithRawMethod_GetStatus<v1::ReplicaService::WithRawMethod_Verify<v1::ReplicaService::Service>>
      service_;
};

}  // namespace dunlin

#endif  // DUNLIN_SERVER_REPLICA_SERVICE_H_
