#include "tests/fuzz/larger_requests.h"

#include <algorithm>
#include <cstddef>
#include <string>

#include "absl/strings/str_cat.h"
#include "storage/limits.h"

namespace dunlin {
namespace {

// More would only take time.
constexpr int kLargeWritesMax = 4;

constexpr size_t kOnceMaxBytes = 256;
constexpr size_t kRepetitions = kValueSizeMaxBytesHard / kOnceMaxBytes;

constexpr size_t kFilling = kBatchEntriesMax - 2;

}  // namespace

void RepeatValues(v1::BatchWriteRequest* request) {
  for (int i = 0; i < std::min(request->writes_size(), kLargeWritesMax); ++i) {
    std::string* const value = request->mutable_writes(i)->mutable_put()->mutable_value();
    const std::string once = value->substr(0, kOnceMaxBytes);
    value->clear();
    for (size_t repetition = 0; repetition < kRepetitions; ++repetition) {
      value->append(once);
    }
  }
}

void FillUp(v1::BatchWriteRequest* request) {
  for (size_t i = 0; i < kFilling; ++i) {
    request->add_writes()->mutable_delete_()->set_key(absl::StrCat("filling/", i));
  }
}

void FillUp(v1::BatchGetRequest* request) {
  for (size_t i = 0; i < kFilling; ++i) {
    request->add_keys("filling");
  }
}

}  // namespace dunlin
