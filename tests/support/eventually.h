#ifndef DUNLIN_TESTS_SUPPORT_EVENTUALLY_H_
#define DUNLIN_TESTS_SUPPORT_EVENTUALLY_H_

#include "absl/functional/function_ref.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace dunlin {

// Long enough for a loaded machine under a sanitizer: it is only waited out by a test that fails.
inline constexpr absl::Duration kTestPatience = absl::Seconds(30);

// Whether `condition` becomes true within `patience`. For what happens in another process or thread that offers nothing
// to wait for; returns as soon as it is true. A condition that costs something is looked at every `period`.
inline bool Eventually(absl::FunctionRef<bool()> condition, absl::Duration patience = kTestPatience,
                       absl::Duration period = absl::Milliseconds(2)) {
  const absl::Time deadline = absl::Now() + patience;
  while (!condition()) {
    if (absl::Now() >= deadline) {
      return false;
    }
    absl::SleepFor(period);
  }
  return true;
}

}  // namespace dunlin

#endif  // DUNLIN_TESTS_SUPPORT_EVENTUALLY_H_
