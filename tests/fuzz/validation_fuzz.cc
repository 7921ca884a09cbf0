// Goal: whatever bytes a caller sends, they are a request that keeps every limit and becomes exactly the work it asks
// for, or INVALID_ARGUMENT with a message that says what is wrong and fits the wire. Method: the first byte chooses the
// request and the limit of values, the rest is parsed as the server does it, and validated; the rules, told a second
// time (request_limits.h), say whether it should have passed.

#include "server/validation.h"

#include <google/protobuf/stubs/logging.h>
#include <grpcpp/support/byte_buffer.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/time/time.h"
#include "server/limits.h"
#include "server/request_parser.h"
#include "server/status_mapping.h"
#include "storage/limits.h"
#include "storage/utf8.h"
#include "tests/fuzz/byte_source.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/fuzz/larger_requests.h"
#include "tests/fuzz/request_limits.h"

namespace dunlin {
namespace {

Milestone damaged("bytes that are no message were refused");
Milestone ambiguous("two members of a oneof were refused");
Milestone put_accepted("a put with a time to live was accepted");
Milestone put_refused("a put was refused");
Milestone condition_accepted("a write with a precondition was accepted");
Milestone batch_accepted("a batch was accepted");
Milestone full_batch_accepted("a batch of 1,000 writes was accepted");
Milestone batch_refused("a batch was refused");
Milestone large_batch("a batch above 3 MiB was refused");
Milestone overfull_batch("a batch of more than 1,000 writes was refused");
Milestone read_accepted("a read of several keys was accepted");
Milestone full_read_accepted("a read of 1,000 keys was accepted");
Milestone watch_accepted("a watch was accepted");
Milestone page_accepted("a listing was accepted");

void RequireRefusal(const absl::Status& status) {
  DUNLIN_REQUIRE(absl::IsInvalidArgument(status), status.ToString());
  const grpc::Status answer = ToGrpcStatus(status);
  DUNLIN_REQUIRE(answer.error_code() == grpc::StatusCode::INVALID_ARGUMENT, "");
  DUNLIN_REQUIRE(!answer.error_message().empty(), "");
  DUNLIN_REQUIRE(answer.error_message().size() <= kStatusMessageMaxBytes, absl::StrCat(answer.error_message().size()));
  DUNLIN_REQUIRE(IsValidUtf8(answer.error_message()), "");
}

// `status` of a request that keeps its limits or not.
void RequireVerdict(bool keeps_limits, const absl::Status& status) {
  DUNLIN_REQUIRE(status.ok() == keeps_limits, status.ToString());
  if (!status.ok()) {
    RequireRefusal(status);
  }
}

// As gRPC hands a request over: in pieces, as the network had them.
absl::Status ParseInPieces(absl::string_view bytes, google::protobuf::Message* request) {
  const size_t cut = PickBelow(bytes.size() + 1, bytes);
  const grpc::Slice slices[] = {grpc::Slice(bytes.data(), cut), grpc::Slice(bytes.data() + cut, bytes.size() - cut)};
  return ParseRequest(grpc::ByteBuffer(slices, 2), request);
}

bool TellsOfTwoMembers(const absl::Status& status) {
  return absl::IsInvalidArgument(status) && absl::StrContains(status.message(), "exclude each other");
}

// A second member of a oneof, which Protobuf would take in the place of the first.
void CheckSecondMember(absl::string_view bytes, const google::protobuf::Message& request) {
  for (int i = 0; i < request.GetDescriptor()->real_oneof_decl_count(); ++i) {
    const auto* const oneof = request.GetDescriptor()->oneof_decl(i);
    const auto* const given = request.GetReflection()->GetOneofFieldDescriptor(request, oneof);
    for (int j = 0; given != nullptr && j < oneof->field_count(); ++j) {
      if (oneof->field(j) != given) {
        const std::unique_ptr<google::protobuf::Message> other(request.New());
        other->GetReflection()->SetString(other.get(), oneof->field(j), "");
        const absl::Status status = ParseInPieces(absl::StrCat(bytes, other->SerializeAsString()), other.get());
        DUNLIN_REQUIRE(TellsOfTwoMembers(status), status.ToString());
      }
    }
  }
}

// Returns false if the bytes are no such message.
bool Parse(absl::string_view bytes, google::protobuf::Message* request) {
  const absl::Status status = ParseInPieces(bytes, request);
  const std::unique_ptr<google::protobuf::Message> plain(request->New());
  const bool parses = plain->ParseFromArray(bytes.data(), static_cast<int>(bytes.size()));
  DUNLIN_REQUIRE(status.ok() || parses == TellsOfTwoMembers(status), status.ToString());
  if (!status.ok()) {
    RequireRefusal(status);
    // It names the field or the byte.
    DUNLIN_REQUIRE(!absl::StrContains(status.message(), "does not parse"), status.ToString());
    (parses ? ambiguous : damaged).Reach();
    return false;
  }
  const std::string canonical = plain->SerializeAsString();
  DUNLIN_REQUIRE(parses && request->SerializeAsString() == canonical, "");
  // What Protobuf writes has one member of each.
  DUNLIN_REQUIRE(ParseInPieces(canonical, plain.get()).ok(), "");
  CheckSecondMember(canonical, *request);
  return true;
}

template <typename Put>
void RequireMutation(const Mutation& mutation, const Put& put) {
  DUNLIN_REQUIRE(mutation.kind == Mutation::Kind::kPut && mutation.key == put.key(), "");
  DUNLIN_REQUIRE(mutation.value == (put.has_text() ? put.text() : put.value()), "");
  const absl::Duration ttl = put.has_ttl() ? absl::Seconds(put.ttl().seconds()) + absl::Nanoseconds(put.ttl().nanos())
                                           : absl::InfiniteDuration();
  DUNLIN_REQUIRE(mutation.ttl == ttl, absl::FormatDuration(mutation.ttl));
}

void RequireMutation(const Mutation& mutation, const v1::Write& write) {
  if (write.has_put()) {
    return RequireMutation(mutation, write.put());
  }
  DUNLIN_REQUIRE(mutation.kind == Mutation::Kind::kDelete && mutation.key == write.delete_().key(), "");
}

void RequirePrecondition(const Precondition& precondition, const v1::Precondition& proto) {
  using Kind = Precondition::Kind;
  const Kind kind = proto.has_if_version() ? Kind::kVersion : proto.if_absent() ? Kind::kAbsent : Kind::kNone;
  DUNLIN_REQUIRE(precondition.kind == kind, "");
  DUNLIN_REQUIRE(precondition.version == (Version{proto.if_version().time(), proto.if_version().origin()}), "");
  if (kind != Kind::kNone) {
    condition_accepted.Reach();
  }
}

template <typename Request>
void RequireStaleness(const absl::StatusOr<absl::Duration>& staleness, const Request& request) {
  if (staleness.ok()) {
    DUNLIN_REQUIRE((*staleness < absl::InfiniteDuration()) == request.has_max_staleness(), "");
    DUNLIN_REQUIRE(*staleness >= absl::ZeroDuration(), absl::FormatDuration(*staleness));
  }
}

void Check(const v1::GetRequest& request) {
  const absl::StatusOr<absl::Duration> staleness = ToMaxStaleness(request);
  absl::Status status = ValidateKey("key", request.key());
  status.Update(staleness.status());
  RequireVerdict(KeepsLimits(request), status);
  RequireStaleness(staleness, request);
}

void Check(const v1::PutRequest& request, size_t value_size_max_bytes) {
  RequireVerdict(KeepsLimits(request.ack()), WantsMirroredAck(request.ack()).status());
  const absl::StatusOr<LocalWrite> write = ToLocalWrite(request, value_size_max_bytes);
  RequireVerdict(KeepsLimits(request, value_size_max_bytes), write.status());
  if (!write.ok()) {
    return put_refused.Reach();
  }
  DUNLIN_REQUIRE(write->mutations.size() == 1, "");
  RequireMutation(write->mutations.front(), request);
  RequirePrecondition(write->precondition, request.precondition());
  if (request.has_ttl()) {
    put_accepted.Reach();
  }
}

void Check(const v1::DeleteRequest& request) {
  RequireVerdict(KeepsLimits(request.ack()), WantsMirroredAck(request.ack()).status());
  const absl::StatusOr<LocalWrite> write = ToLocalWrite(request);
  RequireVerdict(KeepsLimits(request), write.status());
  if (write.ok()) {
    DUNLIN_REQUIRE(write->mutations.size() == 1, "");
    DUNLIN_REQUIRE(write->mutations.front().kind == Mutation::Kind::kDelete, "");
    DUNLIN_REQUIRE(write->mutations.front().key == request.key(), "");
    RequirePrecondition(write->precondition, request.precondition());
  }
}

void Check(const v1::BatchWriteRequest& request, size_t value_size_max_bytes) {
  const absl::StatusOr<LocalWrite> write = ToLocalWrite(request, value_size_max_bytes);
  RequireVerdict(KeepsLimits(request, value_size_max_bytes), write.status());
  if (!write.ok()) {
    const bool is_overfull = static_cast<size_t>(request.writes_size()) > kBatchEntriesMax;
    const bool is_large = absl::StrContains(write.status().message(), "split the batch");
    return (is_overfull ? overfull_batch : is_large ? large_batch : batch_refused).Reach();
  }
  DUNLIN_REQUIRE(write->mutations.size() == static_cast<size_t>(request.writes_size()), "");
  DUNLIN_REQUIRE(write->precondition.kind == Precondition::Kind::kNone, "");
  for (int i = 0; i < request.writes_size(); ++i) {
    RequireMutation(write->mutations[i], request.writes(i));
  }
  (write->mutations.size() == kBatchEntriesMax ? full_batch_accepted : batch_accepted).Reach();
}

void Check(const v1::BatchGetRequest& request) {
  const absl::StatusOr<absl::Duration> staleness = ToMaxStaleness(request);
  absl::Status status = ValidateBatchGet(request);
  status.Update(staleness.status());
  RequireVerdict(KeepsLimits(request), status);
  RequireStaleness(staleness, request);
  if (status.ok() && request.keys_size() > 1) {
    (request.keys_size() == static_cast<int>(kBatchEntriesMax) ? full_read_accepted : read_accepted).Reach();
  }
}

void Check(const v1::ListRequest& request) {
  const absl::StatusOr<size_t> entries_max = ToPageEntriesMax(request);
  const absl::StatusOr<absl::Duration> staleness = ToMaxStaleness(request);
  absl::Status status = ValidatePrefix(request.prefix());
  status.Update(entries_max.status());
  status.Update(staleness.status());
  RequireStaleness(staleness, request);
  RequireVerdict(KeepsLimits(request), status);
  if (status.ok()) {
    DUNLIN_REQUIRE(*entries_max > 0 && *entries_max <= kListPageEntriesMax, absl::StrCat(*entries_max));
    DUNLIN_REQUIRE(request.page_size() == 0 || request.page_size() == *entries_max, absl::StrCat(*entries_max));
    page_accepted.Reach();
  }
}

// That all that the request names is in the selection; and by its parts, that nothing else is.
void RequireNamesAll(const Selection& selection, const v1::WatchRequest& request) {
  std::vector<std::string> keys(request.keys().begin(), request.keys().end());
  std::vector<std::string> prefixes(request.prefixes().begin(), request.prefixes().end());
  if (request.has_key()) keys.push_back(request.key());
  if (request.has_prefix()) prefixes.push_back(request.prefix());
  for (const std::string& key : keys) {
    DUNLIN_REQUIRE(selection.Matches(key), key);
  }
  for (const std::string& prefix : prefixes) {
    DUNLIN_REQUIRE(selection.Matches(prefix) && selection.Matches(prefix + "x"), prefix);
  }
  const bool names_all = (keys.empty() && prefixes.empty()) ||
                         std::any_of(prefixes.begin(), prefixes.end(), [](const std::string& p) { return p.empty(); });
  DUNLIN_REQUIRE((selection.parts()[0].kind == Selector::Kind::kEverything) == names_all, "");
  for (const Selector& part : selection.parts()) {
    const std::vector<std::string>& named = part.kind == Selector::Kind::kKey ? keys : prefixes;
    DUNLIN_REQUIRE(names_all || std::find(named.begin(), named.end(), part.text) != named.end(), part.text);
  }
}

void Check(const v1::WatchRequest& request) {
  const absl::StatusOr<Selection> selection = ToSelection(request);
  const absl::StatusOr<absl::Duration> progress_interval = ToProgressInterval(request);
  const absl::StatusOr<absl::Duration> max_lag = ToMaxLag(request);
  absl::Status status = selection.status();
  status.Update(ValidateWatchFilters(request));
  status.Update(progress_interval.status());
  status.Update(max_lag.status());
  RequireVerdict(KeepsLimits(request), status);
  if (status.ok()) {
    DUNLIN_REQUIRE(*progress_interval >= kWatchProgressIntervalMin, absl::FormatDuration(*progress_interval));
    DUNLIN_REQUIRE(*max_lag >= kWatchLagMin, absl::FormatDuration(*max_lag));
    RequireNamesAll(*selection, request);
    watch_accepted.Reach();
  }
}

template <typename Request, typename... Limit>
void ParseAndCheck(absl::string_view bytes, Limit... limit) {
  Request request;
  if (Parse(bytes, &request)) {
    Check(request, limit...);
  }
}

// `enlarge` takes a request to where the limits of a whole request are.
template <typename Request, typename... Limit>
void ParseAndCheckLarge(absl::string_view bytes, void (*enlarge)(Request*), Limit... limit) {
  Request request;
  if (Parse(bytes, &request)) {
    enlarge(&request);
    Check(request, limit...);
  }
}

void CheckRequest(absl::string_view input) {
  // Otherwise Protobuf reports each string that is not UTF-8, as if nobody looked at the result.
  static const google::protobuf::LogSilencer silencer;
  ByteSource source(input);
  const uint8_t choice = source.Byte();
  const size_t value_size_max_bytes = choice < 0x80 ? 16 : kValueSizeMaxBytesDefault;
  const absl::string_view bytes = source.Rest();
  switch (choice % 10) {
    case 0:
      return ParseAndCheck<v1::GetRequest>(bytes);
    case 1:
      return ParseAndCheck<v1::PutRequest>(bytes, value_size_max_bytes);
    case 2:
      return ParseAndCheck<v1::DeleteRequest>(bytes);
    case 3:
      return ParseAndCheck<v1::BatchGetRequest>(bytes);
    case 4:
      return ParseAndCheck<v1::BatchWriteRequest>(bytes, value_size_max_bytes);
    case 5:
      return ParseAndCheck<v1::ListRequest>(bytes);
    case 6:
      return ParseAndCheck<v1::WatchRequest>(bytes);
    case 7:
      return ParseAndCheckLarge<v1::BatchWriteRequest>(bytes, RepeatValues, kValueSizeMaxBytesHard);
    case 8:
      return ParseAndCheckLarge<v1::BatchWriteRequest>(bytes, FillUp, kValueSizeMaxBytesDefault);
    default:
      return ParseAndCheckLarge<v1::BatchGetRequest>(bytes, FillUp);
  }
}

}  // namespace
}  // namespace dunlin

DUNLIN_FUZZ_TARGET(dunlin::CheckRequest);
