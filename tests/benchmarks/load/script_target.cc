#include "tests/benchmarks/load/script_target.h"

#include <chrono>
#include <cstdlib>
#include <iostream>
#include <optional>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/benchmarks/load/load_target.h"

namespace dunlin::bench {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(10);
constexpr size_t kValueBytes = 100;

constexpr char kScript[] =
    "redis.call('HSET', KEYS[1], ARGV[1], ARGV[2]) "
    "redis.call('ZADD', KEYS[2], redis.call('INCR', KEYS[3]), ARGV[1]) "
    "redis.call('PUBLISH', KEYS[4], ARGV[2])";

RedisReply OrDie(absl::StatusOr<RedisReply> reply) {
  if (!reply.ok() || reply->is_error()) {
    std::cerr << "bench: Redis: " << (reply.ok() ? reply->text : reply.status().ToString()) << std::endl;
    std::abort();
  }
  return *std::move(reply);
}

int64_t NowNanoseconds() { return std::chrono::steady_clock::now().time_since_epoch().count(); }

}  // namespace

std::string TimestampedValue() {
  std::string value = absl::StrCat(NowNanoseconds(), "/");
  value.resize(kValueBytes, 'v');
  return value;
}

absl::Duration AgeOf(const std::string& value) {
  int64_t made = 0;
  if (!absl::SimpleAtoi(absl::string_view(value).substr(0, value.find('/')), &made)) {
    std::cerr << "bench: a value does not say when it was made" << std::endl;
    std::abort();
  }
  return absl::Nanoseconds(NowNanoseconds() - made);
}

// One call of the script at a time.
class ScriptTarget::Caller final : public LoadTarget {
 public:
  Caller(RedisConnection* connection, std::string sha) : connection_(*connection), sha_(std::move(sha)) {}

  size_t slots() const override { return 1; }
  void Start(size_t) override {
    under_way_ = true;
    const std::string value = TimestampedValue();
    connection_.Append({"EVALSHA", sha_, "4", "data", "index", "sequence", "events", "key", value});
    if (!connection_.Flush(absl::Now() + kPatience).ok()) {
      std::abort();
    }
  }
  std::optional<Ended> Next(absl::Time deadline) override {
    if (!std::exchange(under_way_, false)) {
      // Nothing comes, until it is time for the next one.
      if (!connection_.ReadSome(deadline).ok()) {
        std::abort();
      }
      return std::nullopt;
    }
    OrDie(connection_.ReadReply(absl::Now() + kPatience));
    return Ended{0, true};
  }

 private:
  RedisConnection& connection_;
  const std::string sha_;
  bool under_way_ = false;
};

ScriptTarget::ScriptTarget(const RedisEndpoint& endpoint) {
  for (RedisConnection* connection : {&caller_, &subscriber_}) {
    if (!connection->Connect(endpoint, "bench", absl::Now() + kPatience).ok()) {
      std::cerr << "bench: Redis does not answer" << std::endl;
      std::abort();
    }
  }
  OrDie(subscriber_.Call({"SUBSCRIBE", "events"}, absl::Now() + kPatience));
  thread_ = std::thread([this] { Subscribe(); });
}

ScriptTarget::~ScriptTarget() {
  subscriber_.Interrupt();
  thread_.join();
}

void ScriptTarget::Subscribe() {
  while (true) {
    const absl::StatusOr<RedisReply> message = subscriber_.ReadReply(absl::InfiniteFuture());
    if (!message.ok()) {
      return;
    }
    MutexLock lock(&mutex_);
    latency_.Add(AgeOf(message->elements.back().text));
  }
}

LoadResult ScriptTarget::Run(double calls_per_second, absl::Duration duration) {
  {
    MutexLock lock(&mutex_);
    latency_ = Histogram();
  }
  Caller caller(&caller_, OrDie(caller_.Call({"SCRIPT", "LOAD", kScript}, absl::Now() + kPatience)).text);
  LoadPlan plan;
  plan.outstanding = 1;
  plan.rate = calls_per_second;
  plan.warm_up = absl::ZeroDuration();
  plan.duration = duration;
  LoadResult result = RunLoad(plan, {}, &caller);
  MutexLock lock(&mutex_);
  result.latency = latency_;
  return result;
}

}  // namespace dunlin::bench
