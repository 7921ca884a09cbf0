#include "sync/host_resolver.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <iterator>
#include <system_error>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "storage/mutex.h"
#include "storage/status_macros.h"

namespace dunlin {
namespace {

bool IsNumeric(const std::string& host) {
  in6_addr address = {};
  return inet_pton(AF_INET, host.c_str(), &address) == 1 || inet_pton(AF_INET6, host.c_str(), &address) == 1;
}

// Returns 0 and an address of that family, or getaddrinfo()'s error.
int LookUpFamily(const std::string& host, int family, std::string* address) {
  addrinfo hints = {};
  hints.ai_family = family;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  int error = getaddrinfo(host.c_str(), nullptr, &hints, &found);
  if (error != 0) {
    return error;
  }
  char text[NI_MAXHOST] = {};
  error = getnameinfo(found->ai_addr, found->ai_addrlen, text, sizeof(text), nullptr, 0, NI_NUMERICHOST);
  freeaddrinfo(found);
  *address = text;
  return error;
}

}  // namespace

// A look-up, shared by its thread and whoever waits for it; the last one deletes it.
//
// Thread-safety: safe for concurrent use.
class HostResolver::Query {
 public:
  explicit Query(std::string host) : host_(std::move(host)), answered_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
  ~Query() {
    if (answered_ >= 0) {
      close(answered_);
    }
  }
  Query(const Query&) = delete;
  Query& operator=(const Query&) = delete;

  const std::string& host() const { return host_; }
  // Readable once there is an answer; -1 if the process had no descriptor left.
  int answered() const { return answered_; }

  void SetAnswer(absl::StatusOr<std::string> answer) {
    {
      MutexLock lock(&mutex_);
      answer_ = std::move(answer);
      has_answer_ = true;
    }
    eventfd_write(answered_, 1);
  }

  bool has_answer() const {
    MutexLock lock(&mutex_);
    return has_answer_;
  }

  absl::StatusOr<std::string> answer() const {
    MutexLock lock(&mutex_);
    return answer_;
  }

 private:
  const std::string host_;
  const int answered_;

  mutable Mutex mutex_;
  bool has_answer_ ABSL_GUARDED_BY(mutex_) = false;
  absl::StatusOr<std::string> answer_ ABSL_GUARDED_BY(mutex_) = absl::UnavailableError("not answered");
};

absl::StatusOr<std::string> HostResolver::LookUpInSystem(const std::string& host) {
  std::string address;
  int error = LookUpFamily(host, AF_INET, &address);
  if (error != 0) {
    error = LookUpFamily(host, AF_INET6, &address);
  }
  if (error != 0) {
    return absl::UnavailableError(absl::StrCat("host \"", host, "\": ", gai_strerror(error)));
  }
  return address;
}

absl::StatusOr<std::string> HostResolver::Resolve(const std::string& host, const Interrupter& interrupter,
                                                  absl::Time deadline) {
  if (IsNumeric(host)) {
    return host;
  }
  ForgetAnswersBut(host);
  if (queries_.count(host) == 0) {
    const auto query = std::make_shared<Query>(host);
    if (query->answered() < 0) {
      return absl::ResourceExhaustedError("no file descriptor was left for an eventfd: raise the limit (ulimit -n)");
    }
    try {
      std::thread([query, look_up = look_up_] { query->SetAnswer(look_up(query->host())); }).detach();
    } catch (const std::system_error& error) {
      return absl::ResourceExhaustedError(absl::StrCat("no thread was left to resolve a host: ", error.what()));
    }
    queries_[host] = query;
  }
  const std::shared_ptr<Query> query = queries_[host];
  DUNLIN_RETURN_IF_ERROR(interrupter.WaitReadable(query->answered(), deadline));
  queries_.erase(host);
  return query->answer();
}

void HostResolver::ForgetAnswersBut(const std::string& host) {
  for (auto it = queries_.begin(); it != queries_.end();) {
    it = it->first != host && it->second->has_answer() ? queries_.erase(it) : std::next(it);
  }
}

}  // namespace dunlin
