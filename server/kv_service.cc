#include "server/kv_service.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "server/limits.h"
#include "server/position_wait.h"
#include "server/proto_conversion.h"
#include "server/server_stream.h"
#include "server/token.h"
#include "server/validation.h"
#include "storage/limits.h"
#include "storage/status_macros.h"

namespace dunlin {
namespace {

v1::PutResponse PutAnswer(const WriteResult& result) {
  v1::PutResponse response;
  ToProto(result.versions.front(), response.mutable_version());
  response.set_revision(result.revisions.front());
  response.set_token(EncodePositionToken(result.position));
  return response;
}

v1::DeleteResponse DeleteAnswer(const WriteResult& result) {
  v1::DeleteResponse response;
  ToProto(result.versions.front(), response.mutable_version());
  response.set_revision(result.revisions.front());
  response.set_token(EncodePositionToken(result.position));
  response.set_existed(result.existed.front());
  return response;
}

v1::BatchWriteResponse BatchWriteAnswer(const WriteResult& result) {
  v1::BatchWriteResponse response;
  for (const Version& version : result.versions) {
    ToProto(version, response.add_versions());
  }
  for (const uint64_t revision : result.revisions) {
    response.add_revisions(revision);
  }
  response.set_token(EncodePositionToken(result.position));
  return response;
}

// How long to wait for Redis: until shortly before the caller gives up, so that it still hears what is known.
// Infinite and past deadlines are welcome.
absl::Duration TimeoutBefore(absl::Time deadline, absl::Duration timeout_max) {
  const absl::Duration left = deadline - absl::Now();
  return std::min(timeout_max, left - std::min(left / 10, kRedisWaitMargin));
}

// What a write leaves in the outbox; the revisions are known once it is stored.
std::vector<OutboxItem> ItemsOf(const std::vector<Mutation>& mutations) {
  std::vector<OutboxItem> items;
  for (const Mutation& mutation : mutations) {
    items.push_back({mutation.key, 0});
  }
  return items;
}

}  // namespace

// ---- Reads ----

template <typename Request, typename Response>
void KVServiceImpl::Read(Request* request, Responder<Response> responder) const {
  if (request->at_least().empty()) {
    responder.Finish(reader_.Read(*request));
    return;
  }
  const absl::StatusOr<Position> position = DecodePositionToken("at_least", request->at_least());
  const absl::Status status = position.ok() ? parts_.gate->Check() : position.status();
  if (!status.ok()) {
    responder.Finish(status);
    return;
  }
  const absl::Duration timeout = TimeoutBefore(responder.deadline(), kArrivalWaitMax);
  // Not `this`: a call that was cancelled does not keep the service alive.
  WaitForPosition(parts_, *position, timeout,
                  [reader = reader_, kept = std::move(*request),
                   responder = std::move(responder)](const absl::Status& arrived) mutable {
                    arrived.ok() ? responder.Finish(reader.Read(kept)) : responder.Finish(arrived);
                  });
}

// ---- Writes ----

template <typename Response>
void KVServiceImpl::Write(absl::StatusOr<LocalWrite> write, v1::Ack ack, Responder<Response> responder,
                          Response (*answer)(const WriteResult&)) {
  const absl::StatusOr<bool> mirrored = WantsMirroredAck(ack);
  absl::Status status = write.ok() ? mirrored.status() : write.status();
  if (status.ok() && *mirrored && parts_.replicator == nullptr) {
    status =
        absl::FailedPreconditionError("ACK_MIRRORED needs Redis, and this replica runs without one: use ACK_LOCAL");
  }
  if (status.ok()) {
    status = parts_.gate->Check();
  }
  if (status.ok()) {
    // Before Redis judges a write that could not be stored here.
    status = parts_.store->failure();
  }
  if (!status.ok()) {
    responder.Finish(status);
    return;
  }
  const absl::Time deadline = responder.deadline();
  const bool judged_by_redis = parts_.replicator != nullptr && write->precondition.kind != Precondition::Kind::kNone;
  // What Redis has judged, Redis has.
  const bool wait = *mirrored && !judged_by_redis;
  // Not `this`: a call that was cancelled does not keep the service alive, but its write goes on.
  WriteCallback done = [replicator = parts_.replicator, wait, deadline, answer,
                        items = wait ? ItemsOf(write->mutations) : std::vector<OutboxItem>(),
                        responder = std::move(responder)](absl::StatusOr<WriteResult> result) mutable {
    if (!result.ok() || !wait) {
      result.ok() ? responder.Finish(answer(*result)) : responder.Finish(result.status());
      return;
    }
    for (size_t i = 0; i < items.size(); ++i) {
      items[i].revision = result->revisions[i];
    }
    // Only now, because the write may have waited for the disk for long.
    replicator->WaitMirrored(
        std::move(items), TimeoutBefore(deadline, kRedisWaitMax),
        [answer, responder = std::move(responder), result = *std::move(result)](absl::Status mirrored_status) mutable {
          mirrored_status.ok() ? responder.Finish(answer(result)) : responder.Finish(mirrored_status);
        });
  };
  if (judged_by_redis) {
    parts_.replicator->WriteIf(std::move(write->mutations.front()), write->precondition,
                               TimeoutBefore(deadline, kRedisWaitMax), std::move(done));
  } else {
    parts_.committer->Write(*std::move(write), std::move(done));
  }
}

// ---- The methods ----

void KVServiceImpl::Serve(CallQueue* queue) {
  const auto read = [this](auto&& request, auto responder) { Read(&request, std::move(responder)); };
  ServeUnary<v1::GetRequest, v1::GetResponse>(queue, DUNLIN_RPC_METHOD(&service_, Get), read, kHotCallsAwaited);
  ServeUnary<v1::BatchGetRequest, v1::BatchGetResponse>(queue, DUNLIN_RPC_METHOD(&service_, BatchGet), read);
  ServeUnary<v1::ListRequest, v1::ListResponse>(queue, DUNLIN_RPC_METHOD(&service_, List), read);
  ServeUnary<v1::PutRequest, v1::PutResponse>(
      queue, DUNLIN_RPC_METHOD(&service_, Put),
      [this](const v1::PutRequest& put, Responder<v1::PutResponse> responder) {
        Write(ToLocalWrite(put, parts_.value_size_max_bytes), put.ack(), std::move(responder), PutAnswer);
      },
      kHotCallsAwaited);
  ServeUnary<v1::DeleteRequest, v1::DeleteResponse>(
      queue, DUNLIN_RPC_METHOD(&service_, Delete),
      [this](const v1::DeleteRequest& remove, Responder<v1::DeleteResponse> responder) {
        Write(ToLocalWrite(remove), remove.ack(), std::move(responder), DeleteAnswer);
      });
  ServeUnary<v1::BatchWriteRequest, v1::BatchWriteResponse>(
      queue, DUNLIN_RPC_METHOD(&service_, BatchWrite),
      [this](const v1::BatchWriteRequest& batch, Responder<v1::BatchWriteResponse> responder) {
        Write(ToLocalWrite(batch, parts_.value_size_max_bytes), batch.ack(), std::move(responder), BatchWriteAnswer);
      });
  ServeStream(queue, DUNLIN_RPC_METHOD(&service_, Watch),
              [this](const grpc::ByteBuffer& request, StreamCall* call) { watches_->Open(call, request); });
}

}  // namespace dunlin
