#include "tests/support/sentinel_server.h"

#include <fstream>
#include <utility>

#include "absl/strings/string_view.h"

namespace dunlin {
namespace {

constexpr absl::string_view kConfigurationName = "sentinel.conf";

}  // namespace

SentinelServer::SentinelServer(Options options) : RedisProcess("sentinel"), options_(std::move(options)) {
  WriteConfiguration();
  Start();
}

void SentinelServer::WriteConfiguration() const {
  std::ofstream file(directory().Join(kConfigurationName));
  const std::string& name = options_.master_name;
  file << "port " << port() << "\nbind 127.0.0.1\ndir " << directory().path() << "\n"
       << "sentinel monitor " << name << " 127.0.0.1 " << options_.master_port << " " << options_.quorum << "\n"
       << "sentinel down-after-milliseconds " << name << " " << absl::ToInt64Milliseconds(options_.down_after)
       << "\n"
       // Twice this has to pass before the same master is failed over again.
       << "sentinel failover-timeout " << name << " " << absl::ToInt64Milliseconds(2 * options_.down_after) << "\n";
  if (!options_.password.empty()) {
    file << "requirepass " << options_.password << "\n";
  }
}

std::vector<std::string> SentinelServer::Command() const {
  return {"redis-server", directory().Join(kConfigurationName), "--sentinel"};
}

RedisEndpoint SentinelServer::endpoint() const {
  RedisEndpoint endpoint;
  endpoint.host = "127.0.0.1";
  endpoint.port = port();
  endpoint.password = options_.password;
  endpoint.is_sentinel = true;
  return endpoint;
}

}  // namespace dunlin
