#include "sync/redis_error.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace dunlin {
namespace {

struct KnownError {
  // What the text begins with, up to a word's end.
  absl::string_view prefix;
  absl::StatusCode code;
  absl::string_view advice;
};

constexpr absl::StatusCode kRetry = absl::StatusCode::kUnavailable;
constexpr absl::StatusCode kFindPrimary = absl::StatusCode::kAborted;
constexpr absl::StatusCode kLoadScript = absl::StatusCode::kNotFound;

// Looking again would lead to the same node.
constexpr absl::string_view kNoCluster =
    "another node of a Redis Cluster serves the namespace's slot, and Dunlin follows no cluster: point --redis at a "
    "Redis that is not part of one";

constexpr KnownError kKnownErrors[] = {
    {"LOADING", kRetry, "Redis is reading its data from disk; it is tried again"},
    {"BUSY", kRetry, "a long script keeps Redis from answering; it is tried again (SCRIPT KILL ends such a script)"},
    {"MASTERDOWN", kRetry, "the replica has lost its primary; it is tried again"},
    {"TRYAGAIN", kRetry, "Redis Cluster is moving the slot; it is tried again"},
    {"CLUSTERDOWN", kRetry,
     "the Redis Cluster that this node belongs to does not serve the namespace's slot; it is tried again (CLUSTER INFO "
     "and CLUSTER SHARDS tell why)"},
    {"NOREPLICAS", kRetry,
     "too few replicas follow the primary; it is tried again (bring them back, or lower min-replicas-to-write of "
     "Redis)"},
    {"ERR max number of clients", kRetry, "it is tried again; raise maxclients of Redis"},

    {"READONLY", kFindPrimary,
     "this Redis is a replica; the primary is looked for again: if it stays so, point --redis at the primary or at its "
     "sentinels"},

    {"NOSCRIPT", kLoadScript, "the script is loaded again"},

    {"NOAUTH", absl::StatusCode::kUnauthenticated,
     "give the password in the URL, as in redis://:password@host, or by --redis-password-file"},
    {"WRONGPASS", absl::StatusCode::kUnauthenticated,
     "correct user and password in the URL or in --redis-password-file"},
    {"ERR invalid password", absl::StatusCode::kUnauthenticated, "correct the password in the URL"},
    {"ERR AUTH", absl::StatusCode::kUnauthenticated, "remove the password from the URL or set one in Redis"},
    {"ERR Client sent AUTH, but no password is set", absl::StatusCode::kUnauthenticated,
     "remove the password from the URL or set one in Redis"},
    {"NOPERM", absl::StatusCode::kPermissionDenied,
     "grant the user the keys dunlin:*, the channels dunlin:* and the commands Dunlin uses, by ACL SETUSER"},
    {"DENIED", absl::StatusCode::kPermissionDenied,
     "Redis is in protected mode and serves its own machine only: set a password in Redis and give it in the URL, or "
     "by --redis-password-file"},

    {"OOM", absl::StatusCode::kResourceExhausted, "Redis has reached its maxmemory: raise it"},

    {"WRONGTYPE", absl::StatusCode::kFailedPrecondition,
     "something else uses Dunlin's names in this Redis: remove it, or choose another namespace or database"},
    {"MISCONF", absl::StatusCode::kFailedPrecondition,
     "Redis cannot write to its disk and refuses writes until it can: see its log, free its disk or correct its "
     "directory"},
    {"MOVED", absl::StatusCode::kFailedPrecondition, kNoCluster},
    {"ASK", absl::StatusCode::kFailedPrecondition, kNoCluster},
    {"DUNLINFORMAT", absl::StatusCode::kFailedPrecondition, "a newer Dunlin wrote this data: upgrade the replica"},
    {"ERR DB index", absl::StatusCode::kFailedPrecondition, "correct the number of the database in the URL"},
    {"ERR unknown command", absl::StatusCode::kFailedPrecondition,
     "Dunlin needs Redis 5 or later with scripts and pub/sub, and none of its commands renamed"},

    {"EXECABORT", absl::StatusCode::kInternal, "please report this"},
    {"DUNLINBATCH", absl::StatusCode::kInternal, "please report this"},
};

bool StartsWithWords(absl::string_view text, absl::string_view words) {
  return absl::StartsWith(text, words) && (text.size() == words.size() || text[words.size()] == ' ');
}

const KnownError* Find(absl::string_view error) {
  for (const KnownError& known : kKnownErrors) {
    if (StartsWithWords(error, known.prefix)) {
      return &known;
    }
  }
  return nullptr;
}

// Redis before 7 wraps the error of a command inside a script: "ERR Error running script (call to f_…):
// @user_script:12: -READONLY You can't write…".
const KnownError* FindInScriptError(absl::string_view error) {
  if (!absl::StartsWith(error, "ERR Error running script")) {
    return nullptr;
  }
  for (size_t colon = error.find(": "); colon != absl::string_view::npos; colon = error.find(": ", colon + 1)) {
    absl::string_view inner = error.substr(colon + 2);
    if (absl::StartsWith(inner, "-")) {
      inner.remove_prefix(1);
    }
    if (const KnownError* known = Find(inner); known != nullptr) {
      return known;
    }
  }
  return nullptr;
}

}  // namespace

absl::Status RedisErrorToStatus(absl::string_view error, absl::string_view where) {
  const KnownError* known = Find(error);
  if (known == nullptr) {
    known = FindInScriptError(error);
  }
  if (known == nullptr) {
    return absl::InternalError(
        absl::StrCat(where, ": ", error, " (an error that Dunlin does not know: see the documentation of Redis)"));
  }
  return absl::Status(known->code, absl::StrCat(where, ": ", error, " (", known->advice, ")"));
}

bool IsTurnedAway(absl::string_view error) {
  return StartsWithWords(error, "DENIED") || StartsWithWords(error, "ERR max number of clients");
}

std::string EvictionWarning(absl::string_view policy) {
  return absl::StrCat("the maxmemory-policy of Redis is ", policy,
                      ": when its memory is full it throws away the fleet's data, which the replicas then send again, "
                      "time after time (CONFIG SET maxmemory-policy noeviction)");
}

RedisRemedy RemedyOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kCancelled:
    // Bytes that make no sense may make sense on a new connection.
    case absl::StatusCode::kDataLoss:
      return RedisRemedy::kRetry;
    case kFindPrimary:
      return RedisRemedy::kFindPrimary;
    case kLoadScript:
      return RedisRemedy::kLoadScript;
    default:
      return RedisRemedy::kStopAndTell;
  }
}

}  // namespace dunlin
