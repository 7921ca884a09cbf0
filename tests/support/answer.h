#ifndef DUNLIN_TESTS_SUPPORT_ANSWER_H_
#define DUNLIN_TESTS_SUPPORT_ANSWER_H_

#include <memory>
#include <optional>
#include <utility>

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
// Thread-safety: safe for concurrent use.
template <typename T>
class Answer {
 public:
  // What to give as callback.
  auto Callback() {
    return [shared = shared_](T value) {
      MutexLock lock(&shared->mutex);
      EXPECT_FALSE(shared->value.has_value()) << "answered twice";
      shared->value.emplace(std::move(value));
      ++shared->calls;
      shared->changed.SignalAll();
    };
  }

  T Get() {
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
    return *shared_->value;
  }

  int calls() const {
    MutexLock lock(&shared_->mutex);
    return shared_->calls;
  }

 private:
  struct Shared {
    Mutex mutex;
    CondVar changed;
    std::optional<T> value;
    int calls = 0;
  };
  std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
};

}  // namespace dunlin

#endif  // DUNLIN_TESTS_SUPPORT_ANSWER_H_
