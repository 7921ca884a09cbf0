#ifndef DUNLIN_TESTS_SYNC_RELAY_TESTER_H_
#define DUNLIN_TESTS_SYNC_RELAY_TESTER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gtest/gtest.h"
#include "sync/relay.h"
#include "tests/sync/test_records.h"

namespace dunlin {

// RelayTester makes the calls that most tests of a Relay make; one that fails fails the test.
class RelayTester {
 protected:
  static constexpr uint64_t kEpoch = 0x1122334455667788;
  static constexpr uint64_t kOrigin = 0xfedcba9876543210;

  ~RelayTester() = default;

  virtual Relay& relay() = 0;

  void CreatePosition() {
    const absl::StatusOr<RelayPosition> position = relay().ReadPosition({kEpoch, "fleet"});
    ASSERT_TRUE(position.ok()) << position.status();
  }

  RelayPosition ReadPosition(const PositionProposal& proposal) {
    absl::StatusOr<RelayPosition> position = relay().ReadPosition(proposal);
    EXPECT_TRUE(position.ok()) << position.status();
    return position.ok() ? *std::move(position) : RelayPosition();
  }

  RelayChangePage ReadChanges(uint64_t after, size_t items_max = 1000, size_t size_max_bytes = 1 << 20) {
    absl::StatusOr<RelayChangePage> page = relay().ReadChanges(after, items_max, size_max_bytes);
    EXPECT_TRUE(page.ok()) << page.status();
    return page.ok() ? *std::move(page) : RelayChangePage();
  }

  MirrorBatch Batch(std::vector<KeyedRecord> items) const { return MirrorBatch{kEpoch, kOrigin, std::move(items)}; }

  MirrorReply Mirror(std::vector<KeyedRecord> items) {
    absl::StatusOr<MirrorReply> reply = relay().Mirror(Batch(std::move(items)));
    EXPECT_TRUE(reply.ok()) << reply.status();
    return reply.ok() ? *std::move(reply) : MirrorReply();
  }

  // Mirrors `record_` under "key0", "key1" and so on.
  void MirrorKeys(int count) {
    std::vector<KeyedRecord> items;
    for (int i = 0; i < count; ++i) {
      items.push_back({absl::StrCat("key", i), record_});
    }
    Mirror(items);
  }

  const std::string record_ = MakeRecord(MakeVersion(absl::Now()), "value");
};

}  // namespace dunlin

#endif  // DUNLIN_TESTS_SYNC_RELAY_TESTER_H_
