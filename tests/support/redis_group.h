#ifndef DUNLIN_TESTS_SUPPORT_REDIS_GROUP_H_
#define DUNLIN_TESTS_SUPPORT_REDIS_GROUP_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "tests/support/redis_server.h"
#include "tests/support/sentinel_server.h"

namespace dunlin {

// RedisGroup is two real redis-servers, of which one follows the other, and real sentinels that watch over them.
//
// Thread-safety: one thread uses a RedisGroup.
class RedisGroup {
 public:
  struct Options {
    size_t sentinels = 3;
    // How long a Redis has to be silent for the sentinels to take it for gone.
    absl::Duration down_after = absl::Seconds(1);
    RedisServer::Options redis;
    // Empty: the sentinels ask for none.
    std::string sentinel_password;
  };

  static constexpr char kMasterName[] = "mymaster";

  // A sentinel that was held up for 2 s distrusts its clock and does nothing for 30 s (its TILT mode); what it then
  // does takes some seconds more.
  static constexpr absl::Duration kPatience = absl::Seconds(90);

  // Starts everything and waits until it IsHealthy().
  explicit RedisGroup(Options options);

  // The URL of the group for a replica.
  std::string url() const;
  std::vector<RedisAddress> sentinel_addresses() const;

  // The server that the sentinels name, and the other one.
  RedisServer& primary();
  RedisServer& secondary();
  // By number, whatever their roles.
  size_t servers() const { return servers_.size(); }
  RedisServer& server(size_t index) { return *servers_[index]; }
  size_t sentinels() const { return sentinels_.size(); }
  SentinelServer& sentinel(size_t index) { return *sentinels_[index]; }

  // Whether all sentinels agree on a primary that is up, with the other server following it, so that a failover would
  // succeed.
  bool IsHealthy();

  // Whether all sentinels agree on a primary that runs and takes writes, see nothing wrong with it and are not about to
  // replace it.
  bool IsSettled();

  // Has a sentinel hand over to the other server, as an operator does for maintenance, and waits until all sentinels
  // know.
  // REQUIRES: IsHealthy().
  void FailOver();

  // Waits until all sentinels name another primary than the one on `port`. Returns whether they do.
  bool WaitForSwitch(uint16_t port, absl::Duration patience = kPatience);

  // Starts what does not run, lets the other server follow the primary (which Sentinel does too, in its own time), and
  // waits until it IsHealthy(). Returns whether it became so.
  bool Mend(absl::Duration patience = kPatience);

 private:
  // The port that one sentinel names; 0 when it names none.
  uint16_t NamedBy(size_t index);
  // Whether one sentinel sees nothing wrong with the primary; and neither with what follows it.
  bool TrustsPrimary(size_t index);
  bool IsContent(size_t index);
  bool IsFollowing(RedisServer& follower, uint16_t port);
  RedisServer& Find(uint16_t port);

  const Options options_;
  std::vector<std::unique_ptr<RedisServer>> servers_;
  std::vector<std::unique_ptr<SentinelServer>> sentinels_;
};

}  // namespace dunlin

#endif  // DUNLIN_TESTS_SUPPORT_REDIS_GROUP_H_
