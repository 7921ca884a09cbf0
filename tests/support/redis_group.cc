#include "tests/support/redis_group.h"

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tests/support/eventually.h"

namespace dunlin {
namespace {

// The value of `field` in a reply that lists names and values in turn; "" without one.
std::string FieldOf(const RedisReply& reply, absl::string_view field) {
  for (size_t i = 0; i + 1 < reply.elements.size(); i += 2) {
    if (reply.elements[i].text == field) {
      return reply.elements[i + 1].text;
    }
  }
  return "";
}

// Each look at the group is a dozen connections.
constexpr absl::Duration kPollPeriod = absl::Milliseconds(50);

[[noreturn]] void Fail(absl::string_view what) {
  std::cerr << "redis group: " << what << std::endl;
  std::abort();
}

}  // namespace

RedisGroup::RedisGroup(Options options) : options_(std::move(options)) {
  RedisServer::Options server = options_.redis;
  // Otherwise a new replica waits 5 s for others that might want the same copy.
  server.arguments.insert(server.arguments.end(), {"--repl-diskless-sync-delay", "0"});
  for (int i = 0; i < 2; ++i) {
    servers_.push_back(std::make_unique<RedisServer>(server));
  }
  const uint16_t master_port = servers_[0]->port();
  servers_[1]->Run({"REPLICAOF", "127.0.0.1", absl::StrCat(master_port)});
  SentinelServer::Options sentinel;
  sentinel.master_name = kMasterName;
  sentinel.master_port = master_port;
  sentinel.quorum = static_cast<int>(options_.sentinels / 2 + 1);
  sentinel.down_after = options_.down_after;
  sentinel.password = options_.sentinel_password;
  while (sentinels_.size() < options_.sentinels) {
    sentinels_.push_back(std::make_unique<SentinelServer>(sentinel));
  }
  if (!Eventually([this] { return IsHealthy(); }, kPatience, kPollPeriod)) {
    Fail("the sentinels do not find each other and the replica");
  }
}

std::string RedisGroup::url() const {
  const auto describe = [](std::string* out, const RedisAddress& address) { out->append(address.Describe()); };
  return absl::StrCat("redis+sentinel://", absl::StrJoin(sentinel_addresses(), ",", describe), "/", kMasterName);
}

std::vector<RedisAddress> RedisGroup::sentinel_addresses() const {
  std::vector<RedisAddress> addresses;
  for (const std::unique_ptr<SentinelServer>& sentinel : sentinels_) {
    addresses.push_back(RedisAddress{"127.0.0.1", sentinel->port()});
  }
  return addresses;
}

uint16_t RedisGroup::NamedBy(size_t index) {
  const RedisReply reply = sentinels_[index]->Run({"SENTINEL", "get-master-addr-by-name", kMasterName});
  uint32_t port = 0;
  return reply.elements.size() == 2 && absl::SimpleAtoi(reply.elements[1].text, &port) ? static_cast<uint16_t>(port)
                                                                                       : uint16_t{0};
}

RedisServer& RedisGroup::Find(uint16_t port) {
  for (const std::unique_ptr<RedisServer>& server : servers_) {
    if (server->port() == port) {
      return *server;
    }
  }
  Fail(absl::StrCat("a sentinel names port ", port, ", which is none of ours"));
}

RedisServer& RedisGroup::primary() {
  // The one that has heard of more failovers is right.
  uint64_t newest = 0;
  size_t best = 0;
  for (size_t i = 0; i < sentinels_.size(); ++i) {
    uint64_t epoch = 0;
    const RedisReply reply = sentinels_[i]->Run({"SENTINEL", "MASTER", kMasterName});
    if (absl::SimpleAtoi(FieldOf(reply, "config-epoch"), &epoch) && epoch > newest) {
      newest = epoch;
      best = i;
    }
  }
  return Find(NamedBy(best));
}

RedisServer& RedisGroup::secondary() {
  const uint16_t port = primary().port();
  return servers_[0]->port() == port ? *servers_[1] : *servers_[0];
}

// Other flags, such as s_down, come before a failover.
bool RedisGroup::TrustsPrimary(size_t index) {
  const RedisReply master = sentinels_[index]->Run({"SENTINEL", "MASTER", kMasterName});
  return FieldOf(master, "flags") == "master" &&
         FieldOf(master, "num-other-sentinels") == absl::StrCat(sentinels_.size() - 1);
}

bool RedisGroup::IsContent(size_t index) {
  if (!TrustsPrimary(index)) {
    return false;
  }
  const RedisReply replicas = sentinels_[index]->Run({"SENTINEL", "REPLICAS", kMasterName});
  return std::any_of(replicas.elements.begin(), replicas.elements.end(), [](const RedisReply& replica) {
    return FieldOf(replica, "flags") == "slave" && FieldOf(replica, "master-link-status") == "ok";
  });
}

bool RedisGroup::IsFollowing(RedisServer& follower, uint16_t port) {
  const std::string info = follower.Run({"INFO", "replication"}).text;
  return absl::StrContains(info, absl::StrCat("master_port:", port, "\r\n")) &&
         absl::StrContains(info, "master_link_status:up");
}

bool RedisGroup::IsSettled() {
  const uint16_t port = NamedBy(0);
  for (size_t i = 0; i < sentinels_.size(); ++i) {
    if (NamedBy(i) != port || !TrustsPrimary(i)) {
      return false;
    }
  }
  RedisServer& named = Find(port);
  if (!named.IsRunning()) {
    return false;
  }
  const absl::StatusOr<RedisReply> role = named.TryRun({"ROLE"}, absl::Seconds(1));
  return role.ok() && !role->elements.empty() && role->elements[0].text == "master";
}

bool RedisGroup::IsHealthy() {
  const uint16_t port = NamedBy(0);
  for (const std::unique_ptr<RedisServer>& server : servers_) {
    if (!server->IsRunning() || (server->port() != port && !IsFollowing(*server, port))) {
      return false;
    }
  }
  for (size_t i = 0; i < sentinels_.size(); ++i) {
    if (NamedBy(i) != port || !IsContent(i)) {
      return false;
    }
  }
  return true;
}

void RedisGroup::FailOver() {
  const uint16_t port = primary().port();
  // Refused while the last one has not been settled, or the replica's state is not known yet.
  const bool accepted = Eventually(
      [this] {
        return !sentinels_[0]->Run({"SENTINEL", "FAILOVER", kMasterName}).is_error();
      },
      kPatience, kPollPeriod);
  if (!accepted || !WaitForSwitch(port)) {
    Fail("the sentinels do not fail over");
  }
}

bool RedisGroup::WaitForSwitch(uint16_t port, absl::Duration patience) {
  return Eventually(
      [&] {
        for (size_t i = 0; i < sentinels_.size(); ++i) {
          const uint16_t named = NamedBy(i);
          if (named == port || named == 0) {
            return false;
          }
        }
        return true;
      },
      patience, kPollPeriod);
}

bool RedisGroup::Mend(absl::Duration patience) {
  for (const std::unique_ptr<RedisServer>& server : servers_) {
    if (!server->IsRunning()) {
      server->Start();
    }
  }
  for (const std::unique_ptr<SentinelServer>& sentinel : sentinels_) {
    if (!sentinel->IsRunning()) {
      sentinel->Start();
    }
  }
  return Eventually(
      [this] {
        RedisServer& follower = secondary();
        const uint16_t port = primary().port();
        if (!IsFollowing(follower, port)) {
          follower.Run({"REPLICAOF", "127.0.0.1", absl::StrCat(port)});
        }
        return IsHealthy();
      },
      patience, kPollPeriod);
}

}  // namespace dunlin
