#include "tests/support/redis_server.h"

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <system_error>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"

namespace dunlin {
namespace {

constexpr absl::string_view kSocketName = "redis.sock";

}  // namespace

RedisServer::RedisServer() : RedisServer(Options()) {}

RedisServer::RedisServer(Options options) : RedisProcess("redis"), options_(std::move(options)) {
  if (options_.cluster_node) {
    cluster_port_.emplace();
  }
  Start();
}

RedisEndpoint RedisServer::endpoint() const {
  RedisEndpoint endpoint;
  endpoint.host = "127.0.0.1";
  endpoint.port = port();
  endpoint.password = options_.password;
  return endpoint;
}

RedisEndpoint RedisServer::unix_endpoint() const {
  RedisEndpoint endpoint;
  endpoint.unix_path = directory().Join(kSocketName);
  endpoint.password = options_.password;
  return endpoint;
}

std::vector<std::string> RedisServer::Command() const {
  std::vector<std::string> command = {"redis-server",
                                      "--port",
                                      absl::StrCat(port()),
                                      "--bind",
                                      "127.0.0.1",
                                      "--unixsocket",
                                      directory().Join(kSocketName),
                                      "--dir",
                                      directory().path(),
                                      "--save",
                                      "",
                                      "--appendonly",
                                      options_.append_only ? "yes" : "no",
                                      "--appendfsync",
                                      "always"};
  if (!options_.password.empty()) {
    command.insert(command.end(), {"--requirepass", options_.password});
  }
  if (options_.cluster_node) {
    command.insert(command.end(), {"--cluster-enabled", "yes", "--cluster-port", absl::StrCat(cluster_port())});
  }
  command.insert(command.end(), options_.arguments.begin(), options_.arguments.end());
  return command;
}

void RedisServer::Restart() {
  Stop();
  Start();
}

void RedisServer::CrashAndRestart() {
  Kill();
  Start();
}

void RedisServer::EraseData() {
  std::error_code ignored;
  std::filesystem::remove_all(directory().Join("appendonlydir"), ignored);
  std::filesystem::remove(directory().Join("dump.rdb"), ignored);
}

uint64_t InfoNumber(absl::string_view info, absl::string_view field) {
  for (absl::string_view line : absl::StrSplit(info, "\r\n")) {
    uint64_t number = 0;
    if (absl::ConsumePrefix(&line, field) && absl::ConsumePrefix(&line, ":") && absl::SimpleAtoi(line, &number)) {
      return number;
    }
  }
  std::cerr << "INFO tells no number under " << field << ":\n" << info << std::endl;
  std::abort();
}

uint64_t CommandCalls(absl::string_view commandstats, absl::string_view command) {
  for (absl::string_view line : absl::StrSplit(commandstats, "\r\n")) {
    uint64_t calls = 0;
    if (absl::ConsumePrefix(&line, absl::StrCat("cmdstat_", command, ":calls=")) &&
        absl::SimpleAtoi(line.substr(0, line.find(',')), &calls)) {
      return calls;
    }
  }
  // One that has never been called is not told.
  return 0;
}

}  // namespace dunlin
