// Goal (guarantee G12): the memory that a burst of large writes took is given back when it is over.
// Method: a real replica and many clients that write batches of nearly the largest size at once. The C library's
// allocator keeps what it was given back, unless told otherwise (server/process_memory.h).

#include <iostream>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "gtest/gtest.h"
#include "tests/support/eventually.h"
#include "tests/support/process_usage.h"
#include "tests/support/replica_process.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_size.h"

namespace dunlin {
namespace {

constexpr int kWriters = 16;
constexpr int kBatchesEach = 5;
constexpr int kBatch = 60;
constexpr size_t kValueSizeBytes = 45'000;
// What server/limits.h leaves untrimmed, in all and at the end of each of the 16 arenas of two processors, and some
// megabytes that a replica takes when it is first used. Without a trim it was 90 to 160 MiB.
constexpr int64_t kKeptMaxBytes = int64_t{32} << 20;

// All keys again and again, so that the database does not grow.
void WriteBurst(ReplicaProcess& replica) {
  std::vector<std::thread> writers;
  for (int writer = 0; writer < kWriters; ++writer) {
    writers.emplace_back([&replica] {
      for (int round = 0; round < kBatchesEach; ++round) {
        std::vector<client::Write> batch;
        for (int i = 0; i < kBatch; ++i) {
          batch.push_back(client::BatchPut{absl::StrCat("key/", i), std::string(kValueSizeBytes, 'v'), {}});
        }
        const auto written = replica.client().BatchWrite(batch);
        EXPECT_TRUE(written.ok()) << written.status();
      }
    });
  }
  for (std::thread& writer : writers) {
    writer.join();
  }
}

TEST(BurstMemoryTest, WhatABurstOfLargeWritesTookIsGivenBack) {
  const TempDir directory;
  ReplicaProcess::Options options;
  options.data_dir = directory.Join("data");
  options.log_path = directory.Join("log");
  ReplicaProcess replica(options);
  replica.Start();
  ASSERT_TRUE(replica.WaitServing()) << replica.LogTail();
  const int64_t before = AnonymousBytes(replica.pid());
  WriteBurst(replica);
  const auto kept = [&] { return AnonymousBytes(replica.pid()) - before; };
  const int64_t after = kept();
  const bool given_back = Eventually([&] { return kept() < kKeptMaxBytes; });
  std::cout << absl::StrFormat("memory after the burst %.1f MiB more than before, and then %.1f MiB",
                               static_cast<double>(after) / (1 << 20), static_cast<double>(kept()) / (1 << 20))
            << std::endl;
  if (!IsSanitized()) {
    EXPECT_TRUE(given_back);
  }
}

}  // namespace
}  // namespace dunlin
