#include "tests/sync/relay_backend.h"

#include <deque>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gtest/gtest.h"
#include "sync/epoch.h"
#include "sync/redis_connection.h"
#include "sync/redis_names.h"
#include "sync/redis_relay.h"
#include "tests/simulation/model_redis.h"
#include "tests/simulation/model_relay.h"
#include "tests/support/eventually.h"
#include "tests/support/redis_server.h"

namespace dunlin {
namespace {

absl::Time Patience() { return absl::Now() + kTestPatience; }

// The number in a reply, 0 if there is none.
uint64_t NumberIn(const RedisReply& reply) {
  uint64_t number = 0;
  return absl::SimpleAtoi(reply.text, &number) ? number : 0;
}

class RedisBackend final : public RelayBackend {
 public:
  RedisBackend() {
    EXPECT_TRUE(listener_.Connect(server_.endpoint(), "listener", Patience()).ok());
    EXPECT_TRUE(listener_.Call({"SUBSCRIBE", names_.channel}, Patience()).ok());
  }

  std::unique_ptr<Relay> NewRelay() override {
    RedisRelay::Options options;
    options.endpoint = server_.endpoint();
    options.names = names_;
    options.client_name = "dunlin-test";
    options.timeout = kTestPatience;
    auto relay = std::make_unique<RedisRelay>(options);
    const absl::Status status = relay->Connect(Patience());
    EXPECT_TRUE(status.ok()) << status;
    return relay;
  }

  std::string Record(absl::string_view key) override { return server_.Run({"HGET", names_.data, key}).text; }
  void SetRecord(absl::string_view key, absl::string_view record) override {
    server_.Run({"HSET", names_.data, key, record});
  }
  void EraseRecord(absl::string_view key) override { server_.Run({"HDEL", names_.data, key}); }

  uint64_t IndexedSequence(absl::string_view key) override {
    return NumberIn(server_.Run({"ZSCORE", names_.index, key}));
  }
  void EraseIndex() override { server_.Run({"DEL", names_.index}); }

  uint64_t MetaField(absl::string_view field) override { return NumberIn(server_.Run({"HGET", names_.meta, field})); }
  void SetMetaField(absl::string_view field, uint64_t value) override {
    server_.Run({"HSET", names_.meta, field, absl::StrCat(value)});
  }
  void EraseMeta() override { server_.Run({"DEL", names_.meta}); }

  void EndLease(uint64_t store_id) override {
    const std::string id = FormatEpoch(store_id);
    server_.Run({"HSET", names_.leases, id, "1:1"});
    if (absl::StartsWith(server_.Run({"HGET", names_.leases, "lowest"}).text, id)) {
      server_.Run({"HSET", names_.leases, "lowest", absl::StrCat(id, ":1")});
    }
  }

  void EraseEverything() override { server_.Run({"FLUSHALL"}); }
  bool empty() override { return server_.Run({"DBSIZE"}).integer == 0; }

  std::string NextEvent() override {
    absl::StatusOr<RedisReply> reply = listener_.ReadReply(Patience());
    EXPECT_TRUE(reply.ok()) << reply.status();
    return reply.ok() ? std::move(reply->elements[2].text) : "";
  }

  // A PING's answer comes after every event published before it.
  bool NothingWasPublished() override {
    const absl::StatusOr<RedisReply> reply = listener_.Call({"PING"}, Patience());
    return reply.ok() && reply->elements[0].text == "pong";
  }

 private:
  const RedisNames names_ = *MakeRedisNames("test");
  RedisServer server_;
  RedisConnection listener_;
};

class ModelBackend final : public RelayBackend {
 public:
  std::unique_ptr<Relay> NewRelay() override {
    auto relay = std::make_unique<ModelRelay>(&redis_);
    EXPECT_TRUE(relay->Connect(Patience()).ok());
    return relay;
  }

  std::string Record(absl::string_view key) override {
    const auto found = contents().data.find(std::string(key));
    return found == contents().data.end() ? "" : found->second;
  }
  void SetRecord(absl::string_view key, absl::string_view record) override {
    contents().data[std::string(key)] = std::string(record);
  }
  void EraseRecord(absl::string_view key) override { contents().data.erase(std::string(key)); }

  uint64_t IndexedSequence(absl::string_view key) override {
    const auto found = contents().index.find(std::string(key));
    return found == contents().index.end() ? 0 : found->second;
  }
  void EraseIndex() override { contents().EraseIndex(); }

  uint64_t MetaField(absl::string_view field) override {
    if (field == "format") {
      return static_cast<uint64_t>(contents().meta.format);
    }
    return field == "sequence" ? contents().meta.sequence : contents().meta.gc_sequence;
  }
  void SetMetaField(absl::string_view field, uint64_t value) override {
    if (field == "format") {
      contents().meta.format = static_cast<int>(value);
    } else {
      (field == "sequence" ? contents().meta.sequence : contents().meta.gc_sequence) = value;
    }
  }
  void EndLease(uint64_t store_id) override { contents().leases[store_id].until_unix_ms = 1; }
  void EraseMeta() override {
    contents().meta = ModelRedis::Contents::Meta();
    contents().meta.sum = std::nullopt;
  }

  void EraseEverything() override { contents() = ModelRedis::Contents(); }
  bool empty() override {
    return contents().data.empty() && contents().index.empty() && contents().meta.epoch == kNoEpoch;
  }

  std::string NextEvent() override {
    EXPECT_FALSE(events_.empty()) << "nothing was published";
    std::string event;
    if (!events_.empty()) {
      event = std::move(events_.front());
      events_.pop_front();
    }
    return event;
  }
  bool NothingWasPublished() override { return events_.empty(); }

 private:
  ModelRedis::Contents& contents() { return redis_.contents(); }

  std::deque<std::string> events_;
  ModelRedis redis_{[] { return absl::Now(); }, [this](const std::string& event) { events_.push_back(event); }};
};

}  // namespace

std::unique_ptr<RelayBackend> MakeRedisBackend() { return std::make_unique<RedisBackend>(); }

std::unique_ptr<RelayBackend> MakeModelBackend() { return std::make_unique<ModelBackend>(); }

}  // namespace dunlin
