#ifndef DUNLIN_TESTS_INTEGRATION_PUT_MANY_H_
#define DUNLIN_TESTS_INTEGRATION_PUT_MANY_H_

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "client/client.h"
#include "client/types.h"
#include "gtest/gtest.h"

namespace dunlin {

// Stores `count` entries in one batch: `prefix` and a number from 0 on, with that number for a value. A failure ends
// this function and fails the test; a caller that must not go on then says ASSERT_NO_FATAL_FAILURE.
// REQUIRES: `count` is no more than a batch may hold.
inline void PutMany(client::Client& client, absl::string_view prefix, int count) {
  std::vector<client::Write> batch;
  for (int i = 0; i < count; ++i) {
    batch.push_back(client::BatchPut{absl::StrCat(prefix, i), absl::StrCat(i), {}});
  }
  const auto written = client.BatchWrite(batch);
  ASSERT_TRUE(written.ok()) << written.status();
}

}  // namespace dunlin

#endif  // DUNLIN_TESTS_INTEGRATION_PUT_MANY_H_
