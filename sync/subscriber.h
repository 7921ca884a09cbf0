#ifndef DUNLIN_SYNC_SUBSCRIBER_H_
#define DUNLIN_SYNC_SUBSCRIBER_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "storage/mutex.h"
#include "sync/event_ring.h"
#include "sync/primary_finder.h"
#include "sync/redis_url.h"

namespace dunlin {

class RedisConnection;
struct RedisReply;

// Subscriber moves the messages of one Redis channel into a ring: it does not look into them, and drops what finds no
// room there, so that Redis does not find it slow and cut it off.
//
// It keeps a subscription by itself: it connects, subscribes, and after any loss starts over, with growing waits. A
// primary that is no longer the one which the sentinels name counts as lost, within a heartbeat. Each acknowledged
// subscription gets the next generation. What was published between two generations is lost, and so is what came while
// the ring was full; the consumer learns of both (state(), TakeOverflow()) and reads from Redis what it missed.
//
// The consumer is told by `wake`, on the subscriber's thread, after each of: a change of state(), messages pushed (once
// for all that came together), the first message dropped. It may take messages out, and
// should be short: nothing more is read from Redis before it returns. It must not call Start() or Stop().
//
// Thread-safety: one thread, the owner's, calls Start() and Stop(); state(), TakeOverflow() and overflows() are safe
// for concurrent use.
class Subscriber {
 public:
  // Whose channel it is.
  enum class Source {
    kPrimary,   // The Redis that takes writes.
    kSentinel,  // Any of the endpoint's sentinels.
  };

  struct Options {
    RedisEndpoint endpoint;
    std::string channel;
    // Shown by CLIENT LIST.
    std::string client_name;
    // Shared with the other connections of the replica; null: one of its own, for `endpoint`.
    std::shared_ptr<PrimaryFinder> finder = nullptr;
    Source source = Source::kPrimary;
  };

  struct State {
    // Whether the subscription of `generation` is acknowledged and, as far as is known, alive.
    bool subscribed = false;
    // The number of acknowledged subscriptions so far.
    uint64_t generation = 0;
    // Why the subscription was lost or could not be had; OK while subscribed.
    absl::Status last_error;
    // Whether trying again is in vain until somebody changes the configuration. It is tried nevertheless.
    bool operator_must_act = false;
  };

  // `ring` must outlive the Subscriber, which is its only producer.
  Subscriber(Options options, EventRing<std::string>* ring, std::function<void()> wake);
  // Stops.
  ~Subscriber();
  Subscriber(const Subscriber&) = delete;
  Subscriber& operator=(const Subscriber&) = delete;

  // REQUIRES: neither Start() nor Stop() has been called.
  void Start();

  // Ends the thread, whatever it waits for. `wake` is not called afterwards. Stopping again does nothing.
  void Stop();

  // Memory ordering: a message of generation g is pushed only after state() shows g.
  State state() const ABSL_LOCKS_EXCLUDED(mutex_);

  // Whether messages were dropped since the last call because the ring was full.
  //
  // Memory ordering: when a message is dropped, every one pushed before it can be popped by whoever saw `true`.
  bool TakeOverflow();

  // The number of messages dropped so far because the ring was full.
  uint64_t overflows() const;

 private:
  void Run();
  // Connects and subscribes, then frames messages until the connection is lost. Returns why it could not be had or was
  // lost, and whether there was a subscription.
  absl::Status RunOnce(bool* subscribed);
  absl::Status Subscribe();
  absl::Status Connect(absl::Time deadline);
  absl::Status FrameMessages();
  // Pushes what has been read, without waiting for more, and wakes the consumer once for all of it.
  absl::Status DrainBuffered();
  absl::Status HandleReply(RedisReply reply, bool* pushed);
  void Push(std::string message, bool* pushed);

  void PublishSubscribed() ABSL_LOCKS_EXCLUDED(mutex_);
  void PublishLost(const absl::Status& error) ABSL_LOCKS_EXCLUDED(mutex_);
  // Returns whether to go on.
  bool SleepUnlessStopped(absl::Duration duration) ABSL_LOCKS_EXCLUDED(mutex_);

  const Options options_;
  EventRing<std::string>* const ring_;
  const std::function<void()> wake_;

  // Synchronised by itself.
  const std::shared_ptr<PrimaryFinder> finder_;
  // Safe for concurrent use in the one way that other threads use it: Interrupt().
  const std::unique_ptr<RedisConnection> connection_;
  // Used by the thread alone: what the finder returned with the connection.
  uint64_t connected_as_of_ = 0;
  std::thread thread_;

  // Set by the subscriber after a failed push (release), taken by the consumer (acquire): what was pushed before the
  // drop is visible to whoever takes the flag.
  std::atomic<bool> overflowed_{false};
  // A statistic: nothing is ordered by it, hence relaxed.
  std::atomic<uint64_t> overflows_{0};

  CondVar stop_requested_;

  mutable Mutex mutex_;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  State state_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace dunlin

#endif  // DUNLIN_SYNC_SUBSCRIBER_H_
