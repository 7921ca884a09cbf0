#ifndef DUNLIN_TESTS_SUPPORT_ANSWER_H_
#define DUNLIN_TESTS_SUPPORT_ANSWER_H_

#include <memory>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "storage/mutex.h"
#include "tests/support/eventually.h"

namespace dunlin {

// An answer that takes longer is lost. Whoever was told to wait for no more than kTestPatience has said so by then, and
// the minute that Bazel gives a small test is not over yet.
inline constexpr absl::Duration kAnswerPatience = absl::Seconds(45);
static_assert(kTestPatience < kAnswerPatience);

// Answer is what a callback is going to bring, once; Get() waits for it. The callback may outlive this object. T is a
// status, or holds one: where no answer comes, the test fails and goes on with an error.
//
// What has come is moved to the one who waits, and nothing of it is left with the callback: the system's Abseil counts
// the references to a status where ThreadSanitizer cannot see it, so that of two threads with one status, whichever
// frees it seems to race with the other.
//
// Thread-safety: the callback may be called and destroyed by any thread, beside the rest; the rest is for one thread.
template <typename T>
class Answer {
 public:
  // What to give as callback.
  auto Callback() {
    return [shared = shared_](T value) {
      MutexLock lock(&shared->mutex);
      EXPECT_EQ(++shared->calls, 1) << "answered twice";
      shared->value = std::move(value);
      shared->changed.SignalAll();
    };
  }

  T Get() {
    if (!got_.has_value()) {
      got_ = Wait();
    }
    return *got_;
  }

  int calls() const {
    MutexLock lock(&shared_->mutex);
    return shared_->calls;
  }

 private:
  struct Shared {
    Mutex mutex;
    CondVar changed;
    std::optional<T> value ABSL_GUARDED_BY(mutex);
    int calls ABSL_GUARDED_BY(mutex) = 0;
  };

  T Wait() {
    const absl::Time deadline = absl::Now() + kAnswerPatience;
    MutexLock lock(&shared_->mutex);
    while (!shared_->value.has_value()) {
      const absl::Duration left = deadline - absl::Now();
      if (left <= absl::ZeroDuration()) {
        ADD_FAILURE() << "not answered within " << kAnswerPatience;
        return absl::DeadlineExceededError("the callback was not called");
      }
      shared_->changed.WaitWithTimeout(&shared_->mutex, left);
    }
    return std::move(*shared_->value);
  }

  std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
  std::optional<T> got_;
};

}  // namespace dunlin

#endif  // DUNLIN_TESTS_SUPPORT_ANSWER_H_
