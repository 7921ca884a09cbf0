#ifndef DUNLIN_TESTS_INTEGRATION_SHARED_FLEET_H_
#define DUNLIN_TESTS_INTEGRATION_SHARED_FLEET_H_

#include "absl/strings/string_view.h"
#include "gtest/gtest.h"
#include "tests/support/eventually.h"
#include "tests/support/fleet.h"

namespace dunlin {

// SharedFleetTest has three replicas over a Redis that all tests of a class share: every test uses keys of its own. In
// the end of each, all replicas have to hold the same.
class SharedFleetTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { fleet_ = new Fleet(); }
  static void TearDownTestSuite() {
    delete fleet_;
    fleet_ = nullptr;
  }
  void TearDown() override { EXPECT_TRUE(fleet_->Converges()) << fleet_->Describe(); }

  static Client& client(size_t index) { return fleet_->client(index); }

  static bool EveryReplicaHas(absl::string_view key, absl::string_view value) {
    return Eventually([&] {
      return HasValue(client(0), key, value) && HasValue(client(1), key, value) && HasValue(client(2), key, value);
    });
  }

  static bool EveryReplicaLacks(absl::string_view key) {
    return Eventually([&] { return IsAbsent(client(0), key) && IsAbsent(client(1), key) && IsAbsent(client(2), key); });
  }

  inline static Fleet* fleet_ = nullptr;
};

}  // namespace dunlin

#endif  // DUNLIN_TESTS_INTEGRATION_SHARED_FLEET_H_
