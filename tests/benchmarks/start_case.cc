// Starts: how fast an empty replica takes over everything from Redis, beside a program that only reads it; how fast one
// that was away comes back; and what the data take in Redis beside a bare hash.

#include <cstdlib>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "sync/redis_connection.h"
#include "sync/redis_names.h"
#include "tests/benchmarks/bench.h"
#include "tests/benchmarks/data_set.h"
#include "tests/benchmarks/rivals/servers.h"
#include "tests/support/eventually.h"
#include "tests/support/redis_server.h"

namespace dunlin::bench {
namespace {

constexpr size_t kKeys = 1'000'000;
constexpr size_t kMissedChanges = 1'000;
constexpr absl::Duration kPatience = absl::Minutes(5);

[[noreturn]] void Fail(absl::string_view what) {
  std::cerr << "bench: " << what << std::endl;
  std::abort();
}

std::string UrlOf(const RedisServer& redis) { return absl::StrCat("redis://127.0.0.1:", redis.port()); }

void AwaitMirrored(DunlinServer* server) {
  if (!Eventually([&] { return server->process().Status().outbox_depth == 0; }, kPatience, absl::Milliseconds(20))) {
    Fail("the outbox does not get empty");
  }
}

double SecondsToServing(ReplicaProcess* process) {
  const absl::Time start = absl::Now();
  process->Start();
  if (!process->WaitServing(kPatience)) {
    Fail(process->LogTail());
  }
  return absl::ToDoubleSeconds(absl::Now() - start);
}

void Connect(const RedisServer& redis, RedisConnection* connection) {
  const absl::Status status = connection->Connect(redis.endpoint(), "bench", absl::Now() + kPatience);
  if (!status.ok()) {
    Fail(status.ToString());
  }
}

// Reads the whole hash, page by page as a replica would, and throws it away.
double SecondsToScan(const RedisServer& redis, const std::string& hash) {
  RedisConnection connection;
  Connect(redis, &connection);
  const absl::Time start = absl::Now();
  size_t fields = 0;
  std::string cursor = "0";
  do {
    const absl::StatusOr<RedisReply> page =
        connection.Call({"HSCAN", hash, cursor, "COUNT", "1000"}, absl::Now() + kPatience);
    if (!page.ok() || page->elements.size() != 2) {
      Fail(absl::StrCat("HSCAN: ", page.status().ToString()));
    }
    cursor = page->elements[0].text;
    fields += page->elements[1].elements.size() / 2;
  } while (cursor != "0");
  const double seconds = absl::ToDoubleSeconds(absl::Now() - start);
  if (fields < kKeys) {
    Fail(absl::StrCat("the hash has ", fields, " fields"));
  }
  return seconds;
}

double MemoryOf(RedisServer* redis) {
  return static_cast<double>(InfoNumber(redis->Run({"INFO", "memory"}).text, "used_memory"));
}

// The same keys and values in a hash, and nothing else.
double BareHashBytesPerKey() {
  RedisServer redis;
  RedisConnection connection;
  Connect(redis, &connection);
  const double before = MemoryOf(&redis);
  constexpr size_t kBatch = 1000;
  for (size_t first = 0; first < kKeys; first += kBatch) {
    std::vector<std::string> words = {"HSET", "hash"};
    for (size_t i = first; i < first + kBatch; ++i) {
      words.push_back(ManyKeys(i));
      words.push_back(DataSetValue(i));
    }
    const std::vector<absl::string_view> command(words.begin(), words.end());
    if (const absl::Status status = connection.Call(command, absl::Now() + kPatience).status(); !status.ok()) {
      Fail(status.ToString());
    }
  }
  return (MemoryOf(&redis) - before) / kKeys;
}

}  // namespace

Report MeasureStart(const BenchOptions& options) {
  options.progress("start: writing a million keys");
  RedisServer redis;
  const double memory_before = MemoryOf(&redis);
  DunlinServer writer({}, UrlOf(redis), "writer");
  FillWithMany(writer.address(), kKeys);
  AwaitMirrored(&writer);
  const double bytes_per_key = (MemoryOf(&redis) - memory_before) / kKeys;
  const std::string hash = MakeRedisNames(writer.process().options().replication_namespace)->data;

  std::vector<double> cold;
  std::vector<double> scan;
  std::vector<double> cold_seconds;
  std::vector<double> delta_seconds;
  for (size_t round = 0; round < options.rounds; ++round) {
    scan.push_back(kKeys / SecondsToScan(redis, hash));
    DunlinServer reader({}, UrlOf(redis), "reader", DunlinServer::Begin::kLater);
    cold_seconds.push_back(SecondsToServing(&reader.process()));
    cold.push_back(kKeys / cold_seconds.back());
    reader.process().Terminate();
    FillWithMany(writer.address(), kMissedChanges);
    AwaitMirrored(&writer);
    delta_seconds.push_back(SecondsToServing(&reader.process()));
    options.progress(absl::StrCat("start: round ", round + 1, " of ", options.rounds, ": HSCAN ", scan.back(),
                                  " keys/s, cold start ", cold.back(), " keys/s, after ", kMissedChanges,
                                  " missed changes ", delta_seconds.back(), " s"));
  }
  const std::vector<double> bare(1, BareHashBytesPerKey());
  return {{
      Compare("cold_start", "keys/s", cold, "HSCAN that throws all away", scan, Goal::AtLeast(0.5)),
      Compare("delta_start", "s", delta_seconds, "cold start", cold_seconds, Goal::AtMost(0.02)),
      Compare("redis_memory", "B/key", {bytes_per_key}, "the same in a bare hash", bare, Goal::AtMost(1.8)),
  }};
}

}  // namespace dunlin::bench
