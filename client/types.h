#ifndef DUNLIN_CLIENT_TYPES_H_
#define DUNLIN_CLIENT_TYPES_H_

#include <cstdint>
#include <optional>
#include <string>
#include <tuple>
#include <variant>
#include <vector>

#include "absl/time/time.h"

// What a client of Dunlin asks for and is answered, as plain C++ values. They say what the messages of
// proto/dunlin/v1 say; that is where each field is explained in full.
//
// Strings called `value` and `token` hold bytes; strings called `key` and `prefix` hold UTF-8.
namespace dunlin::client {

// Identifies one write. For each key the highest version wins on every replica. A write may end with another version
// than its answer named (proto/dunlin/v1/kv.proto says when): take the one for a precondition from a read or an event.
struct Version {
  uint64_t time = 0;    // Hybrid logical clock: 48 bits of Unix milliseconds, 16 bits of counter.
  uint64_t origin = 0;  // The store that issued it.

  friend bool operator==(const Version& a, const Version& b) { return a.time == b.time && a.origin == b.origin; }
  friend bool operator!=(const Version& a, const Version& b) { return !(a == b); }
  friend bool operator<(const Version& a, const Version& b) {
    return std::tie(a.time, a.origin) < std::tie(b.time, b.origin);
  }
};

// A key with its current value.
struct Entry {
  std::string key;
  std::string value;
  Version version;
  uint64_t revision = 0;  // Position in the order in which the answering replica applied changes.
  std::optional<absl::Time> expire_time;
};

// How far the answering replica was behind Redis.
struct Lag {
  uint64_t sequences = 0;
  absl::Duration duration;
  bool connected = false;
};

// ---- Calls ----

// What every call can be given.
struct CallOptions {
  // How long the call may take; unset: the client's default.
  std::optional<absl::Duration> timeout;
};

// What every read can be given.
struct ReadOptions : CallOptions {
  // The longest that the replica may have been out of date: otherwise the call ends with kUnavailable, and another
  // replica may be better. Zero asks for one that is up to date as far as it knows. Unset: whatever it has.
  std::optional<absl::Duration> max_staleness;
  // A token of any replica of the fleet: the answer comes once the replica has what that token tells of, so that one
  // reads one's own writes and never goes back in time. Else the call ends with kUnavailable, in time.
  std::string at_least;
  // Whether the answer is to come with a token, as `at_least` of later reads.
  bool return_token = false;
};

// When a write is answered. It is durable on the replica that took it in either case.
enum class Ack { kLocal, kMirrored };

// What must hold for a write to take place.
struct Unconditional {};
struct IfAbsent {};
struct IfVersion {
  Version version;
};
using Precondition = std::variant<Unconditional, IfAbsent, IfVersion>;

struct PutOptions : CallOptions {
  std::optional<absl::Duration> ttl;  // Unset: the entry lives for ever.
  Precondition precondition;
  Ack ack = Ack::kLocal;
};

struct DeleteOptions : CallOptions {
  Precondition precondition;  // IfAbsent is refused by the replica.
  Ack ack = Ack::kLocal;
};

struct BatchWriteOptions : CallOptions {
  Ack ack = Ack::kLocal;
};

struct ListOptions : ReadOptions {
  std::string prefix;
  uint32_t page_size = 0;  // 0: the replica's default.
  std::string page_token;  // Empty: the first page.
  bool keys_only = false;
};

// One write of a batch.
struct BatchPut {
  std::string key;
  std::string value;
  std::optional<absl::Duration> ttl;
};
struct BatchDelete {
  std::string key;
};
using Write = std::variant<BatchPut, BatchDelete>;

// ---- Answers ----

struct GetResult {
  Entry entry;
  Lag lag;
  std::string token;  // Empty unless it was asked for.
};

struct WriteResult {
  Version version;
  uint64_t revision = 0;
  std::string token;  // The position after this write: ReadOptions::at_least, WatchOptions::resume_token.
};

struct DeleteResult : WriteResult {
  bool existed = false;
};

struct BatchGetResult {
  std::vector<Entry> entries;  // In the order asked for; absent keys are left out.
  Lag lag;
  std::string token;  // Empty unless it was asked for.
};

struct BatchWriteResult {
  std::vector<Version> versions;
  std::vector<uint64_t> revisions;
  std::string token;
};

struct ListPage {
  std::vector<Entry> entries;   // May be empty on any page.
  std::string next_page_token;  // Empty on the last page, and only there.
  Lag lag;
  std::vector<std::string> damaged_keys;  // Whether there are entries cannot be told: their records are damaged.
  std::string token;                      // Empty unless it was asked for.
};

// ---- Watch ----

struct WatchOptions : CallOptions {
  // What to watch: these keys, and all that start with one of these prefixes. None of both: everything.
  std::vector<std::string> keys;
  std::vector<std::string> prefixes;
  bool initial_state = false;  // Matching entries first, then kSynced. Ignored when `resume_token` is given.
  std::string resume_token;    // Empty: start with what changes now.
  bool no_puts = false;        // Leave kPut out; not together with `initial_state` or `no_deletes`.
  bool no_deletes = false;     // Leave kDelete and kExpire out.
  bool keys_only = false;      // Leave values out.
  // The longest time without a message, from 500 ms; infinite, or longer than the replica's own period (5 seconds
  // unless configured otherwise), it is the replica's.
  absl::Duration progress_interval = absl::InfiniteDuration();
  // Be told in each event what the change has replaced or removed.
  bool previous = false;
  // Be told kGap where changes are missing because later ones of their keys have replaced them.
  bool every_change = false;
  // Have the replica end the stream with kUnavailable when this reader is behind by more than this, from 1 second.
  absl::Duration max_lag = absl::InfiniteDuration();
  // A replica that has been silent for this long is taken for dead.
  absl::Duration silence_timeout = absl::Seconds(15);
};

// kUnknown, here and below, is what a newer replica may send: a client that meets it must not assume anything.
enum class EventType { kUnknown, kPut, kDelete, kExpire };

struct WatchEvent {
  EventType type = EventType::kUnknown;
  Entry entry;  // Without a value unless `type` is kPut.
  // With WatchOptions::previous: what this change replaced or removed, if anything; and whether that, or its value,
  // cannot be told, as of states and of changes that were not told as they happened.
  std::optional<Entry> previous = std::nullopt;
  bool previous_unknown = false;
};

enum class WatchMarker {
  kNone,
  kUnknown,
  kReset,      // Forget what you hold: the full state follows, up to kSynced. Comes before this message's events.
  kSynced,     // You now have everything up to this message's token.
  kHeartbeat,  // Nothing happened; the stream is alive.
  kGap,        // With `every_change`: changes are missing here. Comes before this message's events.
};

struct WatchMessage {
  std::vector<WatchEvent> events;  // In revision order.
  WatchMarker marker = WatchMarker::kNone;
  std::string token;  // Resume after this message with it. Empty while the initial state is being sent.
  Lag lag;
  std::vector<std::string> damaged_keys;  // Whose entry or change cannot be told: their records are damaged.
};

// ---- Watchers ----

// What a watch stream says at present: the initial or full state, changes read from the store, changes as they happen.
enum class WatcherState { kUnknown, kSnapshot, kReplay, kLive, kWaiting };

struct WatcherStatus {
  uint64_t id = 0;
  std::string peer;
  // The first of what it watches, of `selectors_count` keys and prefixes; neither: everything.
  std::vector<std::string> keys;
  std::vector<std::string> prefixes;
  uint64_t selectors_count = 0;
  WatcherState state = WatcherState::kUnknown;
  uint64_t revision = 0;  // Everything that matches, up to here, has been said.
  uint64_t queued_events = 0;
  uint64_t queued_bytes = 0;
  absl::Duration lag;  // For how long its reader has been behind.
  absl::Duration age;
};

struct ListWatchersOptions : CallOptions {
  uint32_t page_size = 100;  // Up to 1,000.
  std::string page_token;    // `next_page_token` of the previous page; empty for the first.
};

struct WatchersPage {
  std::vector<WatcherStatus> watchers;  // Those first that were opened first.
  std::string next_page_token;          // Empty on the last page, and only there.
};

// ---- Status ----

enum class SyncState { kUnknown, kStandalone, kOffline, kSubscribing, kCatchingUp, kLive };

// The ring between the Redis subscription and the follower.
struct RingStatus {
  uint64_t capacity = 0;
  uint64_t used = 0;
  uint64_t overflows = 0;
};

struct ReplicaStatus {
  std::string replica_id;
  uint64_t store_id = 0;
  std::string namespace_name;
  SyncState sync_state = SyncState::kUnknown;
  std::string sync_detail;
  std::string epoch;
  uint64_t applied_sequence = 0;
  uint64_t redis_sequence = 0;
  Lag lag;
  uint64_t outbox_depth = 0;
  absl::Duration outbox_age;
  uint64_t revision = 0;
  uint64_t entries = 0;
  uint64_t tombstones = 0;
  uint64_t database_bytes = 0;
  RingStatus ring;
  uint64_t gaps_repaired = 0;
  uint64_t writes_superseded = 0;
  uint64_t watchers = 0;
  std::string digest;  // 16 bytes.
  std::string version;
  std::string build;
  bool serving = false;
  std::string serving_detail;
  uint64_t barrier_generation = 0;
  absl::Duration uptime;
  std::string store_detail;  // What is wrong with the replica's store; empty: nothing.
  uint64_t damaged_records = 0;
  bool duplicate_identity = false;
  uint64_t version_conflicts = 0;
  uint64_t rebuilds = 0;
  uint64_t tombstones_collected = 0;
  uint64_t outbox_bytes = 0;
};

// ---- Verification ----

enum class Comparison { kUnknown, kNotMade, kEqual, kDifferent };

// A key whose rows cannot be read, or contradict one another.
struct DamagedKey {
  std::string key;
  std::string reason;
};

struct VerifyResult {
  uint64_t entries_checked = 0;
  uint64_t tombstones_checked = 0;
  uint64_t changes_checked = 0;
  uint64_t expiries_checked = 0;
  uint64_t leftover_expiries = 0;
  uint64_t damaged_count = 0;
  std::vector<DamagedKey> damaged;  // The first 100.
  Comparison counts = Comparison::kUnknown;
  Comparison digest = Comparison::kUnknown;
  std::string not_compared_reason;
  uint64_t first_revision = 0;
  uint64_t last_revision = 0;
  absl::Duration duration;
  bool repair_started = false;  // The replica reads again from its fleet what is damaged.
};

}  // namespace dunlin::client

#endif  // DUNLIN_CLIENT_TYPES_H_
