#include "server/kv_service.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "server/limits.h"
#include "server/proto_conversion.h"
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

// What an entry takes in a reply, but for the overhead that every entry has.
size_t SizeOf(const v1::Entry& entry) { return entry.key().size() + entry.value().size() + entry.text().size(); }

// The largest value and its key must fit.
constexpr size_t kBatchReplySizeMaxBytes = kReplySizeMaxBytes + kKeySizeMaxBytes;

// How long to wait for Redis: until shortly before the caller gives up, so that it still hears what is known.
// Infinite and past deadlines are welcome.
absl::Duration TimeoutBefore(absl::Time deadline) {
  const absl::Duration left = deadline - absl::Now();
  return std::min(kRedisWaitMax, left - std::min(left / 10, kRedisWaitMargin));
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

absl::Status KVServiceImpl::CheckReadable(absl::Duration max_staleness) const {
  DUNLIN_RETURN_IF_ERROR(parts_.gate->Check());
  if (max_staleness == absl::InfiniteDuration()) {
    return absl::OkStatus();
  }
  const absl::Duration staleness = StalenessOf(parts_);
  if (staleness <= max_staleness) {
    return absl::OkStatus();
  }
  return absl::UnavailableError(absl::StrCat("this replica has not known itself to be up to date for ",
                                             absl::FormatDuration(absl::Trunc(staleness, absl::Milliseconds(1))),
                                             "; max_staleness allows ", absl::FormatDuration(max_staleness),
                                             ": try another replica, or allow more"));
}

absl::StatusOr<v1::GetResponse> KVServiceImpl::ReadOne(const v1::GetRequest& request) const {
  DUNLIN_RETURN_IF_ERROR(ValidateKey("key", request.key()));
  DUNLIN_ASSIGN_OR_RETURN(const absl::Duration max_staleness, ToMaxStaleness(request));
  DUNLIN_RETURN_IF_ERROR(CheckReadable(max_staleness));
  DUNLIN_ASSIGN_OR_RETURN(StoredEntry entry, parts_.store->Get(request.key()));
  v1::GetResponse response;
  ToProto(std::move(entry), request.as_text(), response.mutable_entry());
  FillLag(parts_, response.mutable_lag());
  return response;
}

absl::StatusOr<v1::BatchGetResponse> KVServiceImpl::ReadMany(const v1::BatchGetRequest& request) const {
  DUNLIN_RETURN_IF_ERROR(ValidateBatchGet(request));
  DUNLIN_ASSIGN_OR_RETURN(const absl::Duration max_staleness, ToMaxStaleness(request));
  DUNLIN_RETURN_IF_ERROR(CheckReadable(max_staleness));
  std::vector<std::string> keys;
  absl::flat_hash_set<absl::string_view> seen;
  for (const std::string& key : request.keys()) {
    if (seen.insert(key).second) {
      keys.push_back(key);
    }
  }
  DUNLIN_ASSIGN_OR_RETURN(std::vector<StoredEntry> entries, parts_.store->BatchGet(keys, kBatchReplySizeMaxBytes));
  v1::BatchGetResponse response;
  size_t size = 0;
  for (StoredEntry& entry : entries) {
    ToProto(std::move(entry), request.as_text(), response.add_entries());
    size += SizeOf(*response.entries().rbegin());
  }
  if (size > kBatchReplySizeMaxBytes) {
    return absl::ResourceExhaustedError(absl::StrCat("the answer has ", size, " bytes of keys, values and texts; the ",
                                                     "limit is ", kBatchReplySizeMaxBytes,
                                                     ": ask for fewer keys at once, or without as_text"));
  }
  FillLag(parts_, response.mutable_lag());
  return response;
}

absl::StatusOr<v1::ListResponse> KVServiceImpl::ReadPage(const v1::ListRequest& request) const {
  DUNLIN_RETURN_IF_ERROR(ValidatePrefix(request.prefix()));
  DUNLIN_ASSIGN_OR_RETURN(const size_t entries_max, ToPageEntriesMax(request));
  std::string after_key;
  if (!request.page_token().empty()) {
    DUNLIN_ASSIGN_OR_RETURN(after_key, DecodePageToken(request.prefix(), request.page_token()));
  }
  DUNLIN_ASSIGN_OR_RETURN(const absl::Duration max_staleness, ToMaxStaleness(request));
  DUNLIN_RETURN_IF_ERROR(CheckReadable(max_staleness));
  DUNLIN_ASSIGN_OR_RETURN(EntryPage page, ReadEntries(request, std::move(after_key), entries_max));
  v1::ListResponse response;
  if (!page.complete) {
    response.set_next_page_token(EncodePageToken(request.prefix(), page.covered_key));
  }
  for (std::string& key : page.damaged_keys) {
    response.add_damaged_keys(std::move(key));
  }
  for (StoredEntry& entry : page.entries) {
    // Without values there is no text either.
    ToProto(std::move(entry), request.as_text() && !request.keys_only(), response.add_entries());
  }
  FillLag(parts_, response.mutable_lag());
  return response;
}

absl::StatusOr<EntryPage> KVServiceImpl::ReadEntries(const v1::ListRequest& request, std::string after_key,
                                                     size_t entries_max) const {
  // Text doubles what a value takes in the reply.
  const size_t size_max = request.as_text() && !request.keys_only() ? kReplySizeMaxBytes / 2 : kReplySizeMaxBytes;
  EntryPage page;
  page.covered_key = std::move(after_key);
  const auto is_empty = [&page] { return page.entries.empty() && page.damaged_keys.empty() && !page.complete; };
  for (size_t reads = 0; reads < kListReadsMax && is_empty(); ++reads) {
    DUNLIN_ASSIGN_OR_RETURN(
        page, parts_.store->List(request.prefix(), page.covered_key, entries_max, size_max, request.keys_only()));
  }
  return page;
}

grpc::ServerUnaryReactor* KVServiceImpl::Get(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                             grpc::ByteBuffer* response) {
  return HandleUnary<v1::GetRequest, v1::GetResponse>(
      context, *request, response,
      [this](const v1::GetRequest& get, Responder<v1::GetResponse> responder) { responder.Finish(ReadOne(get)); });
}

grpc::ServerUnaryReactor* KVServiceImpl::BatchGet(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                                  grpc::ByteBuffer* response) {
  return HandleUnary<v1::BatchGetRequest, v1::BatchGetResponse>(
      context, *request, response, [this](const v1::BatchGetRequest& get, Responder<v1::BatchGetResponse> responder) {
        responder.Finish(ReadMany(get));
      });
}

grpc::ServerUnaryReactor* KVServiceImpl::List(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                              grpc::ByteBuffer* response) {
  return HandleUnary<v1::ListRequest, v1::ListResponse>(
      context, *request, response,
      [this](const v1::ListRequest& list, Responder<v1::ListResponse> responder) { responder.Finish(ReadPage(list)); });
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
        std::move(items), TimeoutBefore(deadline),
        [answer, responder = std::move(responder), result = *std::move(result)](absl::Status mirrored_status) mutable {
          mirrored_status.ok() ? responder.Finish(answer(result)) : responder.Finish(mirrored_status);
        });
  };
  if (judged_by_redis) {
    parts_.replicator->WriteIf(std::move(write->mutations.front()), write->precondition, TimeoutBefore(deadline),
                               std::move(done));
  } else {
    parts_.committer->Write(*std::move(write), std::move(done));
  }
}

