#ifndef DUNLIN_SYNC_HOST_RESOLVER_H_
#define DUNLIN_SYNC_HOST_RESOLVER_H_

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "sync/interrupter.h"

namespace dunlin {

// HostResolver finds the address of a host in a wait that has a deadline and can be ended.
//
// The system's resolver offers neither, and blocks for half a minute and more when name servers do not answer. So it is
// asked on a thread of its own, which owns all that it touches and for which nobody waits in the end. There is at most
// one for each host: whoever asks again while it is under way gets its answer, also after asking for others meanwhile,
// as one does who looks for a sentinel that answers.
//
// Thread-safety: one thread at a time.
class HostResolver {
 public:
  // Returns an address of `host` in numbers, or why there is none.
  using LookUp = std::function<absl::StatusOr<std::string>(const std::string& host)>;

  // Asks the system. An IPv4 address is preferred, as Redis listens on those alone by default.
  // Errors: kUnavailable.
  static absl::StatusOr<std::string> LookUpInSystem(const std::string& host);

  explicit HostResolver(LookUp look_up = LookUpInSystem) : look_up_(std::move(look_up)) {}

  // Returns an address of `host`; a numeric one is returned as it is, without a thread.
  // Errors: those of the look-up; kCancelled and kDeadlineExceeded as of `interrupter`; kResourceExhausted when the
  // system has no thread or descriptor left.
  absl::StatusOr<std::string> Resolve(const std::string& host, const Interrupter& interrupter, absl::Time deadline);

 private:
  class Query;

  // Addresses change: an answer for which nobody waited is not kept for whoever asks much later.
  void ForgetAnswersBut(const std::string& host);

  const LookUp look_up_;
  // The look-ups under way, by host.
  std::map<std::string, std::shared_ptr<Query>> queries_;
};

}  // namespace dunlin

#endif  // DUNLIN_SYNC_HOST_RESOLVER_H_
