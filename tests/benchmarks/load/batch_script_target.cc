#include "tests/benchmarks/load/batch_script_target.h"

#include <cstdlib>
#include <iostream>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "tests/benchmarks/data_set.h"

namespace dunlin::bench {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(10);

// A record is its version, of 16 characters, and the value. Few calls of Redis for many writes, as ours.
constexpr char kScript[] = R"(
local keys, news = {}, {}
for i = 1, #ARGV, 2 do
  keys[#keys + 1] = ARGV[i]
  news[#news + 1] = ARGV[i + 1]
end
local olds = redis.call('HMGET', KEYS[1], unpack(keys))
local fields, scores = {}, {}
local sequence = tonumber(redis.call('GET', KEYS[3]) or '0')
for i, key in ipairs(keys) do
  local old = olds[i]
  if not old or string.sub(old, 1, 16) < string.sub(news[i], 1, 16) then
    sequence = sequence + 1
    fields[#fields + 1] = key
    fields[#fields + 1] = news[i]
    scores[#scores + 1] = sequence
    scores[#scores + 1] = key
  end
end
if #fields > 0 then
  redis.call('HSET', KEYS[1], unpack(fields))
  redis.call('ZADD', KEYS[2], unpack(scores))
  redis.call('SET', KEYS[3], sequence)
  redis.call('PUBLISH', KEYS[4], table.concat(fields))
end
return sequence
)";

RedisReply OrDie(absl::StatusOr<RedisReply> reply) {
  if (!reply.ok() || reply->is_error()) {
    std::cerr << "bench: Redis: " << (reply.ok() ? reply->text : reply.status().ToString()) << std::endl;
    std::abort();
  }
  return *std::move(reply);
}

}  // namespace

BatchScriptTarget::BatchScriptTarget(const RedisEndpoint& endpoint, size_t slots, size_t writes_per_call,
                                     size_t keys_max)
    : slots_(slots), writes_per_call_(writes_per_call), keys_max_(keys_max) {
  if (!connection_.Connect(endpoint, "bench", absl::Now() + kPatience).ok()) {
    std::cerr << "bench: Redis does not answer" << std::endl;
    std::abort();
  }
  sha_ = OrDie(connection_.Call({"SCRIPT", "LOAD", kScript}, absl::Now() + kPatience)).text;
}

void BatchScriptTarget::Start(size_t slot) {
  std::vector<std::string> words = {"EVALSHA", sha_, "4", "data", "index", "sequence", "events"};
  for (size_t i = 0; i < writes_per_call_; ++i) {
    // 7919 is prime: keys far from one another.
    words.push_back(ManyKeys(written_ * 7919 % keys_max_));
    words.push_back(absl::StrCat(absl::StrFormat("%016d", written_), DataSetValue(written_)));
    ++written_;
  }
  connection_.Append(std::vector<absl::string_view>(words.begin(), words.end()));
  if (!connection_.Flush(absl::Now() + kPatience).ok()) {
    std::cerr << "bench: Redis does not take a call" << std::endl;
    std::abort();
  }
  under_way_.push_back(slot);
}

std::optional<LoadTarget::Ended> BatchScriptTarget::Next(absl::Time) {
  OrDie(connection_.ReadReply(absl::Now() + kPatience));
  const size_t slot = under_way_.front();
  under_way_.pop_front();
  return Ended{slot, true};
}

}  // namespace dunlin::bench
