// Goal: a URL means what its author expects, or the message says what is wrong; a password is never shown.
// Method: a table of URLs.

#include "sync/redis_url.h"

#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace dunlin {
namespace {

using testing::HasSubstr;
using testing::Not;

struct GoodUrl {
  std::string url;
  RedisEndpoint expected;
  std::string description;
};

RedisEndpoint Tcp(std::string host, uint16_t port, std::string username, std::string password, uint32_t database) {
  return RedisEndpoint{std::move(host), port, "", std::move(username), std::move(password), database};
}

RedisEndpoint Sentinels(std::vector<RedisAddress> sentinels, std::string master_name, std::string username,
                        std::string password, uint32_t database) {
  RedisEndpoint endpoint = Tcp("", kRedisPortDefault, std::move(username), std::move(password), database);
  endpoint.sentinels = std::move(sentinels);
  endpoint.master_name = std::move(master_name);
  return endpoint;
}

RedisEndpoint Unix(std::string path, uint32_t database) {
  return RedisEndpoint{"", kRedisPortDefault, std::move(path), "", "", database};
}

const GoodUrl kGoodUrls[] = {
    {"redis://localhost", Tcp("localhost", 6379, "", "", 0), "redis://localhost:6379/0"},
    {"redis://localhost/", Tcp("localhost", 6379, "", "", 0), "redis://localhost:6379/0"},
    {"redis://redis.example:7000/3", Tcp("redis.example", 7000, "", "", 3), "redis://redis.example:7000/3"},
    {"redis://:secret@h", Tcp("h", 6379, "", "secret", 0), "redis://:***@h:6379/0"},
    {"redis://bob:secret@h:1/2", Tcp("h", 1, "bob", "secret", 2), "redis://bob:***@h:1/2"},
    {"redis://bob:a%3Ab%40c%2Fd%25@h", Tcp("h", 6379, "bob", "a:b@c/d%", 0), "redis://bob:***@h:6379/0"},
    {"redis://bob:p@ss/word@h", Tcp("h", 6379, "bob", "p@ss/word", 0), "redis://bob:***@h:6379/0"},
    {"redis://bob:a:b@h", Tcp("h", 6379, "bob", "a:b", 0), "redis://bob:***@h:6379/0"},
    {"redis://[2001:db8::1]", Tcp("2001:db8::1", 6379, "", "", 0), "redis://[2001:db8::1]:6379/0"},
    {"redis://u:p@[::1]:65535/15", Tcp("::1", 65535, "u", "p", 15), "redis://u:***@[::1]:65535/15"},
    {"unix:///run/redis.sock", Unix("/run/redis.sock", 0), "unix:///run/redis.sock"},
    {"unix:///run/my%20redis.sock?db=4", Unix("/run/my redis.sock", 4), "unix:///run/my redis.sock?db=4"},
    {"redis+sentinel://h/mymaster", Sentinels({{"h", 26379}}, "mymaster", "", "", 0),
     "redis+sentinel://h:26379/mymaster/0"},
    {"sentinel://h/mymaster/", Sentinels({{"h", 26379}}, "mymaster", "", "", 0), "redis+sentinel://h:26379/mymaster/0"},
    {"redis+sentinel://bob:p%2Cq@a:1,[::1],c:3/my%20master/2",
     Sentinels({{"a", 1}, {"::1", 26379}, {"c", 3}}, "my master", "bob", "p,q", 2),
     "redis+sentinel://bob:***@a:1,[::1]:26379,c:3/my master/2"},
    {"redis+sentinel://:p@ss,/word@a,b/m", Sentinels({{"a", 26379}, {"b", 26379}}, "m", "", "p@ss,/word", 0),
     "redis+sentinel://:***@a:26379,b:26379/m/0"},
};

TEST(RedisUrl, ReadsEveryForm) {
  for (const GoodUrl& good : kGoodUrls) {
    SCOPED_TRACE(good.url);
    const absl::StatusOr<RedisEndpoint> endpoint = ParseRedisUrl(good.url);
    ASSERT_TRUE(endpoint.ok()) << endpoint.status();
    EXPECT_EQ(endpoint->host, good.expected.host);
    EXPECT_EQ(endpoint->port, good.expected.port);
    EXPECT_EQ(endpoint->unix_path, good.expected.unix_path);
    EXPECT_EQ(endpoint->username, good.expected.username);
    EXPECT_EQ(endpoint->password, good.expected.password);
    EXPECT_EQ(endpoint->database, good.expected.database);
    EXPECT_EQ(endpoint->sentinels, good.expected.sentinels);
    EXPECT_EQ(endpoint->master_name, good.expected.master_name);
    EXPECT_EQ(endpoint->Describe(), good.description);
  }
}

struct BadUrl {
  std::string url;
  std::string complaint;
};

// In each of them the password, if there is one, is "hunter2".
const BadUrl kBadUrls[] = {
    {"", "scheme"},
    {"localhost:6379", "scheme"},
    {"http://localhost", "scheme"},
    {"rediss://:hunter2@localhost", "TLS"},
    {"redis://", "host is missing"},
    {"redis://:hunter2@", "host is missing"},
    {"redis://:hunter2@:6379", "host is missing"},
    {"redis://hunter2@h", "no ':' between user and password"},
    {"redis://bob:@h", "password is empty"},
    {"redis://bob:hunter2", "port is not a number"},
    {"redis://bob:%zzhunter2@h", "'%' in the password"},
    {"redis://bob:hunter2%@h", "'%' in the password"},
    {"redis://bob:hunter2%4@h", "'%' in the password"},
    {"redis://bob:hunter2%00@h", "NUL"},
    {"redis://h:", "port"},
    {"redis://h:0", "port"},
    {"redis://h:65536", "port"},
    {"redis://h:-1", "port"},
    {"redis://h:six", "port"},
    {"redis://2001:db8::1", "brackets"},
    {"redis://[::1", "not closed"},
    {"redis://[::1]6379", "port"},
    {"redis://h/x", "database"},
    {"redis://h/-1", "database"},
    {"redis://h/1/2", "database"},
    {"redis+sentinel://h", "master's name"},
    {"redis+sentinel://h:26379/", "master's name"},
    {"redis+sentinel://h:26379//0", "master's name"},
    {"redis+sentinel://:hunter2@h", "master's name"},
    {"redis+sentinel://:hunter2@/mymaster", "host is missing"},
    {"redis+sentinel://:hunter2@a,,b/mymaster", "host is missing"},
    {"redis+sentinel://a,b:x/mymaster", "port"},
    {"redis+sentinel://a,b/mymaster/x", "database"},
    {"redis+sentinel://a,b/%zz", "'%' in the master's name"},
    {"redis-sentinel://:hunter2@a,b/0#mymaster", "written redis+sentinel://"},
    {"rediss+sentinel://:hunter2@a/mymaster", "TLS"},
    {"unix://run/redis.sock", "absolute"},
    {"unix:///run/redis.sock?database=1", "parameter"},
    {"unix:///run/redis.sock?db=x", "database"},
};

TEST(RedisUrl, SaysWhatIsWrongWithoutThePassword) {
  for (const BadUrl& bad : kBadUrls) {
    SCOPED_TRACE(bad.url);
    const absl::Status status = ParseRedisUrl(bad.url).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    const std::string message(status.message());
    EXPECT_THAT(message, HasSubstr(bad.complaint));
    EXPECT_THAT(message, Not(HasSubstr("hunter2")));
  }
}

TEST(RedisUrl, RefusesASocketPathThatTheSystemWouldCutOff) {
  const absl::Status status = ParseRedisUrl("unix:///" + std::string(107, 'x')).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("108 bytes"));
  EXPECT_TRUE(ParseRedisUrl("unix:///" + std::string(106, 'x')).ok());
}

}  // namespace
}  // namespace dunlin
