#ifndef DUNLIN_TESTS_SIMULATION_SIM_REDIS_H_
#define DUNLIN_TESTS_SIMULATION_SIM_REDIS_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "storage/limits.h"
#include "tests/simulation/dice.h"
#include "tests/simulation/event_loop.h"
#include "tests/simulation/model_redis.h"

namespace dunlin {

// SimRedis is a Redis server and the network around it, in virtual time: connections that take a while to carry a call
// and its answer, in order, and that break; a channel that publishes to whoever is subscribed; a server that stops,
// forgets and refuses.
//
// Thread-safety: one thread.
class SimRedis {
 public:
  // How bad the network is.
  struct Weather {
    absl::Duration latency_min = absl::Microseconds(50);
    absl::Duration latency_max = absl::Milliseconds(2);
    // Of each event on its way to each subscriber. Redis itself does neither; whatever does is healed the same way.
    double event_lost = 0;
    double event_repeated = 0;
  };

  // A connection, seen from the client's end. It forgets whoever waits once it is dropped.
  class Connection {
   public:
    bool broken() const { return broken_; }

   private:
    friend class SimRedis;

    int replica_ = 0;
    bool broken_ = false;
    // A part of the stream has been lost: nothing after it is heard, until whoever waits gives the connection up.
    bool stalled_ = false;
    // The client's end has gone away.
    bool dropped_ = false;
    // Answers and events arrive in the order in which they left.
    absl::Time request_arrives_ = absl::InfinitePast();
    absl::Time answer_arrives_ = absl::InfinitePast();
    uint64_t calls_ = 0;
    // Calls under way: what to do if the connection breaks.
    std::map<uint64_t, std::function<void(const absl::Status& error)>> pending_;
    std::function<void(const std::string& event)> on_event_;
    std::function<void(const absl::Status& error)> on_lost_;
  };
  using ConnectionPtr = std::shared_ptr<Connection>;

  SimRedis(EventLoop* loop, Dice* dice);
  SimRedis(const SimRedis&) = delete;
  SimRedis& operator=(const SimRedis&) = delete;

  // ---- What replicas do ----

  void Connect(int replica, std::function<void(absl::StatusOr<ConnectionPtr> connection)> done);

  // Runs `script` on the server when the call arrives, and hands its result to `done` when the answer does. An error of
  // the connection leaves open whether the script ran.
  template <typename Reply>
  void Call(const ConnectionPtr& connection, std::function<absl::StatusOr<Reply>(ModelRedis& redis)> script,
            std::function<void(absl::StatusOr<Reply> reply)> done);

  // `on_event` is called for what is published from the moment at which the server subscribes the connection, but never
  // before `acknowledged`.
  void Subscribe(const ConnectionPtr& connection, std::function<void()> acknowledged,
                 std::function<void(const std::string& event)> on_event,
                 std::function<void(const absl::Status& error)> on_lost);

  // The client's end goes away: whoever waits is not called any more.
  void Drop(const ConnectionPtr& connection);

  // ---- What befalls them ----

  Weather weather;

  enum class Partition {
    kNone,
    // What the replica sends arrives and is carried out; nothing comes back.
    kAnswersLost,
    // Nothing passes.
    kBothWays,
  };
  // Nobody is told of it.
  void SetPartition(int replica, Partition partition) { partitions_[replica] = partition; }
  // Breaks each connection with this probability.
  void BreakConnections(double probability);

  // The server dies: connections break, calls are refused until it is started again.
  void Stop();
  // It comes back with `contents`, as another primary if `new_primary`.
  void Start(ModelRedis::Contents contents, bool new_primary);
  bool running() const { return running_; }
  // What to add to virtual time to get the server's clock.
  void SetClockError(absl::Duration error) { clock_error_ = error; }
  absl::Time Now() const { return loop_->Now() + clock_error_; }
  // While set, the server answers every call with it and does nothing.
  void Refuse(const absl::Status& error) { refusal_ = error; }

  ModelRedis& model() { return model_; }
  const ModelRedis& model() const { return model_; }

  // Called with each event when its script publishes it.
  std::function<void(const std::string& event)> on_publish;

 private:
  absl::Duration Latency() { return dice_->Between(weather.latency_min, weather.latency_max); }
  Partition PartitionOf(const Connection& connection) const;
  // Whether what one end sends arrives at the other.
  bool RequestsPass(const Connection& connection) const;
  bool AnswersPass(const Connection& connection) const;
  absl::Time RequestArrival(Connection* connection);
  absl::Time AnswerArrival(Connection* connection);
  void Break(const ConnectionPtr& connection, const absl::Status& error);
  void Publish(const std::string& event);
  void Deliver(const ConnectionPtr& connection, const std::string& event);

  EventLoop* const loop_;
  Dice* const dice_;
  ModelRedis model_;
  absl::Duration clock_error_;
  bool running_ = true;
  absl::Status refusal_;
  std::map<int, Partition> partitions_;
  std::vector<std::weak_ptr<Connection>> connections_;
  std::vector<std::weak_ptr<Connection>> subscribers_;
};

template <typename Reply>
void SimRedis::Call(const ConnectionPtr& connection, std::function<absl::StatusOr<Reply>(ModelRedis& redis)> script,
                    std::function<void(absl::StatusOr<Reply> reply)> done) {
  if (connection->broken_) {
    loop_->After(absl::ZeroDuration(), [connection, done = std::move(done)] {
      if (!connection->dropped_) {
        done(absl::UnavailableError("the connection is broken"));
      }
    });
    return;
  }
  const uint64_t call = ++connection->calls_;
  const auto shared = std::make_shared<std::function<void(absl::StatusOr<Reply>)>>(std::move(done));
  connection->pending_[call] = [shared](const absl::Status& error) { (*shared)(error); };
  loop_->After(kRedisTimeout, [this, connection, call] {
    if (connection->pending_.count(call) > 0) {
      Break(connection, absl::DeadlineExceededError("Redis has not answered in time"));
    }
  });
  loop_->At(RequestArrival(connection.get()), [this, connection, call, script = std::move(script), shared] {
    if (!RequestsPass(*connection)) {
      connection->stalled_ = true;
      return;
    }
    const auto reply = std::make_shared<absl::StatusOr<Reply>>(refusal_.ok() ? script(model_) : refusal_);
    loop_->At(AnswerArrival(connection.get()), [this, connection, call, shared, reply] {
      if (!AnswersPass(*connection)) {
        connection->stalled_ = true;
      } else if (connection->pending_.erase(call) > 0) {
        (*shared)(std::move(*reply));
      }
    });
  });
}

}  // namespace dunlin

#endif  // DUNLIN_TESTS_SIMULATION_SIM_REDIS_H_
