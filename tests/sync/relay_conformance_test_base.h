#ifndef DUNLIN_TESTS_SYNC_RELAY_CONFORMANCE_TEST_BASE_H_
#define DUNLIN_TESTS_SYNC_RELAY_CONFORMANCE_TEST_BASE_H_

#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "sync/relay.h"
#include "tests/sync/relay_backend.h"
#include "tests/sync/relay_tester.h"

namespace dunlin {

struct RelayConformanceParam {
  const char* name;
  RelayBackendFactory make_backend;
};

// A relay and what stands behind it, with a position that has just been created: once for the real Redis, and once for
// the simulator's model, which is worth what it has in common with the real one.
class RelayConformanceTestBase : public testing::TestWithParam<RelayConformanceParam>, protected RelayTester {
 protected:
  void SetUp() override { CreatePosition(); }

  Relay& relay() override { return *relay_; }

  const std::unique_ptr<RelayBackend> backend_ = GetParam().make_backend();
  const std::unique_ptr<Relay> relay_ = backend_->NewRelay();
};

inline std::vector<RelayConformanceParam> RelayBackends() {
  return {{"Redis", MakeRedisBackend}, {"Model", MakeModelBackend}};
}

inline std::string BackendName(const testing::TestParamInfo<RelayConformanceParam>& info) { return info.param.name; }

}  // namespace dunlin

#endif  // DUNLIN_TESTS_SYNC_RELAY_CONFORMANCE_TEST_BASE_H_
