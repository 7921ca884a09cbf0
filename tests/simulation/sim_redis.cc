#include "tests/simulation/sim_redis.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace dunlin {
namespace {

// What remains alive of `connections`, which is freed of the rest.
std::vector<SimRedis::ConnectionPtr> Alive(std::vector<std::weak_ptr<SimRedis::Connection>>* connections) {
  std::vector<SimRedis::ConnectionPtr> alive;
  for (const std::weak_ptr<SimRedis::Connection>& connection : *connections) {
    if (SimRedis::ConnectionPtr strong = connection.lock(); strong != nullptr && !strong->broken()) {
      alive.push_back(std::move(strong));
    }
  }
  connections->assign(alive.begin(), alive.end());
  return alive;
}

}  // namespace

SimRedis::SimRedis(EventLoop* loop, Dice* dice)
    : loop_(loop),
      dice_(dice),
      model_([this] { return Now(); }, [this](const std::string& event) { Publish(event); }) {}

SimRedis::Partition SimRedis::PartitionOf(const Connection& connection) const {
  const auto found = partitions_.find(connection.replica_);
  return found == partitions_.end() ? Partition::kNone : found->second;
}

bool SimRedis::RequestsPass(const Connection& connection) const {
  return running_ && !connection.broken_ && !connection.stalled_ && PartitionOf(connection) != Partition::kBothWays;
}

bool SimRedis::AnswersPass(const Connection& connection) const {
  return running_ && !connection.broken_ && !connection.stalled_ && PartitionOf(connection) == Partition::kNone;
}

absl::Time SimRedis::RequestArrival(Connection* connection) {
  connection->request_arrives_ = std::max(connection->request_arrives_, loop_->Now() + Latency());
  return connection->request_arrives_;
}

absl::Time SimRedis::AnswerArrival(Connection* connection) {
  connection->answer_arrives_ = std::max(connection->answer_arrives_, loop_->Now() + Latency());
  return connection->answer_arrives_;
}

// ---- What replicas do ----

void SimRedis::Connect(int replica, std::function<void(absl::StatusOr<ConnectionPtr>)> done) {
  const auto connection = std::make_shared<Connection>();
  connection->replica_ = replica;
  const bool passes = AnswersPass(*connection);
  // A server that is down refuses at once; a network that swallows packets takes until the time-out.
  const absl::Duration delay = passes || !running_ ? Latency() : kRedisTimeout;
  loop_->After(delay, [this, connection, passes, done = std::move(done)] {
    if (!passes || !AnswersPass(*connection)) {
      done(absl::UnavailableError("cannot connect to Redis"));
      return;
    }
    connections_.push_back(connection);
    done(connection);
  });
}

void SimRedis::Subscribe(const ConnectionPtr& connection, std::function<void()> acknowledged,
                         std::function<void(const std::string&)> on_event,
                         std::function<void(const absl::Status&)> on_lost) {
  connection->on_lost_ = std::move(on_lost);
  Call<bool>(
      connection,
      [this, connection](ModelRedis&) -> absl::StatusOr<bool> {
        subscribers_.push_back(connection);
        return true;
      },
      [this, connection, acknowledged = std::move(acknowledged),
       on_event = std::move(on_event)](const absl::StatusOr<bool>& subscribed) {
        if (!subscribed.ok()) {
          Break(connection, subscribed.status());
          return;
        }
        connection->on_event_ = on_event;
        acknowledged();
      });
}

void SimRedis::Drop(const ConnectionPtr& connection) {
  connection->broken_ = true;
  connection->dropped_ = true;
  connection->pending_.clear();
  connection->on_event_ = nullptr;
  connection->on_lost_ = nullptr;
}

void SimRedis::Publish(const std::string& event) {
  if (on_publish) {
    on_publish(event);
  }
  for (const ConnectionPtr& subscriber : Alive(&subscribers_)) {
    if (!dice_->Chance(weather.event_lost)) {
      Deliver(subscriber, event);
    }
    if (dice_->Chance(weather.event_repeated)) {
      Deliver(subscriber, event);
    }
  }
}

void SimRedis::Deliver(const ConnectionPtr& connection, const std::string& event) {
  loop_->At(AnswerArrival(connection.get()), [this, connection, event] {
    if (AnswersPass(*connection) && connection->on_event_) {
      connection->on_event_(event);
    }
  });
}

// ---- What befalls them ----

void SimRedis::Break(const ConnectionPtr& connection, const absl::Status& error) {
  if (std::exchange(connection->broken_, true)) {
    return;
  }
  const auto pending = std::exchange(connection->pending_, {});
  const auto on_lost = std::exchange(connection->on_lost_, nullptr);
  connection->on_event_ = nullptr;
  for (const auto& [call, fail] : pending) {
    fail(error);
  }
  if (on_lost) {
    on_lost(error);
  }
}

void SimRedis::BreakConnections(double probability) {
  for (const ConnectionPtr& connection : Alive(&connections_)) {
    if (dice_->Chance(probability)) {
      Break(connection, absl::UnavailableError("the connection to Redis was lost"));
    }
  }
}

void SimRedis::Stop() {
  running_ = false;
  BreakConnections(1);
}

void SimRedis::Start(ModelRedis::Contents contents, bool new_primary) {
  running_ = true;
  model_.contents() = std::move(contents);
  if (new_primary) {
    model_.replid = absl::StrCat(absl::Hex(dice_->Number(), absl::kZeroPad16));
  }
}

}  // namespace dunlin