grpc::ServerUnaryReactor* KVServiceImpl::Put(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                             grpc::ByteBuffer* response) {
  return HandleUnary<v1::PutRequest, v1::PutResponse>(
      context, *request, response, [this](const v1::PutRequest& put, Responder<v1::PutResponse> responder) {
        Write(ToLocalWrite(put, parts_.value_size_max_bytes), put.ack(), std::move(responder), PutAnswer);
      });
}

grpc::ServerUnaryReactor* KVServiceImpl::Delete(grpc::CallbackServerContext* context, const grpc::ByteBuffer* request,
                                                grpc::ByteBuffer* response) {
  return HandleUnary<v1::DeleteRequest, v1::DeleteResponse>(
      context, *request, response, [this](const v1::DeleteRequest& remove, Responder<v1::DeleteResponse> responder) {
        Write(ToLocalWrite(remove), remove.ack(), std::move(responder), DeleteAnswer);
      });
}

grpc::ServerUnaryReactor* KVServiceImpl::BatchWrite(grpc::CallbackServerContext* context,
                                                    const grpc::ByteBuffer* request, grpc::ByteBuffer* response) {
  return HandleUnary<v1::BatchWriteRequest, v1::BatchWriteResponse>(
      context, *request, response,
      [this](const v1::BatchWriteRequest& batch, Responder<v1::BatchWriteResponse> responder) {
        Write(ToLocalWrite(batch, parts_.value_size_max_bytes), batch.ack(), std::move(responder), BatchWriteAnswer);
      });
}

grpc::ServerWriteReactor<grpc::ByteBuffer>* KVServiceImpl::Watch(grpc::CallbackServerContext* context,
                                                                 const grpc::ByteBuffer* request) {
  return watches_->Open(context, *request);
}

}  // namespace dunlin
