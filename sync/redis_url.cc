#include "sync/redis_url.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "storage/status_macros.h"

namespace dunlin {
namespace {

constexpr absl::string_view kTcpPrefix = "redis://";
constexpr absl::string_view kSentinelPrefix = "redis+sentinel://";
constexpr absl::string_view kSentinelShortPrefix = "sentinel://";
constexpr absl::string_view kUnixPrefix = "unix://";
constexpr absl::string_view kDatabaseQuery = "db=";
// sockaddr_un::sun_path holds 108 bytes with its terminator.
constexpr size_t kUnixPathSizeMaxBytes = 107;

// Messages quote nothing: of a URL that is wrong, nobody can tell which part is the password.
absl::Status Error(absl::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat(what,
                   "; expected redis://[[user]:password@]host[:port][/database], "
                   "redis+sentinel://[[user]:password@]sentinel[:port][,sentinel[:port]...]/master-name[/database] or "
                   "unix:///path[?db=database], with special characters percent-encoded"));
}

int HexValue(char digit) {
  if (!absl::ascii_isxdigit(static_cast<unsigned char>(digit))) {
    return -1;
  }
  return absl::ascii_isdigit(static_cast<unsigned char>(digit)) ? digit - '0' : absl::ascii_tolower(digit) - 'a' + 10;
}

absl::StatusOr<std::string> PercentDecode(absl::string_view text, absl::string_view what) {
  std::string decoded;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded.push_back(text[i]);
      continue;
    }
    const int high = i + 2 < text.size() ? HexValue(text[i + 1]) : -1;
    const int low = high >= 0 ? HexValue(text[i + 2]) : -1;
    if (low < 0) {
      return Error(absl::StrCat("a '%' in the ", what, " is not followed by two hexadecimal digits"));
    }
    decoded.push_back(static_cast<char>(high << 4 | low));
    i += 2;
  }
  // A NUL would end the text silently where it is handed to the system.
  if (decoded.find('\0') != std::string::npos) {
    return Error(absl::StrCat("the ", what, " holds a NUL character"));
  }
  return decoded;
}

absl::Status ParseDatabase(absl::string_view text, RedisEndpoint* endpoint) {
  if (!text.empty() && !absl::SimpleAtoi(text, &endpoint->database)) {
    return Error("the database is not a number");
  }
  return absl::OkStatus();
}

absl::Status ParseCredentials(absl::string_view text, RedisEndpoint* endpoint) {
  const size_t colon = text.find(':');
  if (colon == absl::string_view::npos) {
    return Error("there is no ':' between user and password");
  }
  DUNLIN_ASSIGN_OR_RETURN(endpoint->username, PercentDecode(text.substr(0, colon), "user"));
  DUNLIN_ASSIGN_OR_RETURN(endpoint->password, PercentDecode(text.substr(colon + 1), "password"));
  if (endpoint->password.empty()) {
    return Error("the password is empty");
  }
  return absl::OkStatus();
}

// Splits "host", "host:port", "[v6]" or "[v6]:port". The port comes back with its colon.
absl::StatusOr<std::pair<absl::string_view, absl::string_view>> SplitHostPort(absl::string_view text) {
  if (!absl::StartsWith(text, "[")) {
    const size_t colon = std::min(text.find(':'), text.size());
    return std::make_pair(text.substr(0, colon), text.substr(colon));
  }
  const size_t bracket = text.find(']');
  if (bracket == absl::string_view::npos) {
    return Error("the '[' before the host is not closed");
  }
  return std::make_pair(text.substr(1, bracket - 1), text.substr(bracket + 1));
}

absl::StatusOr<RedisAddress> ParseHostPort(absl::string_view text, uint16_t port_default) {
  DUNLIN_ASSIGN_OR_RETURN(const auto parts, SplitHostPort(text));
  auto [host, port] = parts;
  RedisAddress address;
  DUNLIN_ASSIGN_OR_RETURN(address.host, PercentDecode(host, "host"));
  if (address.host.empty()) {
    return Error("the host is missing");
  }
  address.port = port_default;
  if (port.empty()) {
    return address;
  }
  uint32_t number = 0;
  if (!absl::ConsumePrefix(&port, ":") || !absl::SimpleAtoi(port, &number) || number == 0 || number > 65535) {
    return Error("the port is not a number from 1 to 65535 (an IPv6 address belongs in brackets)");
  }
  address.port = static_cast<uint16_t>(number);
  return address;
}

// Takes "[[user]:password@]" off the front of `rest`.
absl::Status TakeCredentials(absl::string_view* rest, RedisEndpoint* endpoint) {
  // The last '@' ends the credentials, so that a password with an '@' that should have been encoded ends neither in the
  // host nor in an error message.
  const size_t at = rest->rfind('@');
  if (at == absl::string_view::npos) {
    return absl::OkStatus();
  }
  DUNLIN_RETURN_IF_ERROR(ParseCredentials(rest->substr(0, at), endpoint));
  rest->remove_prefix(at + 1);
  return absl::OkStatus();
}

