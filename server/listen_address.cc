#include "server/listen_address.h"

#include <sys/un.h>

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace dunlin {
namespace {

constexpr size_t kUnixPathMaxBytes = sizeof(sockaddr_un::sun_path) - 1;

absl::Status FormError(absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(what, "; write host:port, [v6 address]:port or unix:path"));
}

absl::StatusOr<ListenAddress> ParseUnix(absl::string_view path) {
  if (path.empty()) return FormError("the path of the Unix socket is missing");
  if (path.size() > kUnixPathMaxBytes) {
    return absl::InvalidArgumentError(absl::StrCat("the path of the Unix socket has ", path.size(),
                                                   " bytes, and the system allows ", kUnixPathMaxBytes,
                                                   "; use a shorter one"));
  }
  ListenAddress address;
  address.unix_path = std::string(path);
  return address;
}

absl::StatusOr<uint16_t> ParsePort(absl::string_view text) {
  uint32_t port = 0;
  const bool digits = !text.empty() && std::all_of(text.begin(), text.end(), absl::ascii_isdigit);
  if (!digits || !absl::SimpleAtoi(text, &port) || port > 65535) {
    return FormError(absl::StrCat("\"", text, "\" is not a port from 0 to 65535"));
  }
  return static_cast<uint16_t>(port);
}

// Splits "[host]:port" or "host:port".
absl::Status Split(absl::string_view text, absl::string_view* host, absl::string_view* port) {
  const size_t colon = text.rfind(':');
  if (colon == absl::string_view::npos) return FormError("the port is missing");
  *host = text.substr(0, colon);
  *port = text.substr(colon + 1);
  if (absl::ConsumePrefix(host, "[")) {
    return absl::ConsumeSuffix(host, "]") ? absl::OkStatus() : FormError("the closing bracket is missing");
  }
  if (host->find(':') != absl::string_view::npos) return FormError("a v6 address must stand in brackets");
  return absl::OkStatus();
}

}  // namespace

std::string ListenAddress::ToString() const {
  if (is_unix()) return absl::StrCat("unix:", unix_path);
  const bool v6 = host.find(':') != std::string::npos;
  return v6 ? absl::StrCat("[", host, "]:", port) : absl::StrCat(host, ":", port);
}

absl::StatusOr<ListenAddress> ParseListenAddress(absl::string_view text) {
  if (absl::ConsumePrefix(&text, "unix:")) return ParseUnix(text);
  absl::string_view host;
  absl::string_view port;
  if (absl::Status status = Split(text, &host, &port); !status.ok()) return status;
  if (host.empty()) return FormError("the host is missing: 127.0.0.1 for this machine alone, [::] for every interface");
  const bool sane = std::none_of(host.begin(), host.end(), [](char c) { return absl::ascii_isspace(c) || c == '/'; });
  if (!sane) return FormError(absl::StrCat("\"", host, "\" is not a host"));
  absl::StatusOr<uint16_t> number = ParsePort(port);
  if (!number.ok()) return number.status();
  return ListenAddress{std::string(host), *number, ""};
}

}  // namespace dunlin
