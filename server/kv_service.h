#ifndef DUNLIN_SERVER_KV_SERVICE_H_
#define DUNLIN_SERVER_KV_SERVICE_H_

#include <grpcpp/grpcpp.h>

#include "absl/status/statusor.h"
#include "dunlin/v1/kv.grpc.pb.h"
#include "server/kv_reader.h"
#include "server/replica_parts.h"
#include "server/unary_method.h"
#include "server/watch_service.h"
#include "storage/write.h"

namespace dunlin {

// KVServiceImpl answers the public data API (proto/dunlin/v1/kv.proto). Reads are answered where they arrive, on gRPC's
// thread, unless they have to wait for what another replica has (`at_least`); writes are handed to the committer, or to
// the replicator when Redis is to judge them, and answered from there.
//
// Thread-safety: safe for concurrent use.
class KVServiceImpl final
    : public v1::KVService::WithRawCallbackMethod_Get<v1::KVService::WithRawCallbackMethod_Put<
          v1::KVService::WithRawCallbackMethod_Delete<v1::KVService::WithRawCallbackMethod_BatchGet<
              v1::KVService::WithRawCallbackMethod_BatchWrite<v1::KVService::WithRawCallbackMethod_List<
                  v1::KVService::WithRawCallbackMethod_Watch<v1::KVService::Service>>>>>>> {
 public:
  // `watches` serves the streams and must outlive this object.
  KVServiceImpl(const ReplicaParts& parts, WatchService* watches) : parts_(parts), reader_(parts), watches_(watches) {}

  grpc::ServerUnaryReactor* Get(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* Put(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* Delete(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                   grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* BatchGet(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                     grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* BatchWrite(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                       grpc::ByteBuffer* response) override;
  grpc::ServerUnaryReactor* List(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                 grpc::ByteBuffer* response) override;
  grpc::ServerWriteReactor<grpc::ByteBuffer>* Watch(grpc::CallbackServerContext* context,
                                                    const grpc::ByteBuffer* request) override;

 private:
  // Answers `request` once the replica has what it asks for.
  template <typename Request, typename Response>
  void Read(Request request, Responder<Response> responder) const;

  // Carries `write` out and answers by `responder`; `answer` makes the message of the result.
  template <typename Response>
  void Write(absl::StatusOr<LocalWrite> write, v1::Ack ack, Responder<Response> responder,
             Response (*answer)(const WriteResult&));

  const ReplicaParts parts_;
  const KVReader reader_;
  WatchService* const watches_;
};

}  // namespace dunlin

#endif  // DUNLIN_SERVER_KV_SERVICE_H_
