#include "sync/subscriber.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/random/random.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "storage/limits.h"
#include "storage/status_macros.h"
#include "storage/this_thread.h"
#include "sync/redis_connection.h"
#include "sync/redis_error.h"
#include "sync/redis_reply.h"

namespace dunlin {
namespace {

// Doubles at every failure, and takes a random part of that, so that a fleet does not come back all at once.
class Backoff {
 public:
  void Reset() { ceiling_ = kReconnectDelayMin; }

  absl::Duration Next() {
    const absl::Duration delay = ceiling_ * absl::Uniform(random_, 0.5, 1.0);
    ceiling_ = std::min(ceiling_ * 2, kReconnectDelayMax);
    return delay;
  }

 private:
  absl::InsecureBitGen random_;
  absl::Duration ceiling_ = kReconnectDelayMin;
};

}  // namespace

Subscriber::Subscriber(Options options, EventRing<std::string>* ring, std::function<void()> wake)
    : options_(std::move(options)),
      ring_(ring),
      wake_(std::move(wake)),
      finder_(options_.finder != nullptr ? options_.finder : std::make_shared<PrimaryFinder>(options_.endpoint)),
      connection_(std::make_unique<RedisConnection>()) {}

Subscriber::~Subscriber() { Stop(); }

void Subscriber::Start() {
  thread_ = std::thread([this] { Run(); });
}

void Subscriber::Stop() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
  }
  stop_requested_.SignalAll();
  connection_->Interrupt();
  if (thread_.joinable()) {
    thread_.join();
  }
}

Subscriber::State Subscriber::state() const {
  MutexLock lock(&mutex_);
  return state_;
}

bool Subscriber::TakeOverflow() {
  // The look beforehand keeps the consumer, which asks often, from taking the cache line away each time.
  return overflowed_.load(std::memory_order_relaxed) && overflowed_.exchange(false, std::memory_order_acquire);
}

uint64_t Subscriber::overflows() const { return overflows_.load(std::memory_order_relaxed); }

void Subscriber::Run() {
  NameThisThread(options_.source == Source::kSentinel ? "sentinel" : "subscriber");
  Backoff backoff;
  do {
    bool subscribed = false;
    const absl::Status error = RunOnce(&subscribed);
    if (absl::IsCancelled(error)) {
      return;
    }
    PublishLost(error);
    if (subscribed) {
      backoff.Reset();
    }
  } while (SleepUnlessStopped(backoff.Next()));
}

absl::Status Subscriber::RunOnce(bool* subscribed) {
  DUNLIN_RETURN_IF_ERROR(Subscribe());
  *subscribed = true;
  PublishSubscribed();
  const absl::Status error = FrameMessages();
  connection_->Close();
  return error;
}

absl::Status Subscriber::Subscribe() {
  const absl::Time deadline = absl::Now() + kRedisTimeout;
  DUNLIN_RETURN_IF_ERROR(Connect(deadline));
  DUNLIN_ASSIGN_OR_RETURN(const RedisReply reply, connection_->Call({"SUBSCRIBE", options_.channel}, deadline));
  return reply.is_error() ? RedisErrorToStatus(reply.text, connection_->description()) : absl::OkStatus();
}

absl::Status Subscriber::Connect(absl::Time deadline) {
  if (options_.source == Source::kSentinel) {
    return finder_->ConnectToSentinel(options_.client_name, deadline, connection_.get());
  }
  DUNLIN_ASSIGN_OR_RETURN(connected_as_of_,
                          finder_->ConnectToPrimary(options_.client_name, deadline, connection_.get()));
  return absl::OkStatus();
}

absl::Status Subscriber::FrameMessages() {
  absl::Time heard = absl::Now();
  while (true) {
    DUNLIN_RETURN_IF_ERROR(DrainBuffered());
    if (options_.source == Source::kPrimary && finder_->HasMoved(connected_as_of_)) {
      return absl::AbortedError(
          absl::StrCat(connection_->description(), ": the sentinels name another primary now; it is subscribed to"));
    }
    DUNLIN_ASSIGN_OR_RETURN(const bool came, connection_->ReadSome(absl::Now() + kRedisHeartbeatPeriod));
    const absl::Time now = absl::Now();
    if (came) {
      heard = now;
    } else if (now - heard >= kRedisTimeout) {
      return absl::DeadlineExceededError(absl::StrCat(connection_->description(), ": nothing heard for ",
                                                      absl::FormatDuration(kRedisTimeout),
                                                      "; the connection is taken for dead and made anew"));
    } else {
      connection_->Append({"PING"});
      DUNLIN_RETURN_IF_ERROR(connection_->Flush(now + kRedisTimeout));
    }
  }
}

absl::Status Subscriber::DrainBuffered() {
  bool pushed = false;
  absl::Status status;
  while (status.ok()) {
    absl::StatusOr<std::optional<RedisReply>> reply = connection_->TakeBufferedReply();
    if (reply.ok() && !reply->has_value()) {
      break;
    }
    status = reply.ok() ? HandleReply(**std::move(reply), &pushed) : std::move(reply).status();
  }
  if (pushed) {
    wake_();
  }
  return status;
}

absl::Status Subscriber::HandleReply(RedisReply reply, bool* pushed) {
  if (reply.is_error()) {
    return RedisErrorToStatus(reply.text, connection_->description());
  }
  // Anything else is the answer to a PING.
  if (reply.elements.size() == 3 && reply.elements[0].text == "message") {
    Push(std::move(reply.elements[2].text), pushed);
  }
  return absl::OkStatus();
}

void Subscriber::Push(std::string message, bool* pushed) {
  const size_t size_bytes = message.size();
  if (ring_->TryPush(std::move(message), size_bytes)) {
    *pushed = true;
    return;
  }
  overflows_.fetch_add(1, std::memory_order_relaxed);
  if (!overflowed_.exchange(true, std::memory_order_release)) {
    wake_();
  }
}

void Subscriber::PublishSubscribed() {
  {
    MutexLock lock(&mutex_);
    state_ = State{true, state_.generation + 1, absl::OkStatus(), false};
  }
  wake_();
}

void Subscriber::PublishLost(const absl::Status& error) {
  {
    MutexLock lock(&mutex_);
    state_ = State{false, state_.generation, error, RemedyOf(error) == RedisRemedy::kStopAndTell};
  }
  wake_();
}

bool Subscriber::SleepUnlessStopped(absl::Duration duration) {
  const absl::Time end = absl::Now() + duration;
  MutexLock lock(&mutex_);
  for (absl::Duration left = duration; !stopping_ && left > absl::ZeroDuration(); left = end - absl::Now()) {
    stop_requested_.WaitWithTimeout(&mutex_, left);
  }
  return !stopping_;
}

}  // namespace dunlin
