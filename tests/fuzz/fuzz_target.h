#ifndef DUNLIN_TESTS_FUZZ_FUZZ_TARGET_H_
#define DUNLIN_TESTS_FUZZ_FUZZ_TARGET_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

// What a fuzz target is made of: one function that is called with every input, the properties that it requires of it,
// and the milestones that some inputs have to reach. The same file is linked with libFuzzer (--config=fuzz) or with
// our own driver (driver.cc), which replays what is kept.
namespace dunlin {

// Says which property is broken, and ends the program: that is how a fuzzer learns of a finding and keeps the input.
[[noreturn]] void PropertyBroken(absl::string_view file, int line, absl::string_view property,
                                 absl::string_view detail);

// Milestone is a place that a target reaches with some inputs, such as the far side of a checksum. A target whose
// inputs are all turned away at the door proves nothing, however many there are, so the driver fails when a milestone
// is never reached.
//
// Lives as long as the program. Thread-safety: one thread.
class Milestone {
 public:
  // `name` says what was reached and must outlive the milestone.
  explicit Milestone(absl::string_view name) : name_(name) { Mutable().push_back(this); }
  Milestone(const Milestone&) = delete;
  Milestone& operator=(const Milestone&) = delete;

  void Reach() { ++count_; }

  absl::string_view name() const { return name_; }
  uint64_t count() const { return count_; }

  // Those of this program.
  static const std::vector<const Milestone*>& All() { return Mutable(); }

 private:
  static std::vector<const Milestone*>& Mutable();

  const absl::string_view name_;
  uint64_t count_ = 0;
};

// Bytes that end where their memory ends, so that AddressSanitizer sees the first one that is read beyond: a string has
// a NUL there, and room to spare.
class ExactBytes {
 public:
  explicit ExactBytes(absl::string_view bytes) : bytes_(bytes.begin(), bytes.end()) {}

  absl::string_view view() const { return absl::string_view(bytes_.data(), bytes_.size()); }

 private:
  const std::vector<char> bytes_;
};

// A number below `bound` that depends on `bytes` alone: where to cut them, which bit to flip.
// REQUIRES: bound > 0
size_t PickBelow(size_t bound, absl::string_view bytes);

}  // namespace dunlin

// Ends the program unless `property` holds. `detail` is anything that absl::StrCat takes.
#define DUNLIN_REQUIRE(property, detail)                                                            \
  do {                                                                                              \
    if (!(property)) ::dunlin::PropertyBroken(__FILE__, __LINE__, #property, absl::StrCat(detail)); \
  } while (false)

// Makes `check(absl::string_view input)` the fuzz target of this program.
#define DUNLIN_FUZZ_TARGET(check)                                           \
  extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);  \
  extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) { \
    (check)(absl::string_view(reinterpret_cast<const char*>(data), size));  \
    return 0;                                                               \
  }                                                                         \
  static_assert(true, "takes the semicolon after the macro")

#endif  // DUNLIN_TESTS_FUZZ_FUZZ_TARGET_H_
