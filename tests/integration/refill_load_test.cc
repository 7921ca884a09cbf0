// Goal (guarantee G8, and no overload): when five replicas reconcile with Redis at once, what it lacks reaches it about
// once, in pages of bounded size, each of which holds it for a moment; everybody is served meanwhile; and where nothing
// is missing, nothing but the comparison travels.
// Method: five real replicas with 20,000 entries; what Redis itself counts, from just before it loses everything, or it
// or the replicas are restarted, until all are equal again.

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"
#include "storage/limits.h"
#include "sync/event_message.h"
#include "sync/redis_connection.h"
#include "tests/support/eventually.h"
#include "tests/support/fleet.h"
#include "tests/support/redis_server.h"

namespace dunlin {
namespace {

constexpr size_t kReplicas = 5;
constexpr int kEntries = 20000;
constexpr int kBatchEntries = 250;
constexpr size_t kValueSizeBytes = 500;
static_assert(kEntries % kBatchEntries == 0);

// The longest that one command may hold Redis: pages take milliseconds, the rest is for a machine that is busy. Some
// more, and replicas would take Redis for dead.
constexpr absl::Duration kHeldMax = absl::Seconds(2);
static_assert(kHeldMax < kRedisTimeout);

// The longest that a read or write may take while Redis is refilled. It asks Redis for nothing.
constexpr absl::Duration kServedWithin = absl::Seconds(2);

// What a key or a record takes on the line beside its bytes: "$500", and two ends of lines.
constexpr uint64_t kArgumentBytes = 8;

// The bytes of a key and the order of its record, as a replica asks whether Redis lacks it.
constexpr uint64_t kOrderSizeBytes = 24;

Fleet::Options FiveReplicas(bool append_only = false) {
  Fleet::Options options;
  options.replicas = kReplicas;
  options.redis.append_only = append_only;
  options.redis.arguments = {"--slowlog-log-slower-than", absl::StrCat(absl::ToInt64Microseconds(kHeldMax))};
  return options;
}

std::string KeyName(int number) { return absl::StrCat("refilled/", number); }

std::string ValueOf(int number) {
  std::string value = absl::StrCat(number, "/");
  value.resize(kValueSizeBytes, 'v');
  return value;
}

// Stores all entries, and waits until everybody has them.
void Fill(Fleet& fleet) {
  for (int first = 0; first < kEntries; first += kBatchEntries) {
    std::vector<client::Write> batch;
    for (int i = first; i < first + kBatchEntries; ++i) {
      batch.push_back(client::BatchPut{KeyName(i), ValueOf(i), {}});
    }
    const auto written = fleet.client(0).BatchWrite(batch);
    ASSERT_TRUE(written.ok()) << written.status();
  }
  ASSERT_TRUE(fleet.Converges()) << fleet.Describe();
}

// All that Redis holds, by key: the records with their versions.
std::map<std::string, std::string> RecordsIn(Fleet& fleet) {
  const RedisReply reply = fleet.redis().Run({"HGETALL", fleet.names().data});
  std::map<std::string, std::string> records;
  for (size_t i = 0; i + 1 < reply.elements.size(); i += 2) {
    records[reply.elements[i].text] = reply.elements[i + 1].text;
  }
  return records;
}

// What it takes to send all of `records` once.
uint64_t CopyBytes(const std::map<std::string, std::string>& records) {
  uint64_t bytes = 0;
  for (const auto& [key, record] : records) {
    bytes += key.size() + record.size() + 2 * kArgumentBytes;
  }
  return bytes;
}

// What it takes to ask once for each of `records` whether Redis lacks it.
uint64_t QuestionBytes(const std::map<std::string, std::string>& records) {
  uint64_t bytes = 0;
  for (const auto& [key, record] : records) {
    bytes += key.size() + kOrderSizeBytes + 2 * kArgumentBytes;
  }
  return bytes;
}

// What Redis has counted since its start or the last CONFIG RESETSTAT.
struct Counted {
  uint64_t input_bytes = 0;
  uint64_t output_bytes = 0;
  std::string commands;
};

Counted CountedBy(RedisServer& redis) {
  Counted counted;
  const std::string stats = redis.Run({"INFO", "stats"}).text;
  counted.input_bytes = InfoNumber(stats, "total_net_input_bytes");
  counted.output_bytes = InfoNumber(stats, "total_net_output_bytes");
  counted.commands = redis.Run({"INFO", "commandstats"}).text;
  return counted;
}

void ExpectNothingHeldRedisForLong(RedisServer& redis) {
  for (const RedisReply& entry : redis.Run({"SLOWLOG", "GET", "-1"}).elements) {
    ASSERT_GE(entry.elements.size(), 4u);
    ASSERT_FALSE(entry.elements[3].elements.empty());
    ADD_FAILURE() << entry.elements[3].elements[0].text << " held Redis for "
                  << absl::Microseconds(entry.elements[2].integer);
  }
}

// ---- Redis has lost everything ----

// EventListener hears what Redis accepts: one event for each batch.
class EventListener {
 public:
  explicit EventListener(Fleet& fleet) {
    EXPECT_TRUE(connection_.Connect(fleet.redis().unix_endpoint(), "listener", Patience()).ok());
    const absl::StatusOr<RedisReply> subscribed = connection_.Call({"SUBSCRIBE", fleet.names().channel}, Patience());
    EXPECT_TRUE(subscribed.ok()) << subscribed.status();
  }

