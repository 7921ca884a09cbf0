#ifndef DUNLIN_SERVER_KV_SERVICE_H_
#define DUNLIN_SERVER_KV_SERVICE_H_

#include <grpcpp/grpcpp.h>

#include <string>

#include "absl/status/statusor.h"
#include "dunlin/v1/kv.grpc.pb.h"
#include "server/kv_reader.h"
#include "server/replica_parts.h"
#include "server/rpc_service.h"
#include "server/unary_method.h"
#include "server/watch_service.h"
#include "storage/write.h"

namespace dunlin {

// KVServiceImpl answers the public data API (proto/dunlin/v1/kv.proto). Reads are answered where they arrive, on the
// queue's thread, unless they have to wait for what another replica has (`at_least`); writes are handed to the
// committer, or to the replicator when Redis is to judge them, and answered from there.
//
// Thread-safety: safe for concurrent use.
class KVServiceImpl final : public RpcService {
 public:
  // `watches` serves the streams and must outlive this object.
  KVServiceImpl(const ReplicaParts& parts, WatchService* watches) : parts_(parts), reader_(parts), watches_(watches) {}

  std::string name() const override { return v1::KVService::service_full_name(); }
  grpc::Service* service() override { return &service_; }
  void Serve(CallQueue* queue) override;

 private:
  // Answers `request` once the replica has what it asks for; takes it over if that is later.
  template <typename Request, typename Response>
  void Read(Request* request, Responder<Response> responder) const;

  // Carries `write` out and answers by `responder`; `answer` makes the message of the result.
  template <typename Response>
  void Write(absl::StatusOr<LocalWrite> write, v1::Ack ack, Responder<Response> responder,
             Response (*answer)(const WriteResult&));

  using Service = v1::KVService::WithRawMethod_Get<v1::KVService::WithRawMethod_Put<
      v1::KVService::WithRawMethod_Delete<v1::KVService::WithRawMethod_BatchGet<v1::KVService::WithRawMethod_BatchWrite<
          v1::KVService::WithRawMethod_List<v1::KVService::WithRawMethod_Watch<v1::KVService::Service>>>>>>>;

  const ReplicaParts parts_;
  const KVReader reader_;
  WatchService* const watches_;
  Service service_;
};

}  // namespace dunlin

#endif  // DUNLIN_SERVER_KV_SERVICE_H_