// Takes off what stands before the next '/', and that too.
absl::string_view TakeSegment(absl::string_view* rest) {
  const size_t slash = std::min(rest->find('/'), rest->size());
  const absl::string_view segment = rest->substr(0, slash);
  rest->remove_prefix(slash);
  absl::ConsumePrefix(rest, "/");
  return segment;
}

absl::StatusOr<RedisEndpoint> ParseTcp(absl::string_view rest) {
  RedisEndpoint endpoint;
  DUNLIN_RETURN_IF_ERROR(TakeCredentials(&rest, &endpoint));
  DUNLIN_ASSIGN_OR_RETURN(RedisAddress address, ParseHostPort(TakeSegment(&rest), kRedisPortDefault));
  endpoint.host = std::move(address.host);
  endpoint.port = address.port;
  DUNLIN_RETURN_IF_ERROR(ParseDatabase(rest, &endpoint));
  return endpoint;
}

absl::StatusOr<RedisEndpoint> ParseSentinels(absl::string_view rest) {
  RedisEndpoint endpoint;
  DUNLIN_RETURN_IF_ERROR(TakeCredentials(&rest, &endpoint));
  for (const absl::string_view text : absl::StrSplit(TakeSegment(&rest), ',')) {
    DUNLIN_ASSIGN_OR_RETURN(RedisAddress address, ParseHostPort(text, kSentinelPortDefault));
    endpoint.sentinels.push_back(std::move(address));
  }
  DUNLIN_ASSIGN_OR_RETURN(endpoint.master_name, PercentDecode(TakeSegment(&rest), "master's name"));
  if (endpoint.master_name.empty()) {
    return Error("the master's name, by which the sentinels know it, is missing behind their addresses");
  }
  DUNLIN_RETURN_IF_ERROR(ParseDatabase(rest, &endpoint));
  return endpoint;
}

absl::StatusOr<RedisEndpoint> ParseUnix(absl::string_view rest) {
  RedisEndpoint endpoint;
  const size_t question = std::min(rest.find('?'), rest.size());
  DUNLIN_ASSIGN_OR_RETURN(endpoint.unix_path, PercentDecode(rest.substr(0, question), "path"));
  if (!absl::StartsWith(endpoint.unix_path, "/")) {
    return Error("the path of a Unix socket must be absolute, as in unix:///run/redis.sock");
  }
  if (endpoint.unix_path.size() > kUnixPathSizeMaxBytes) {
    return Error(absl::StrCat("the path of the Unix socket has ", endpoint.unix_path.size(),
                              " bytes, the system allows ", kUnixPathSizeMaxBytes));
  }
  rest.remove_prefix(question);
  if (absl::ConsumePrefix(&rest, "?")) {
    if (!absl::ConsumePrefix(&rest, kDatabaseQuery)) {
      return Error("the only parameter known is db");
    }
    DUNLIN_RETURN_IF_ERROR(ParseDatabase(rest, &endpoint));
  }
  return endpoint;
}

}  // namespace

std::string RedisAddress::Describe() const {
  const bool is_ipv6 = host.find(':') != std::string::npos;
  return is_ipv6 ? absl::StrCat("[", host, "]:", port) : absl::StrCat(host, ":", port);
}

std::string RedisEndpoint::Describe() const {
  if (!unix_path.empty()) {
    return database == 0 ? absl::StrCat(kUnixPrefix, unix_path)
                         : absl::StrCat(kUnixPrefix, unix_path, "?", kDatabaseQuery, database);
  }
  const std::string address = RedisAddress{host, port}.Describe();
  if (is_sentinel) {
    return address;
  }
  const std::string credentials = password.empty() ? "" : absl::StrCat(username, ":***@");
  if (sentinels.empty()) {
    return absl::StrCat(kTcpPrefix, credentials, address, "/", database);
  }
  const auto describe = [](std::string* out, const RedisAddress& sentinel) { out->append(sentinel.Describe()); };
  return absl::StrCat(kSentinelPrefix, credentials, absl::StrJoin(sentinels, ",", describe), "/", master_name, "/",
                      database);
}

absl::StatusOr<RedisEndpoint> ParseRedisUrl(absl::string_view url) {
  if (absl::ConsumePrefix(&url, kTcpPrefix)) {
    return ParseTcp(url);
  }
  if (absl::ConsumePrefix(&url, kUnixPrefix)) {
    return ParseUnix(url);
  }
  if (absl::ConsumePrefix(&url, kSentinelPrefix) || absl::ConsumePrefix(&url, kSentinelShortPrefix)) {
    return ParseSentinels(url);
  }
  if (absl::StartsWith(url, "rediss://") || absl::StartsWith(url, "rediss+sentinel://")) {
    return Error("rediss:// (TLS) is not supported: put a TLS proxy such as stunnel beside the replica");
  }
  if (absl::StartsWith(url, "redis-sentinel://")) {
    return Error("redis-sentinel:// is written redis+sentinel:// here, with the master's name in the path");
  }
  return Error("the scheme is none of redis://, redis+sentinel:// and unix://");
}

}  // namespace dunlin