  // The numbers of records in the events up to the one that holds the sequence `last`.
  std::vector<size_t> SizesUpTo(uint64_t last) {
    std::vector<size_t> sizes;
    for (uint64_t reached = 0; reached < last;) {
      const absl::StatusOr<RedisReply> message = connection_.ReadReply(Patience());
      if (!message.ok() || message->elements.size() != 3) {
        ADD_FAILURE() << "no event after sequence " << reached << ": " << message.status();
        break;
      }
      const absl::StatusOr<EventMessage> event = DecodeEventMessage(message->elements[2].text);
      if (!event.ok()) {
        ADD_FAILURE() << event.status();
        break;
      }
      sizes.push_back(event->items.size());
      reached = event->first_sequence + event->items.size() - 1;
    }
    return sizes;
  }

 private:
  static absl::Time Patience() { return absl::Now() + kTestPatience; }

  RedisConnection connection_;
};

// Each replica answers a read, of `number`, soon and right.
void ExpectReads(Fleet& fleet, int number) {
  client::ReadOptions soon;
  soon.timeout = kServedWithin;
  for (size_t i = 0; i < fleet.size(); ++i) {
    const absl::StatusOr<client::GetResult> got = fleet.client(i).Get(KeyName(number), soon);
    ASSERT_TRUE(got.ok()) << "replica " << i << ": " << got.status();
    EXPECT_EQ(got->entry.value, ValueOf(number));
  }
}

void ExpectWrite(Fleet& fleet, absl::string_view key) {
  client::PutOptions soon;
  soon.timeout = kServedWithin;
  const absl::StatusOr<client::WriteResult> put = fleet.client(1).Put(key, "1", soon);
  EXPECT_TRUE(put.ok()) << put.status();
}

// Waits until Redis has all entries again; reads all the while, and writes once in the middle.
void ServeDuringRefill(Fleet& fleet) {
  int read = 0;
  bool met = false;
  const auto refilled = [&] {
    const bool begun = fleet.RedisRecords() > 0;
    ExpectReads(fleet, read++ % kEntries);
    const uint64_t records = fleet.RedisRecords();
    if (!met && begun && records < kEntries) {
      met = true;
      ExpectWrite(fleet, "meanwhile");
    }
    return records >= kEntries || testing::Test::HasFailure();
  };
  EXPECT_TRUE(Eventually(refilled)) << fleet.Describe();
  EXPECT_TRUE(met) << "the refill was over before anybody was served in its middle";
}

TEST(RefillLoad, AnEmptiedRedisGetsEverythingAboutOnceAndEverybodyIsServedMeanwhile) {
  Fleet fleet(FiveReplicas());
  ASSERT_NO_FATAL_FAILURE(Fill(fleet));
  const std::map<std::string, std::string> before = RecordsIn(fleet);
  ASSERT_EQ(before.size(), static_cast<size_t>(kEntries));
  const std::string old_epoch = fleet.replica(0).Status().epoch;

  EventListener listener(fleet);
  fleet.redis().Run({"CONFIG", "RESETSTAT"});
  fleet.redis().Run({"FLUSHALL"});
  ASSERT_NO_FATAL_FAILURE(ServeDuringRefill(fleet));
  ASSERT_TRUE(fleet.Converges()) << fleet.Describe();
  const Counted counted = CountedBy(fleet.redis());

  // What was there is there again, to the version, and was accepted once.
  std::map<std::string, std::string> after = RecordsIn(fleet);
  EXPECT_EQ(after.erase("meanwhile"), 1u);
  EXPECT_TRUE(after == before) << after.size() << " records, or others than before";
  EXPECT_NE(fleet.replica(0).Status().epoch, old_epoch);
  EXPECT_EQ(fleet.RedisSequence(), kEntries + 1u);

  // Every replica asks for everything, and one of them sends it. The second copy is for the pages at which others have
  // caught up with that one, and for scripts and heartbeats.
  const uint64_t copy_bytes = CopyBytes(before);
  EXPECT_GT(counted.input_bytes, copy_bytes) << "this does not measure what it says";
  EXPECT_LT(counted.input_bytes, 2 * copy_bytes + kReplicas * QuestionBytes(before))
      << "Redis was sent " << counted.input_bytes << " bytes to get " << copy_bytes << " of them";

  // A page is full with so many, and ends with the batch that it has begun.
  const std::vector<size_t> sizes = listener.SizesUpTo(fleet.RedisSequence());
  ASSERT_FALSE(sizes.empty());
  EXPECT_LT(*std::max_element(sizes.begin(), sizes.end()), kMirrorBatchEntriesMax + kBatchEntries);
  ExpectNothingHeldRedisForLong(fleet.redis());
}

// ---- Redis has lost nothing ----

// Scripts look at records by HGET, or, 16 at a time, by HMGET, by which each asks once for meta, and some once more;
// and none that is accepted goes without ZADD and PUBLISH.
void ExpectNoRecordWasTouched(const Counted& counted) {
  for (const std::string command : {"hget", "zadd", "publish"}) {
    EXPECT_EQ(CommandCalls(counted.commands, command), 0u) << command;
  }
  constexpr int kToReadAll = kEntries / 16;
  EXPECT_LT(CommandCalls(counted.commands, "hmget"), CommandCalls(counted.commands, "evalsha") + kToReadAll / 10)
      << counted.commands;
}

// What connections, scripts and heartbeats of five replicas take, clearly less than one copy of the data.
void ExpectLittleTravelled(const Counted& counted, uint64_t copy_bytes) {
  // Each connection loads the scripts, some 66 KB.
  EXPECT_LT(counted.input_bytes, copy_bytes / 4);
  EXPECT_LT(counted.output_bytes, copy_bytes / 10);
}

TEST(RefillLoad, AllReplicasRestartedOverAnIntactRedisGoOnFromWhereTheyWere) {
  Fleet fleet(FiveReplicas());
  ASSERT_NO_FATAL_FAILURE(Fill(fleet));
  const uint64_t copy_bytes = CopyBytes(RecordsIn(fleet));
  const std::string epoch = fleet.replica(0).Status().epoch;
  for (size_t i = 0; i < fleet.size(); ++i) {
    fleet.replica(i).SendTerminate();
  }
  for (size_t i = 0; i < fleet.size(); ++i) {
    ASSERT_EQ(fleet.replica(i).WaitForExit().code, 0);
  }

  fleet.redis().Run({"CONFIG", "RESETSTAT"});
  for (size_t i = 0; i < fleet.size(); ++i) {
    fleet.replica(i).Start();
  }
  for (size_t i = 0; i < fleet.size(); ++i) {
    ASSERT_TRUE(fleet.replica(i).WaitServing()) << fleet.replica(i).LogTail();
  }
  ASSERT_TRUE(fleet.Converges()) << fleet.Describe();
  const Counted counted = CountedBy(fleet.redis());
  ExpectNoRecordWasTouched(counted);
  ExpectLittleTravelled(counted, copy_bytes);
  EXPECT_EQ(fleet.replica(0).Status().epoch, epoch);
  EXPECT_EQ(fleet.replica(kReplicas - 1).Status().entries, static_cast<uint64_t>(kEntries));
}

// A Redis that was restarted may have lost anything: only the comparison of what it holds tells that it has not.
TEST(RefillLoad, ARestartedRedisThatHasKeptItsDataIsComparedByCountAndSumAlone) {
  Fleet fleet(FiveReplicas(/*append_only=*/true));
  ASSERT_NO_FATAL_FAILURE(Fill(fleet));
  const std::map<std::string, std::string> before = RecordsIn(fleet);
  const std::string old_epoch = fleet.replica(0).Status().epoch;

  // It counts anew.
  fleet.redis().Restart();
  for (size_t i = 0; i < fleet.size(); ++i) {
    ASSERT_TRUE(Eventually([&] { return fleet.replica(i).Status().epoch != old_epoch; })) << "it is not noticed";
  }
  ASSERT_TRUE(fleet.Converges()) << fleet.Describe();
  const Counted counted = CountedBy(fleet.redis());
  ExpectNoRecordWasTouched(counted);
  ExpectLittleTravelled(counted, CopyBytes(before));
  EXPECT_TRUE(RecordsIn(fleet) == before);
}

}  // namespace
}  // namespace dunlin
