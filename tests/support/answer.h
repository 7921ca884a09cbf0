#ifndef DUNLIN_TESTS_SUPPORT_ANSWER_H_
#define DUNLIN_TESTS_SUPPORT_ANSWER_H_

#include <memory>
#include <optional>
#include <utility>

#include "gtest/gtest.h"
#include "storage/mutex.h"

namespace dunlin {

// Answer is what a callback is going to bring, once; Get() waits for it. The callback may outlive this object.
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
    MutexLock lock(&shared_->mutex);
    while (!shared_->value.has_value()) {
      shared_->changed.Wait(&shared_->mutex);
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
