// Goal: an address is read as people write it, and a wrong one is explained. Method: tables.

#include "server/listen_address.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace dunlin {
namespace {

using ::testing::HasSubstr;

TEST(ListenAddressTest, ReadsAndWritesTheThreeForms) {
  const struct {
    const char* text;
    const char* host;
    int port;
    const char* unix_path;
  } kCases[] = {
      {"127.0.0.1:7700", "127.0.0.1", 7700, ""},
      {"localhost:0", "localhost", 0, ""},
      {"0.0.0.0:65535", "0.0.0.0", 65535, ""},
      {"[::1]:7700", "::1", 7700, ""},
      {"[::]:7700", "::", 7700, ""},
      {"[fe80::1%eth0]:7700", "fe80::1%eth0", 7700, ""},
      {"unix:/run/dunlin.sock", "", 0, "/run/dunlin.sock"},
      {"unix:dunlin.sock", "", 0, "dunlin.sock"},
  };
  for (const auto& test : kCases) {
    const absl::StatusOr<ListenAddress> address = ParseListenAddress(test.text);
    ASSERT_TRUE(address.ok()) << test.text << ": " << address.status();
    EXPECT_EQ(address->host, test.host);
    EXPECT_EQ(address->port, test.port);
    EXPECT_EQ(address->unix_path, test.unix_path);
    EXPECT_EQ(address->ToString(), test.text);
  }
}

TEST(ListenAddressTest, ExplainsWhatIsWrong) {
  const struct {
    std::string text;
    const char* message;
  } kCases[] = {
      {"", "the port is missing"},
      {"127.0.0.1", "the port is missing"},
      {"127.0.0.1:", "\"\" is not a port"},
      {"127.0.0.1:http", "\"http\" is not a port"},
      {"127.0.0.1:65536", "\"65536\" is not a port"},
      {"127.0.0.1:-1", "\"-1\" is not a port"},
      {"127.0.0.1: 1", "\" 1\" is not a port"},
      {"127.0.0.1:99999999999", "is not a port from 0 to 65535"},
      {":7700", "the host is missing"},
      {"[]:7700", "the host is missing"},
      {"[::1:7700", "the closing bracket is missing"},
      {"::1:7700", "must stand in brackets"},
      {"http://host:7700", "must stand in brackets"},
      {"a/b:7700", "\"a/b\" is not a host"},
      {"a b:7700", "\"a b\" is not a host"},
      {"unix:", "the path of the Unix socket is missing"},
      {"unix:/" + std::string(107, 'x'), "has 108 bytes, and the system allows 107"},
  };
  for (const auto& test : kCases) {
    const absl::Status status = ParseListenAddress(test.text).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << test.text;
    EXPECT_THAT(std::string(status.message()), HasSubstr(test.message)) << test.text;
  }
}

}  // namespace
}  // namespace dunlin
