#include "sync/primary_finder.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "storage/limits.h"
#include "storage/status_macros.h"
#include "sync/redis_connection.h"
#include "sync/redis_error.h"
#include "sync/redis_reply.h"

namespace dunlin {
namespace {

bool IsPasswordError(absl::string_view error) {
  return absl::StartsWith(error, "NOAUTH") || absl::StartsWith(error, "WRONGPASS") || absl::StartsWith(error, "NOPERM");
}

// Tells what several sentinels said as one error: of the codes, the one that an operator has to act on.
absl::Status JoinErrors(const std::vector<absl::Status>& errors) {
  absl::StatusCode code = absl::StatusCode::kUnavailable;
  const auto describe = [](std::string* out, const absl::Status& error) {
    absl::StrAppend(out, absl::string_view(error.message()));
  };
  for (const absl::Status& error : errors) {
    if (code == absl::StatusCode::kUnavailable && RemedyOf(error) == RedisRemedy::kStopAndTell) {
      code = error.code();
    }
  }
  const absl::string_view advice =
      code == absl::StatusCode::kUnavailable
          ? " (no sentinel answers: check the addresses in --redis, and that Sentinel runs there)"
          : "";
  return absl::Status(code, absl::StrCat(absl::StrJoin(errors, "; ", describe), advice));
}

}  // namespace

PrimaryFinder::PrimaryFinder(RedisEndpoint endpoint) : endpoint_(std::move(endpoint)), order_(endpoint_.sentinels) {}

absl::StatusOr<uint64_t> PrimaryFinder::ConnectToPrimary(absl::string_view client_name, absl::Time deadline,
                                                         RedisConnection* connection) {
  if (endpoint_.sentinels.empty()) {
    DUNLIN_RETURN_IF_ERROR(connection->Connect(endpoint_, client_name, deadline));
    return uint64_t{0};
  }
  DUNLIN_ASSIGN_OR_RETURN(const Answer answer, AskSentinels(client_name, deadline, connection));
  RedisEndpoint primary = endpoint_;
  primary.sentinels.clear();
  primary.host = answer.primary.host;
  primary.port = answer.primary.port;
  absl::Status status = connection->Connect(primary, client_name, deadline);
  if (status.ok()) {
    status = RequireMaster(deadline, connection);
  }
  if (status.ok()) {
    return NoteNamed(answer);
  }
  connection->Close();
  // It may be the one sentinel that has not heard of a failover: the next look begins with another.
  AskLast(answer.sentinel);
  // Not which sentinel: a message that changes with each attempt would be logged each time.
  return absl::Status(status.code(), absl::StrCat(status.message(), " (the sentinels call it the master of \"",
                                                  endpoint_.master_name, "\")"));
}

absl::Status PrimaryFinder::ConnectToSentinel(absl::string_view client_name, absl::Time deadline,
                                              RedisConnection* connection) {
  DUNLIN_ASSIGN_OR_RETURN(const Answer answer, AskSentinels(client_name, deadline, connection));
  NoteNamed(answer);
  MutexLock lock(&mutex_);
  watched_ = answer.sentinel;
  return absl::OkStatus();
}

absl::StatusOr<PrimaryFinder::Answer> PrimaryFinder::AskSentinels(absl::string_view client_name, absl::Time deadline,
                                                                  RedisConnection* connection) {
  const uint64_t as_of = moves_.load(std::memory_order_relaxed);
  std::vector<absl::Status> errors;
  for (const RedisAddress& sentinel : Order()) {
    const absl::Time sentinel_deadline = std::min(deadline, absl::Now() + kSentinelTimeout);
    absl::StatusOr<RedisAddress> primary = AskOne(sentinel, client_name, sentinel_deadline, connection);
    if (primary.ok()) {
      AskFirst(sentinel);
      return Answer{sentinel, *std::move(primary), as_of};
    }
    connection->Close();
    if (absl::IsCancelled(primary.status())) {
      return primary.status();
    }
    AskLast(sentinel);
    errors.push_back(std::move(primary).status());
  }
  return JoinErrors(errors);
}

absl::StatusOr<RedisAddress> PrimaryFinder::AskOne(const RedisAddress& sentinel, absl::string_view client_name,
                                                   absl::Time deadline, RedisConnection* connection) const {
  RedisEndpoint endpoint;
  endpoint.is_sentinel = true;
  endpoint.host = sentinel.host;
  endpoint.port = sentinel.port;
  DUNLIN_RETURN_IF_ERROR(connection->Connect(endpoint, client_name, deadline));
  if (!endpoint_.sentinel_password.empty()) {
    DUNLIN_ASSIGN_OR_RETURN(const RedisReply reply, connection->Call({"AUTH", endpoint_.sentinel_password}, deadline));
    if (reply.is_error()) {
      return absl::UnauthenticatedError(absl::StrCat(connection->description(), ": ", reply.text,
                                                     " (correct the password in --redis-sentinel-password-file)"));
    }
  }
  DUNLIN_ASSIGN_OR_RETURN(const RedisReply reply,
                          connection->Call({"SENTINEL", "get-master-addr-by-name", endpoint_.master_name}, deadline));
  if (reply.is_error() && IsPasswordError(reply.text)) {
    return absl::UnauthenticatedError(
        absl::StrCat(connection->description(), ": ", reply.text,
                     " (give the sentinels' password by --redis-sentinel-password-file)"));
  }
  if (reply.is_error()) {
    return absl::FailedPreconditionError(absl::StrCat(connection->description(), ": ", reply.text,
                                                      " (is that a sentinel? --redis has to name sentinels here)"));
  }
  if (reply.type == RedisReply::Type::kNil) {
    return absl::FailedPreconditionError(absl::StrCat(connection->description(), " knows no master \"",
                                                      endpoint_.master_name,
                                                      "\" (correct the name in --redis; SENTINEL MASTERS lists them)"));
  }
  uint32_t port = 0;
  if (reply.elements.size() != 2 || reply.elements[0].text.empty() ||
      !absl::SimpleAtoi(reply.elements[1].text, &port) || port == 0 || port > 65535) {
    return absl::DataLossError(absl::StrCat(connection->description(), ": its answer is no address"));
  }
  return RedisAddress{reply.elements[0].text, static_cast<uint16_t>(port)};
}

absl::Status PrimaryFinder::RequireMaster(absl::Time deadline, RedisConnection* connection) const {
  DUNLIN_ASSIGN_OR_RETURN(const RedisReply reply, connection->Call({"ROLE"}, deadline));
  if (reply.is_error()) {
    return RedisErrorToStatus(reply.text, connection->description());
  }
  if (reply.elements.empty()) {
    return absl::DataLossError(absl::StrCat(connection->description(), ": its answer to ROLE is no role"));
  }
  if (reply.elements[0].text != "master") {
    return absl::AbortedError(absl::StrCat(connection->description(), ": its role is ", reply.elements[0].text,
                                           ", not master; the primary is looked for again"));
  }
  return absl::OkStatus();
}

// ---- What is shared ----

std::vector<RedisAddress> PrimaryFinder::Order() const {
  MutexLock lock(&mutex_);
  return order_;
}

uint64_t PrimaryFinder::NoteNamed(const Answer& answer) {
  MutexLock lock(&mutex_);
  // A switch that was announced after the question is newer than the answer.
  if (moves_.load(std::memory_order_relaxed) != answer.as_of) {
    return answer.as_of;
  }
  return NoteNamedLocked(answer.primary);
}

uint64_t PrimaryFinder::NoteNamedLocked(const RedisAddress& primary) {
  uint64_t moves = moves_.load(std::memory_order_relaxed);
  if (primary != named_) {
    moves += named_.host.empty() ? 0 : 1;
    named_ = primary;
    moves_.store(moves, std::memory_order_relaxed);
  }
  return moves;
}

void PrimaryFinder::NoteSwitch(const RedisAddress& primary) {
  MutexLock lock(&mutex_);
  // The others may hear of it seconds later, and would send us back.
  AskFirstLocked(watched_);
  NoteNamedLocked(primary);
}

void PrimaryFinder::AskFirst(const RedisAddress& sentinel) {
  MutexLock lock(&mutex_);
  AskFirstLocked(sentinel);
}

void PrimaryFinder::AskFirstLocked(const RedisAddress& sentinel) {
  const auto found = std::find(order_.begin(), order_.end(), sentinel);
  if (found != order_.end()) {
    std::rotate(order_.begin(), found, found + 1);
  }
}

void PrimaryFinder::AskLast(const RedisAddress& sentinel) {
  MutexLock lock(&mutex_);
  const auto found = std::find(order_.begin(), order_.end(), sentinel);
  if (found != order_.end()) {
    std::rotate(found, found + 1, order_.end());
  }
}

}  // namespace dunlin
