#include "tests/integration/load_writer.h"

#include <algorithm>
#include <random>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "storage/limits.h"
#include "storage/status_macros.h"

namespace dunlin {

LoadWriter::LoadWriter(Client* client, const Options& options)
    : client_(client),
      options_(options),
      started_at_(absl::Now()),
      first_round_(static_cast<uint64_t>(absl::ToUnixMicros(started_at_))) {
  for (size_t thread = 0; thread < options_.threads; ++thread) {
    threads_.emplace_back([this, thread] { Run(thread); });
  }
}

LoadWriter::~LoadWriter() { Stop(); }

void LoadWriter::Stop() {
  {
    MutexLock lock(&mutex_);
    stop_ = true;
    changed_.SignalAll();
  }
  for (std::thread& thread : threads_) {
    if (thread.joinable()) {
      thread.join();
    }
  }
  stopped_at_ = std::min(stopped_at_, absl::Now());
}

double LoadWriter::AchievedWritesPerSecond() const {
  return static_cast<double>(writes()) / absl::ToDoubleSeconds(std::min(stopped_at_, absl::Now()) - started_at_);
}

std::string LoadWriter::KeyName(uint64_t number) { return absl::StrFormat("load/%06d", number); }

std::string LoadWriter::CounterName(size_t thread) { return absl::StrCat("counter/", thread); }

void LoadWriter::Run(size_t thread) {
  uint64_t random = options_.seed * 1000 + thread;
  const double batches_per_second =
      options_.writes_per_second / static_cast<double>(options_.threads * options_.batch_writes);
  for (uint64_t round = 0;; ++round) {
    const absl::Time due = options_.writes_per_second == 0
                               ? started_at_
                               : started_at_ + absl::Seconds(static_cast<double>(round) / batches_per_second);
    if (!WaitUntil(due)) {
      return;
    }
    if (client_->BatchWrite(MakeBatch(thread, first_round_ + round, &random)).ok()) {
      writes_.fetch_add(options_.batch_writes, std::memory_order_relaxed);
      NoteDelay(absl::Now() - due);
    } else {
      errors_.fetch_add(1, std::memory_order_relaxed);
    }
  }
}

void LoadWriter::NoteDelay(absl::Duration delay) {
  const int64_t delay_ns = absl::ToInt64Nanoseconds(delay);
  int64_t longest = longest_delay_ns_.load(std::memory_order_relaxed);
  while (delay_ns > longest && !longest_delay_ns_.compare_exchange_weak(longest, delay_ns, std::memory_order_relaxed)) {
  }
}

std::vector<client::Write> LoadWriter::MakeBatch(size_t thread, uint64_t round, uint64_t* random) const {
  std::mt19937_64 generator(++*random);
  std::set<uint64_t> numbers;
  while (numbers.size() + 1 < options_.batch_writes) {
    numbers.insert(generator() % options_.keys);
  }
  const std::string value = absl::StrCat(round);
  std::vector<client::Write> batch = {client::BatchPut{CounterName(thread), value, {}}};
  for (const uint64_t number : numbers) {
    batch.push_back(client::BatchPut{KeyName(number), value, {}});
  }
  return batch;
}

bool LoadWriter::WaitUntil(absl::Time when) {
  MutexLock lock(&mutex_);
  for (absl::Duration left = when - absl::Now(); !stop_ && left > absl::ZeroDuration(); left = when - absl::Now()) {
    changed_.WaitWithTimeout(&mutex_, left);
  }
  return !stop_;
}

absl::Status Preload(Client& client, uint64_t keys, size_t threads) {
  std::vector<client::Write> batch;
  for (size_t thread = 0; thread < threads; ++thread) {
    batch.push_back(client::BatchPut{LoadWriter::CounterName(thread), "0", {}});
  }
  for (uint64_t number = 0; number < keys; ++number) {
    batch.push_back(client::BatchPut{LoadWriter::KeyName(number), "0", {}});
    if (batch.size() == kBatchEntriesMax || number + 1 == keys) {
      DUNLIN_RETURN_IF_ERROR(client.BatchWrite(batch).status());
      batch.clear();
    }
  }
  return absl::OkStatus();
}

}  // namespace dunlin
