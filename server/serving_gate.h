#ifndef DUNLIN_SERVER_SERVING_GATE_H_
#define DUNLIN_SERVER_SERVING_GATE_H_

#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "storage/mutex.h"

namespace dunlin {

// ServingGate tells services whether the replica answers data calls. An empty replica that has not reached its fleet
// would answer NOT_FOUND to everything, which is worse than no answer.
//
// Thread-safety: safe for concurrent use.
class ServingGate {
 public:
  // `reason`: why not, for the caller and the status.
  void Close(absl::string_view reason) ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(&mutex_);
    status_ = absl::UnavailableError(absl::StrCat("the replica does not serve: ", reason, "; try another replica"));
    reason_ = std::string(reason);
  }

  // `reason`: what makes the replica fit to serve, for the status.
  void Open(absl::string_view reason) ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(&mutex_);
    status_ = absl::OkStatus();
    reason_ = std::string(reason);
  }

  // OK, or kUnavailable with the reason.
  absl::Status Check() const ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(&mutex_);
    return status_;
  }

  // Why it is as it is.
  std::string reason() const ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(&mutex_);
    return reason_;
  }

 private:
  mutable Mutex mutex_;
  absl::Status status_ ABSL_GUARDED_BY(mutex_) = absl::UnavailableError("the replica is starting");
  std::string reason_ ABSL_GUARDED_BY(mutex_) = "starting";
};

}  // namespace dunlin

#endif  // DUNLIN_SERVER_SERVING_GATE_H_
