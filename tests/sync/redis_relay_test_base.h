#ifndef DUNLIN_TESTS_SYNC_REDIS_RELAY_TEST_BASE_H_
#define DUNLIN_TESTS_SYNC_REDIS_RELAY_TEST_BASE_H_

#include <string>

#include "absl/time/clock.h"
#include "gtest/gtest.h"
#include "sync/redis_relay.h"
#include "tests/support/eventually.h"
#include "tests/support/redis_server.h"
#include "tests/sync/relay_tester.h"

namespace dunlin {

// A RedisRelay connected to a Redis of the test's own, with a position that has just been created.
class RedisRelayTestBase : public testing::Test, protected RelayTester {
 protected:
  static RedisRelay::Options OptionsFor(const RedisServer& server) {
    RedisRelay::Options options;
    options.endpoint = server.endpoint();
    options.names = *MakeRedisNames("test");
    options.client_name = "dunlin-test";
    options.timeout = kTestPatience;
    return options;
  }

  // For a user with all rights but what `rule` takes away.
  RedisRelay::Options OptionsForUser(absl::string_view rule) {
    server_.Run({"ACL", "SETUSER", "bob", "on", ">secret", "~*", "&*", "+@all", rule});
    RedisRelay::Options options = OptionsFor(server_);
    options.endpoint.username = "bob";
    options.endpoint.password = "secret";
    return options;
  }

  void SetUp() override { ConnectAndBegin(); }

  void ConnectAndBegin() {
    const absl::Status status = relay_.Connect(absl::Now() + kTestPatience);
    ASSERT_TRUE(status.ok()) << status;
    CreatePosition();
  }

  Relay& relay() override { return relay_; }

  // What Redis holds under `key`, "" for nothing.
  std::string Stored(absl::string_view key) { return server_.Run({"HGET", names_.data, key}).text; }

  std::string MetaField(absl::string_view field) { return server_.Run({"HGET", names_.meta, field}).text; }

  const RedisNames names_ = *MakeRedisNames("test");
  RedisServer server_;
  RedisRelay relay_{OptionsFor(server_)};
};

}  // namespace dunlin

#endif  // DUNLIN_TESTS_SYNC_REDIS_RELAY_TEST_BASE_H_
