// Goal (guarantee G2): a write that asked for ACK_MIRRORED is answered once Redis' hash has it, and no sooner.
// Method: three real replicas over a real Redis. The hash is read as soon as the answer is there; and Redis is made to
// hang, so that an answer that does not wait for it would come before.

#include <atomic>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/integration/shared_fleet.h"
#include "tests/support/eventually.h"
#include "tests/support/fleet.h"

namespace dunlin {
namespace {

using client::BatchDelete;
using client::BatchPut;

// Options of any kind that ask for it.
template <typename Options>
Options Mirrored() {
  Options options;
  options.ack = client::Ack::kMirrored;
  return options;
}

class AcknowledgementTest : public SharedFleetTest {
 protected:
  static constexpr int kWrites = 50;

  static std::string InRedis(absl::string_view key) { return fleet_->RedisValue(key); }

  // Calls `write` while Redis hangs. Its answer must not come before Redis goes on, although the write itself has taken
  // place by then, which `is_stored` tells.
  static void ExpectWaitsForRedis(const std::function<absl::Status()>& write, absl::FunctionRef<bool()> is_stored) {
    fleet_->redis().Pause();
    std::atomic<bool> answered{false};
    absl::Status status;
    std::thread caller([&] {
      status = write();
      answered = true;
    });
    EXPECT_TRUE(Eventually(is_stored));
    // Whoever waits for the disk alone has been answered by now: this write came later, and is.
    EXPECT_TRUE(client(0).Put("fence", "x").ok());
    EXPECT_FALSE(answered) << "answered while Redis cannot have it";
    fleet_->redis().Resume();
    caller.join();
    EXPECT_TRUE(status.ok()) << status;
  }
};

TEST_F(AcknowledgementTest, AMirroredPutIsInRedisWhenItIsAnswered) {
  for (int i = 0; i < kWrites; ++i) {
    const std::string key = absl::StrCat("put/", i);
    const auto put = client(i % 3).Put(key, absl::StrCat(i), Mirrored<client::PutOptions>());
    ASSERT_TRUE(put.ok()) << put.status();
    ASSERT_EQ(InRedis(key), absl::StrCat(i)) << key;
  }
}

TEST_F(AcknowledgementTest, AMirroredPutWaitsForRedis) {
  ExpectWaitsForRedis([] { return client(0).Put("waiting", "v", Mirrored<client::PutOptions>()).status(); },
                      [] { return HasValue(client(0), "waiting", "v"); });
  EXPECT_EQ(InRedis("waiting"), "v");
}

TEST_F(AcknowledgementTest, AMirroredDeleteIsInRedisWhenItIsAnswered) {
  for (int i = 0; i < kWrites; ++i) {
    const std::string key = absl::StrCat("delete/", i);
    ASSERT_TRUE(client(i % 3).Put(key, "v").ok());
    const auto removed = client(i % 3).Delete(key, Mirrored<client::DeleteOptions>());
    ASSERT_TRUE(removed.ok()) << removed.status();
    EXPECT_TRUE(removed->existed);
    ASSERT_EQ(InRedis(key), "(deleted)") << key;
  }
}

TEST_F(AcknowledgementTest, AMirroredDeleteWaitsForRedis) {
  ASSERT_TRUE(client(0).Put("doomed", "v", Mirrored<client::PutOptions>()).ok());
  ExpectWaitsForRedis([] { return client(0).Delete("doomed", Mirrored<client::DeleteOptions>()).status(); },
                      [] { return IsAbsent(client(0), "doomed"); });
  EXPECT_EQ(InRedis("doomed"), "(deleted)");
}

// 40 puts and the delete of `removed`.
std::vector<client::Write> MakeBatch(absl::string_view prefix, absl::string_view removed) {
  std::vector<client::Write> batch;
  for (int i = 0; i < 40; ++i) {
    batch.push_back(BatchPut{absl::StrCat(prefix, i), absl::StrCat(i), {}});
  }
  batch.push_back(BatchDelete{std::string(removed)});
  return batch;
}

TEST_F(AcknowledgementTest, AMirroredBatchIsInRedisAsAWholeWhenItIsAnswered) {
  for (int round = 0; round < kWrites / 5; ++round) {
    const std::string removed = absl::StrCat("batch/", round, "/removed");
    ASSERT_TRUE(client(round % 3).Put(removed, "v").ok());
    const std::string prefix = absl::StrCat("batch/", round, "/");
    const auto written =
        client(round % 3).BatchWrite(MakeBatch(prefix, removed), Mirrored<client::BatchWriteOptions>());
    ASSERT_TRUE(written.ok()) << written.status();
    // The last first: it is what an answer that comes too early lacks.
    ASSERT_EQ(InRedis(removed), "(deleted)");
    for (int i = 39; i >= 0; --i) {
      ASSERT_EQ(InRedis(absl::StrCat(prefix, i)), absl::StrCat(i));
    }
  }
}

TEST_F(AcknowledgementTest, AMirroredBatchWaitsForRedis) {
  ExpectWaitsForRedis(
      [] {
        const auto batch = MakeBatch("waiting batch/", "nothing");
        return client(0).BatchWrite(batch, Mirrored<client::BatchWriteOptions>()).status();
      },
      [] { return HasValue(client(0), "waiting batch/39", "39"); });
  EXPECT_EQ(InRedis("waiting batch/39"), "39");
}

TEST_F(AcknowledgementTest, AConditionalWriteIsInRedisWhenItIsAnsweredWhateverItAskedFor) {
  for (const client::Ack ack : {client::Ack::kLocal, client::Ack::kMirrored}) {
    const std::string key = absl::StrCat("judged/", static_cast<int>(ack));
    client::PutOptions put;
    put.precondition = client::IfAbsent();
    put.ack = ack;
    const auto created = client(1).Put(key, "v", put);
    ASSERT_TRUE(created.ok()) << created.status();
    EXPECT_EQ(InRedis(key), "v");
    client::DeleteOptions remove;
    remove.precondition = client::IfVersion{created->version};
    remove.ack = ack;
    const auto removed = client(1).Delete(key, remove);
    ASSERT_TRUE(removed.ok()) << removed.status();
    EXPECT_EQ(InRedis(key), "(deleted)");
  }
}

}  // namespace
}  // namespace dunlin
