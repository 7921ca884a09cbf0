#include "server/kv_reader.h"

#include <iterator>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "server/entry_encoder.h"
#include "server/limits.h"
#include "server/proto_conversion.h"
#include "server/token.h"
#include "server/validation.h"
#include "storage/limits.h"
#include "storage/status_macros.h"

namespace dunlin {
namespace {

// What an entry takes in a reply, but for the overhead that every entry has.
size_t SizeOf(const EntryView& entry, bool with_text) {
  return entry.key.size() + entry.value.size() * (with_text ? 2 : 1);
}

// The keys of `request`, each once, where it came first.
std::vector<absl::string_view> DistinctKeys(const v1::BatchGetRequest& request) {
  const auto count = static_cast<size_t>(request.keys_size());
  std::vector<absl::string_view> keys;
  absl::flat_hash_set<absl::string_view> seen;
  keys.reserve(count);
  seen.reserve(count);
  for (const std::string& key : request.keys()) {
    if (seen.insert(key).second) {
      keys.push_back(key);
    }
  }
  return keys;
}

// The bytes themselves, not a copy.
grpc::Slice ToSlice(std::string bytes) {
  auto* const kept = new std::string(std::move(bytes));
  return grpc::Slice(
      kept->data(), kept->size(), [](void* string) { delete static_cast<std::string*>(string); }, kept);
}

// What room is made for beforehand, for each entry: small ones need no more.
constexpr size_t kBatchEntryBytes = 192;

// The largest value and its key must fit.
constexpr size_t kBatchReplySizeMaxBytes = kReplySizeMaxBytes + kKeySizeMaxBytes;

}  // namespace

template <typename Request, typename Response>
void KVReader::FinishAnswer(const Request& request, Response* response) const {
  FillLag(parts_, response->mutable_lag());
  if (request.return_token()) {
    response->set_token(EncodePositionToken(parts_.store->position()));
  }
}

absl::Status KVReader::CheckReadable(absl::Duration max_staleness) const {
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

absl::StatusOr<v1::GetResponse> KVReader::Read(const v1::GetRequest& request) const {
  DUNLIN_RETURN_IF_ERROR(ValidateKey("key", request.key()));
  DUNLIN_ASSIGN_OR_RETURN(const absl::Duration max_staleness, ToMaxStaleness(request));
  DUNLIN_RETURN_IF_ERROR(CheckReadable(max_staleness));
  DUNLIN_ASSIGN_OR_RETURN(StoredEntry entry, parts_.store->Get(request.key()));
  v1::GetResponse response;
  ToProto(std::move(entry), request.as_text(), response.mutable_entry());
  FinishAnswer(request, &response);
  return response;
}

absl::StatusOr<grpc::ByteBuffer> KVReader::Read(const v1::BatchGetRequest& request) const {
  DUNLIN_RETURN_IF_ERROR(ValidateBatchGet(request));
  DUNLIN_ASSIGN_OR_RETURN(const absl::Duration max_staleness, ToMaxStaleness(request));
  DUNLIN_RETURN_IF_ERROR(CheckReadable(max_staleness));
  std::string entries;
  entries.reserve(static_cast<size_t>(request.keys_size()) * kBatchEntryBytes);
  size_t size = 0;
  DUNLIN_RETURN_IF_ERROR(
      parts_.store->BatchGet(DistinctKeys(request), kBatchReplySizeMaxBytes, [&](const EntryView& entry) {
        const bool with_text = HasText(entry.value, request.as_text());
        size += SizeOf(entry, with_text);
        AppendEntry(v1::BatchGetResponse::kEntriesFieldNumber, entry, with_text, &entries);
      }));
  if (size > kBatchReplySizeMaxBytes) {
    return absl::ResourceExhaustedError(absl::StrCat("the answer has ", size, " bytes of keys, values and texts; the ",
                                                     "limit is ", kBatchReplySizeMaxBytes,
                                                     ": ask for fewer keys at once, or without as_text"));
  }
  v1::BatchGetResponse rest;
  FinishAnswer(request, &rest);
  // Fields one after the other are a message.
  const grpc::Slice parts[] = {ToSlice(std::move(entries)), ToSlice(rest.SerializeAsString())};
  return grpc::ByteBuffer(parts, std::size(parts));
}

absl::StatusOr<v1::ListResponse> KVReader::Read(const v1::ListRequest& request) const {
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
  FinishAnswer(request, &response);
  return response;
}

absl::StatusOr<EntryPage> KVReader::ReadEntries(const v1::ListRequest& request, std::string after_key,
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

}  // namespace dunlin
