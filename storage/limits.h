#ifndef DUNLIN_STORAGE_LIMITS_H_
#define DUNLIN_STORAGE_LIMITS_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "absl/time/time.h"

// Every limit of Dunlin, with its reason. A limit that a flag can move is named ...Default; its hard bound stands
// beside it. The relations that other code relies on are checked at the end.
namespace dunlin {

// ---- Keys and values ----

// LMDB was built with 511-byte keys; the expiry table puts 8 bytes of time in front of a key, and some room is kept for
// tables to come.
inline constexpr size_t kKeySizeMaxBytes = 480;

// Larger values make every queue, message and page coarse. Teams that need them store a reference.
inline constexpr size_t kValueSizeMaxBytesDefault = size_t{1} << 20;
// A gRPC client accepts messages of up to 4 MiB unless told otherwise; the rest of a message needs room too.
inline constexpr size_t kValueSizeMaxBytesHard = size_t{3} << 20;

// The shortest time to live: the resolution of the clock.
inline constexpr absl::Duration kTtlMin = absl::Milliseconds(1);
// The longest: ten years. Whoever asks for more has mistaken the unit.
inline constexpr absl::Duration kTtlMax = absl::Hours(24 * 3650);

// ---- Requests ----

// A batch is one LMDB transaction, one Redis script call and one message: it must stay short enough to stall nobody.
inline constexpr size_t kBatchEntriesMax = 1000;
inline constexpr size_t kBatchSizeMaxBytes = size_t{3} << 20;

// Rows that one read transaction looks at, and what they may weigh: it must be short, because it keeps old pages of the
// database from being reused and others wait for its thread. What is deleted counts like what is there, so that a page
// may have few entries, or none, and yet not be the last.
inline constexpr size_t kReadRowsMax = 4096;
inline constexpr size_t kReadMaxBytes = size_t{16} << 20;

inline constexpr size_t kListPageEntriesMax = 1000;
inline constexpr size_t kListPageEntriesDefault = 100;
// Read transactions that a call of List makes before it answers with an empty page: over 30,000 deleted keys, which
// takes some ten milliseconds. Rarely is anything asked for in vain, and no call holds up others for long.
inline constexpr size_t kListReadsMax = 8;
// As for values: a reply must fit a gRPC client's default.
inline constexpr size_t kReplySizeMaxBytes = size_t{3} << 20;

// The largest request gRPC may hand us. No request that is taken is larger than a full batch and its framing, which is
// about half of it: what is too large is mostly refused by us, with the limit and the remedy. gRPC's own refusal of
// what is larger still knows neither.
inline constexpr size_t kRequestSizeMaxBytes = size_t{8} << 20;

// ---- Committer ----

// Writes waiting for the disk. At the 3,000 synced transactions a second of a slow disk this is some seconds' worth;
// more would only turn overload into latency.
inline constexpr size_t kCommitQueueWritesMax = 16384;
inline constexpr size_t kCommitQueueMaxBytes = size_t{64} << 20;
// The most that one transaction takes from the queue: above some hundred writes a group gains little and the first
// writer waits for the last.
inline constexpr size_t kCommitGroupWritesMax = 2048;
inline constexpr size_t kCommitGroupMaxBytes = size_t{16} << 20;
// What whoever brings it may commit himself, in memory: some tens of records. More takes longer than a change of
// threads, and he has something to do meanwhile: a cold start reads the next page while the last one is stored.
inline constexpr size_t kCommitHereMaxBytes = size_t{8} << 10;
// A commit that takes longer is told in the log. A sound disk needs milliseconds; etcd warns of the same after as long.
inline constexpr absl::Duration kSlowCommit = absl::Seconds(1);
// Positions (applied sequence, mirror cursor) that change without data are written at most this often: repeating work
// after a crash is harmless, a sync for every step is not.
inline constexpr absl::Duration kPositionFlushPeriod = absl::Seconds(1);

// ---- Write buffer ----

// What is committed is in memory and in the journal until the database takes it over, in bulk: at the latest when there
// is so much of it, and not later than after the period. More would make the database's work a little cheaper, and a
// restart after a crash, which begins with that work, longer.
inline constexpr size_t kWriteBufferBytesDefault = size_t{4} << 20;
inline constexpr absl::Duration kCheckpointPeriod = absl::Milliseconds(100);
// How often a database that is full is tried again while nobody asks for room.
inline constexpr absl::Duration kCheckpointRetryDelay = absl::Seconds(1);

// For how long after a write others may follow it into Redis before they are synced here (VersionReserve). After a
// power failure versions are ahead of the clock by that much at most: much less than clocks may differ by, and than a
// machine takes to start.
inline constexpr absl::Duration kVersionsReserved = absl::Seconds(1);

// Revisions that are passed over when a machine has ended without warning: more than commits that are told before they
// are synced can have. Those are in one segment of the journal, which grows to 32 MiB at most, and each takes over 64
// bytes there.
inline constexpr uint64_t kRevisionsPassedOver = uint64_t{1} << 20;
// Such occasions that a store remembers one by one. Whoever resumes from before the last so many reads everything anew.
inline constexpr size_t kLostRangesMax = 64;

// ---- Database ----

// Address space, not disk: the file grows as it is used.
inline constexpr size_t kDatabaseMapSizeBytesDefault = size_t{64} << 30;
// Writes beyond it are refused while deletes still pass, so that the operator meets a clear error before a full disk.
inline constexpr size_t kDatabaseQuotaBytesDefault = size_t{8} << 30;
// Concurrent read transactions; each takes a slot of a table fixed when the database is opened.
inline constexpr uint32_t kDatabaseReadersMax = 1024;

// Damaged records that are remembered one by one, each with its key. Whoever has more has a disk to replace, not keys
// to repair.
inline constexpr size_t kDamagedRecordsMax = 1000;

// Expired entries handled in one transaction, so that a mass expiry does not stall writers.
inline constexpr size_t kSweepEntriesMax = 1000;
inline constexpr absl::Duration kSweepPeriod = absl::Milliseconds(100);
// Stale change entries are removed when there are more of them than live ones, but never below this many: a small table
// costs nothing.
inline constexpr size_t kStaleChangesMin = 10000;
// Change entries looked at in one transaction of that sweep.
inline constexpr size_t kChangeSweepEntriesMax = 5000;

// How long a deleted or expired key is remembered. A replica that has been away from its fleet for longer cannot tell
// what was deleted meanwhile from what is new, and rebuilds instead of merging.
inline constexpr absl::Duration kTombstoneHorizonDefault = absl::Hours(24 * 7);
// Below it, a restart would already be a long absence.
inline constexpr absl::Duration kTombstoneHorizonMin = absl::Seconds(1);
inline constexpr absl::Duration kTombstoneHorizonMax = absl::Hours(24 * 3650);
// Tombstones are collected in rounds this many times within a horizon, so that none lives longer by more than that.
inline constexpr int kCollectionRoundsPerHorizon = 64;
inline absl::Duration CollectionPeriodOf(absl::Duration horizon) { return horizon / kCollectionRoundsPerHorizon; }

// Moments that a replica remembers to tell how old its outbox is: it is told to a tenth of a second at first, and to
// some minutes when nothing has been sent for a week.
inline constexpr size_t kWriteTimesMax = 4096;

// How many epochs a replica remembers to have left, to notice that a backup of Redis has brought one back. Each is the
// loss of data by Redis, so that these many within the life of a backup are a disaster of another kind.
inline constexpr size_t kLeftEpochsMax = 64;

// What a replica has read from Redis and not stored yet is read anew when it is older than this. What has replaced it
// since is remembered for a horizon; a quarter leaves room for slow heartbeats and clocks.
inline absl::Duration UnstoredAgeMaxOf(absl::Duration horizon) { return horizon / 4; }
// How long the upkeep of Redis waits after a round that was refused, or came to nothing for the first time.
inline constexpr absl::Duration kUpkeepRetryDelay = absl::Minutes(1);

// ---- Tokens of other replicas ----

// How soon Redis is asked again whether it has what somebody waits for here: at first as soon as a write gets there,
// and at last so rarely that whoever waits in vain costs nothing.
inline constexpr absl::Duration kDeliveryRetryDelayMin = absl::Milliseconds(1);
inline constexpr absl::Duration kDeliveryRetryDelayMax = absl::Milliseconds(50);
// How many times as long as the last question took the pause before the next one is at least.
inline constexpr int kDeliveryPauseFactor = 4;
// Stores that one question asks for: more than replicas that a fleet has. Who is left out is asked for later.
inline constexpr size_t kAwaitedStoresMax = 64;
// Callers and streams that wait: all the streams that a replica serves unless it is told otherwise, and several times
// as many reads. Each takes some 200 bytes, so that they come to 13 MB.
inline constexpr size_t kArrivalWaitersMax = 65536;
// The longest that they wait, unless their own deadline is earlier: Redis or a replica has failed then, and a stream
// is better served by the full state.
inline constexpr absl::Duration kArrivalWaitMax = absl::Seconds(10);
// How often a stream that waits says so.
inline constexpr absl::Duration kArrivalHeartbeatPeriod = absl::Seconds(1);
// Checkpoints that a replica remembers, one for each heartbeat at first: the last minutes to the second, and days with
// a few hundred. Each has 24 bytes.
inline constexpr size_t kCheckpointsMax = 1024;
// Change entries looked at, and rows removed, in one transaction of a round.
inline constexpr size_t kCollectedEntriesMax = 1000;

// A page of a verification, which is read in one read transaction, and the findings that it remembers.
inline constexpr size_t kScrubPageRowsMax = 1000;
inline constexpr size_t kScrubPageMaxBytes = size_t{4} << 20;
inline constexpr size_t kScrubFindingsMax = 100;
// How often the reading of all pages asks whether it is still wanted, so that a replica can end meanwhile; and the room
// for what it has found, LMDB's longest messages being shorter.
inline constexpr absl::Duration kPageCheckInterruptPeriod = absl::Milliseconds(100);
inline constexpr size_t kPageCheckReasonMaxBytes = 256;

// ---- Watch ----

// What a stream may leave unread in memory before it is set aside to read the changes table instead.
inline constexpr size_t kStreamQueueEventsMax = 1024;
inline constexpr size_t kStreamQueueMaxBytes = size_t{4} << 20;
// What is kept of late changes for all streams together that have been set aside: one of each key, some thousands of
// small ones. A stream that is further behind reads the changes table, so that more would be memory for nothing but
// overload. And how many of them one reader looks at before others have their turn: some hundred microseconds.
inline constexpr size_t kRecentChangesMax = 8192;
inline constexpr size_t kRecentChangesMaxBytes = size_t{2} << 20;
inline constexpr size_t kRecentChangesRead = 2048;
// One message of a stream: large enough to amortise gRPC's cost, small enough to be cut off quickly.
inline constexpr size_t kWatchMessageEventsMax = 256;
inline constexpr size_t kWatchMessageMaxBytes = size_t{1} << 20;
inline constexpr absl::Duration kWatchHeartbeatPeriod = absl::Seconds(5);
// Each stream costs some 20 KB; this is about 200 MB.
inline constexpr size_t kWatchStreamsMaxDefault = 10000;

// ---- Redis ----

// Events between the subscription and the follower. At 10,000 events a second, some seconds of a stalled disk.
inline constexpr size_t kRingSlotsDefault = 65536;
inline constexpr size_t kRingMaxBytes = size_t{64} << 20;
// What of that the subscriber has applied on its own thread. More than a few events are worth a change of threads, so
// that it goes on to read meanwhile.
inline constexpr size_t kEventsAppliedAtOnceMax = 4;
inline constexpr size_t kEventsAppliedAtOnceMaxBytes = size_t{64} << 10;

// How soon the mirror looks for its own writes again after others' have come, of which it sends none: at each of them,
// it would be one more thread that is woken for every event.
inline constexpr absl::Duration kMirrorRest = absl::Milliseconds(20);

// One call of the mirror script: Redis serves nobody else while it runs. 16 to 64 entries already reach its best rate.
inline constexpr size_t kMirrorBatchEntriesMax = 512;
inline constexpr size_t kMirrorBatchMaxBytes = size_t{1} << 20;
// What may wait in the outbox without ever having been in Redis. It is on disk anyway; the limit keeps a replica that
// is cut off for long from taking more than Redis has memory for when it comes back.
inline constexpr uint64_t kOutboxQuotaBytesDefault = uint64_t{1} << 30;
// Below it, one batch would fill it.
inline constexpr uint64_t kOutboxQuotaMinBytes = uint64_t{4} << 20;

// Script calls under way at once: enough to cover a round trip.
inline constexpr size_t kMirrorPipelineMax = 4;

// Writes that wait until Redis judges their precondition. They are put to it one by one, in two round trips each: about
// as many as a Redis a millisecond away judges in the longest time that their callers wait. More would only be late.
inline constexpr size_t kConditionalQueueWritesMax = 4096;
inline constexpr size_t kConditionalQueueMaxBytes = size_t{64} << 20;

// Values above this travel by reference, so that a burst of them cannot overrun the 32 MiB after which Redis cuts off a
// subscriber.
inline constexpr size_t kInlineValueMaxBytes = size_t{64} << 10;

// How long a run of a store holds its lease in Redis. It is renewed when a third of it has passed: a run that has ended
// is forgotten after some heartbeats, one that goes on under the same id is noticed as soon.
inline constexpr absl::Duration kLeaseDuration = absl::Seconds(10);

// A page that compares versions: some 50 bytes an entry travel, but Redis reads the values too.
inline constexpr size_t kOrdersPageEntriesMax = 4000;
inline constexpr size_t kOrdersPageMaxBytes = size_t{16} << 20;
// Replicas that notice the same loss wait for up to this long before they begin to compare, each for another time: who
// comes later finds most of it done.
inline constexpr absl::Duration kReconcileJitterMax = absl::Milliseconds(500);
// Who has caught up with another replica's refill would go on beside it, page by page, and send everything a second
// time. So a replica that has sent what was there already leaves the other the way for at least this long, and for up
// to twice as long: many pages of the other's, at the price of one of its own.
inline constexpr absl::Duration kRefillYieldMin = absl::Milliseconds(500);

// A page of the changes script, and what it may weigh: Redis serves nobody else while it is read.
inline constexpr size_t kChangesPageEntriesMax = 1000;
inline constexpr size_t kChangesPageMaxBytes = size_t{4} << 20;
// A page of the search for records that the index lacks. What is found is published as one event: well below what
// Redis lets a subscriber leave unread.
inline constexpr size_t kReindexedRecordsMax = 1000;
inline constexpr size_t kReindexedMaxBytes = size_t{1} << 20;
// The search begins when replicas have had some time to tell what they hold, and makes a pause after each page, so that
// ten megabytes a second at most are published.
inline constexpr absl::Duration kReindexDelay = absl::Seconds(5);
inline constexpr absl::Duration kReindexPause = absl::Milliseconds(100);
// A round that has found nothing is not made again for long: what it looked for is damaged.
inline constexpr absl::Duration kReindexRetryDelayMax = absl::Hours(24);
// Up to here a catch-up is applied in one transaction (guarantee G11).
inline constexpr size_t kCatchUpAtomicEntriesMax = 10000;
// The same by weight: beyond it, memory matters more than one view.
inline constexpr size_t kCatchUpAtomicMaxBytes = size_t{256} << 20;

// How far ahead of Redis' clock a version may be before Redis refuses it.
inline constexpr absl::Duration kClockDriftMax = absl::Seconds(5);
// A step over a version further ahead than that goes to one of so many times, four apart, which the revision of the
// write chooses: no further than half a millisecond of version time, and never to the same one within so many
// revisions.
inline constexpr uint64_t kVersionStepsMax = uint64_t{1} << 13;
// How old a write that Redis has never had may be when it gets there, before the store knows what has been deleted
// meanwhile; and how long ago a store may have known it, for what Redis has had. A deletion is remembered for a horizon
// by Redis' clock, and versions are of clocks that may be apart by kClockDriftMax; where the horizon is itself a matter
// of seconds, of better ones.
inline absl::Duration SentAgeMaxOf(absl::Duration horizon) {
  return horizon - std::min<absl::Duration>(kClockDriftMax, horizon / 4);
}
inline constexpr absl::Duration kRedisHeartbeatPeriod = absl::Seconds(1);
// How often a replica asks Redis whether it throws keys away when its memory is full: nothing depends on the answer but
// a warning.
inline constexpr absl::Duration kEvictionPolicyPeriod = absl::Seconds(10);
// How long a store that belongs to no fleet yet leaves it to others to put the fleet's id into an empty Redis. Whoever
// is connected does so within a heartbeat; if a newcomer was first, they would take the Redis for somebody else's.
inline constexpr absl::Duration kFleetFoundingDelay = absl::Milliseconds(1500);
// A connection that has not answered for this long is taken for dead.
inline constexpr absl::Duration kRedisTimeout = absl::Seconds(5);
// How long one sentinel may take to answer: several that are gone must leave time for one that is not, and for the
// Redis that it names.
inline constexpr absl::Duration kSentinelTimeout = absl::Seconds(1);
// Waits between attempts to connect, of a replica to Redis and of a client to its replicas: quick at first, and not a
// load on whatever comes back.
inline constexpr absl::Duration kReconnectDelayMin = absl::Milliseconds(50);
inline constexpr absl::Duration kReconnectDelayMax = absl::Seconds(1);

// The longest that a caller waits for Redis (ACK_MIRRORED, preconditions) if its own deadline is later: two time-outs
// of a connection. And how long before its deadline it is answered, so that it still hears what is known.
inline constexpr absl::Duration kRedisWaitMax = absl::Seconds(10);
inline constexpr absl::Duration kRedisWaitMargin = absl::Milliseconds(100);

// Sequences are scores of a sorted set, that is doubles: exact up to 2^53.
inline constexpr uint64_t kSequenceMax = uint64_t{1} << 53;

// ---- Life cycle ----

// How long SIGTERM waits for streams and writes to finish.
inline constexpr absl::Duration kDrainTimeout = absl::Seconds(8);
// How long a replica that holds data waits for Redis before it serves on its own.
inline constexpr absl::Duration kOfflinePatienceDefault = absl::Seconds(5);

// ---- Relations ----

static_assert(kKeySizeMaxBytes + 8 <= 511, "an expiry key is 8 bytes of time and a key and must fit an LMDB key");
static_assert(kValueSizeMaxBytesDefault <= kValueSizeMaxBytesHard);
static_assert(kValueSizeMaxBytesHard <= kBatchSizeMaxBytes, "a single value must fit a batch");
static_assert(2 * kBatchSizeMaxBytes < kRequestSizeMaxBytes,
              "twice a full batch must be read, to be refused precisely");
static_assert(kListPageEntriesMax <= kReadRowsMax, "a full page must fit a read");
static_assert(kReplySizeMaxBytes <= kReadMaxBytes);
static_assert(kBatchEntriesMax <= kCommitGroupWritesMax, "a batch must fit one commit group");
static_assert(kBatchSizeMaxBytes <= kCommitGroupMaxBytes);
static_assert(kCommitGroupMaxBytes <= kCommitQueueMaxBytes);
static_assert(kWatchMessageEventsMax <= kStreamQueueEventsMax);
static_assert(kWatchMessageMaxBytes <= kStreamQueueMaxBytes);
static_assert((kRingSlotsDefault & (kRingSlotsDefault - 1)) == 0, "the ring's capacity is a power of two");
static_assert(kValueSizeMaxBytesHard + kKeySizeMaxBytes < kRingMaxBytes);
static_assert(kValueSizeMaxBytesHard + kKeySizeMaxBytes < kConditionalQueueMaxBytes);
static_assert(kInlineValueMaxBytes * kMirrorBatchEntriesMax <= size_t{32} << 20,
              "one mirror batch of inline values must not reach Redis' subscriber limit");
static_assert(kCatchUpAtomicEntriesMax % kChangesPageEntriesMax == 0);
static_assert(kRedisHeartbeatPeriod < kRedisTimeout);
static_assert(kRedisTimeout < kLeaseDuration, "a lease outlasts a heartbeat that comes late");
static_assert(kRedisHeartbeatPeriod < kFleetFoundingDelay);
static_assert(kSentinelTimeout < kRedisTimeout, "some sentinels may be gone");
static_assert(kDrainTimeout < absl::Seconds(10), "SIGTERM promises an end within 10 seconds");

}  // namespace dunlin

#endif  // DUNLIN_STORAGE_LIMITS_H_
