#ifndef DUNLIN_TESTS_SUPPORT_SENTINEL_SERVER_H_
#define DUNLIN_TESTS_SUPPORT_SENTINEL_SERVER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "sync/redis_url.h"
#include "tests/support/redis_process.h"

namespace dunlin {

// SentinelServer is a real Redis Sentinel of the test's own, on a free port of 127.0.0.1. It keeps what it learns when
// it is started again.
//
// Thread-safety: one thread uses a SentinelServer.
class SentinelServer final : public RedisProcess {
 public:
  struct Options {
    std::string master_name = "mymaster";
    // On 127.0.0.1.
    uint16_t master_port = 0;
    // How many sentinels have to agree that the master is gone.
    int quorum = 1;
    // How long the master is silent before it counts as gone.
    absl::Duration down_after = absl::Seconds(1);
    // Empty: none is asked for.
    std::string password;
  };

  // Starts it and waits until it answers.
  explicit SentinelServer(Options options);

  RedisEndpoint endpoint() const;

 private:
  // Writes the configuration. Sentinel keeps in it what it learns, so that a later start takes it as it is.
  void WriteConfiguration() const;
  std::vector<std::string> Command() const override;
  RedisEndpoint CommandEndpoint() const override { return endpoint(); }

  const Options options_;
};

}  // namespace dunlin

#endif  // DUNLIN_TESTS_SUPPORT_SENTINEL_SERVER_H_
