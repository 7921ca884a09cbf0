#ifndef DUNLIN_SERVER_LIMITS_H_
#define DUNLIN_SERVER_LIMITS_H_

#include <cstddef>
#include <cstdint>

#include "absl/time/time.h"
#include "storage/limits.h"

// The limits of the gRPC front, each with its reason. Those of the data are in storage/limits.h.
namespace dunlin {

// ---- Memory of the process ----

// Blocks from which on each is had from the system by itself and goes back there when it is freed: what that costs,
// some hundred microseconds, is little beside filling it. And how much that is free may be kept at the end of each
// arena of the allocator, for the next call.
inline constexpr int kSeparateBlockMinBytes = 1 << 20;
inline constexpr int kArenaSpareMaxBytes = 1 << 20;
// When memory that is free elsewhere goes back. That takes some 80 ms for a gigabyte, in which calls may wait; a look
// at how much there is takes less than one.
inline constexpr absl::Duration kTrimPeriod = absl::Seconds(5);
inline constexpr size_t kUntrimmedMaxBytes = size_t{8} << 20;

// ---- Calls ----

// Calls of a method that are awaited beforehand, for each queue: as many may come at once without one of them waiting
// for the next to be asked for. Each takes some 2 KB.
inline constexpr size_t kCallsAwaited = 8;
// The same of those that come by the thousand.
inline constexpr size_t kHotCallsAwaited = 128;
// Queues that streams are spread over (StreamQueues). In Debian's gRPC the end of each operation at a queue looks
// through all that are under way there, and each open stream has one: at 10,000 streams and a single queue, that is 3
// us an event. A thread for each queue sleeps nearly always.
inline constexpr size_t kStreamQueues = 8;
// A request object that has held more is not kept for the next one. Some hundred keys fit, which take longer to make
// room for than to read.
inline constexpr size_t kRequestKeptMaxBytes = size_t{64} << 10;
// From so many unanswered calls of a method on, answers that come from other threads are handed over together: see
// UnaryCall::Answer().
inline constexpr size_t kAnswersTogetherMin = 8;

// Threads that wait for calls, by the number of processors: half of them, since committing, mirroring and watching have
// threads of their own; one is what costs least where it is enough.
inline constexpr size_t RpcThreadsFor(size_t processors) { return processors < 4 ? 1 : processors / 2; }
// More than any machine that one would give to a single replica has processors; each thread awaits a few hundred calls
// of 2 KB beforehand.
inline constexpr size_t kRpcThreadsMax = 256;

// ---- Answers ----

// A status message travels percent-encoded, which can triple it, and gRPC clients refuse more than 8 KiB of metadata.
inline constexpr size_t kStatusMessageMaxBytes = size_t{2} << 10;

// What a gRPC client accepts as one message unless it is told otherwise.
inline constexpr size_t kClientMessageMaxBytes = size_t{4} << 20;
// What an entry takes in a message beside its key, value and text: version, revision, expiry, framing.
inline constexpr size_t kEntryOverheadMaxBytes = 128;
// What a message has beside its entries: lag, marker, token, a page token.
inline constexpr size_t kMessageOverheadMaxBytes = size_t{1} << 10;
// A larger value is given as bytes alone, whether or not its text was asked for: both would not fit a message.
inline constexpr size_t kTextSizeMaxBytes = size_t{1} << 20;

// ---- Watch ----

// How far behind other threads those that serve streams stand where processors are short, as nice(1) has it: at 5 one
// still gets a third of what another thread gets.
inline constexpr int kWatchThreadNiceness = 5;
// Streams that whoever has committed a change lets say it himself. More are worth a change of threads.
inline constexpr size_t kStreamsCarriedMax = 4;
// The shortest time after which a stream may want a sign of life. Each costs a message of some ten microseconds: if all
// streams that a replica serves by default want it, these are 20,000 a second, or a fifth of a core.
inline constexpr absl::Duration kWatchProgressIntervalMin = absl::Milliseconds(500);
// Events whose encoding is kept for the streams that have not said them yet: as much as a stream may leave unread, so
// that those who keep up hardly ever encode one twice, and no more, since it stays when nobody needs it any longer. The
// last one is kept whatever its size.
inline constexpr size_t kSharedEventsMax = kStreamQueueEventsMax;
inline constexpr size_t kSharedEventsMaxBytes = kStreamQueueMaxBytes;
// Selectors of one stream: each is a range of keys to read for the initial state, and a place in the index of watchers.
inline constexpr size_t kWatchSelectorsMax = 256;
// How little a reader may be allowed to lag. A pause of a second is common, in the network or in a garbage collector.
inline constexpr absl::Duration kWatchLagMin = absl::Seconds(1);
// Watch streams that a status lists at once, and what it names of what each watches: with 256 long selectors each, no
// more than a few streams would fit a message.
inline constexpr size_t kWatchersPageMax = 1000;
inline constexpr size_t kWatcherSelectorsListedMax = 16;
// How often it is looked whether a reader lags by more than it may, in each such time.
inline constexpr int kWatchLagLooks = 4;

// ---- Connections ----

// Descriptors that are kept from clients' connections: of Redis (a connection and an event each for three threads, and
// a fourth that listens to a sentinel), of the database and its directory, of the log, the listening sockets, signals
// and gRPC's own pollers some forty are in use, and configuration, passwords and host names are read through others.
inline constexpr size_t kReservedDescriptors = 128;
// Each connection costs some 30 KB; whoever needs more than this needs more replicas.
inline constexpr size_t kConnectionsMaxHard = 1000000;
// How often it is looked which connections have ended, while there is no room for others: the look costs a system call
// for each.
inline constexpr absl::Duration kConnectionCheckPeriod = absl::Milliseconds(100);
// Calls under way on one connection. A client beyond it queues its calls without being told, so it is generous; a
// connection's share of memory is bounded by it.
inline constexpr uint32_t kConnectionStreamsMaxDefault = 1024;
// Room for an access token and tracing headers; gRPC's own default of 8 KiB is tight for both together.
inline constexpr size_t kMetadataSizeMaxBytesDefault = size_t{16} << 10;
// Connections waiting to be accepted: a whole fleet of clients that reconnects at once.
inline constexpr int kListenBacklog = 1024;
// How long accepting pauses when the process has run out of file descriptors or memory.
inline constexpr absl::Duration kAcceptPause = absl::Milliseconds(100);

// An idle connection is asked for a sign of life after this long, so that the stream of a watcher whose machine
// vanished is found and freed. Most NAT gateways forget a connection after no less than a minute.
inline constexpr absl::Duration kKeepalivePeriod = absl::Seconds(30);
// A peer that has not answered within this is gone.
inline constexpr absl::Duration kKeepaliveTimeout = absl::Seconds(10);
// The documented promise is that clients may ping every 10 s. Half of it is what is enforced: a ping that the network
// delayed makes the next one seem early, and gRPC cuts a client off after a few early ones.
inline constexpr absl::Duration kClientPingPeriodMin = absl::Seconds(5);

// How long a shutdown goes on refusing calls in words before it closes the connections. What arrives on one that is
// being closed is answered CANCELLED by gRPC, which tells the caller not to try again; whoever calls all the time has
// heard UNAVAILABLE by then.
inline constexpr absl::Duration kShutdownNotice = absl::Milliseconds(200);
// How long a shutdown waits, once streams have ended and the outbox is flushed, for the calls under way. They need no
// more than their own work by then; what lasts longer is a load balancer's watch of our health, or an idle C++ client,
// which hears that the server leaves only when it next looks, every 5 s.
inline constexpr absl::Duration kShutdownGrace = absl::Seconds(1);

// ---- Helper services ----

// Reflection and channelz come as synchronous services that hold a thread for each open call. This bounds those
// threads; calls beyond it are answered RESOURCE_EXHAUSTED. Our own services use none of them.
inline constexpr int kHelperThreadsMax = 16;

// ---- Relations ----

static_assert(3 * kStatusMessageMaxBytes < size_t{8} << 10, "an encoded message must fit a client's metadata limit");
static_assert(kMetadataSizeMaxBytesDefault >= size_t{8} << 10, "gRPC's own default must remain usable");
static_assert(kKeepaliveTimeout < kKeepalivePeriod);
static_assert(kShutdownNotice < kShutdownGrace);
static_assert(kShutdownGrace < kDrainTimeout);
static_assert(kTextSizeMaxBytes >= kValueSizeMaxBytesDefault, "unless configured, every value can be given as text");
static_assert(kKeySizeMaxBytes + 2 * kTextSizeMaxBytes + kEntryOverheadMaxBytes + kMessageOverheadMaxBytes <=
                  kClientMessageMaxBytes,
              "a value and its text must fit a message");
static_assert(kReplySizeMaxBytes + kKeySizeMaxBytes + kListPageEntriesMax * kEntryOverheadMaxBytes +
                      kMessageOverheadMaxBytes <=
                  kClientMessageMaxBytes,
              "a full page, or the largest value, must fit a message");
static_assert(kBatchEntriesMax <= kListPageEntriesMax, "an answer to BatchGet has no more entries than a page");
static_assert(kWatchMessageMaxBytes + kWatchMessageEventsMax * kEntryOverheadMaxBytes <= kReplySizeMaxBytes);

}  // namespace dunlin

#endif  // DUNLIN_SERVER_LIMITS_H_
