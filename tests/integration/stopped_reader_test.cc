// Goal (guarantee G10): a reader whose process is stopped costs its replica a bounded amount of memory and nobody any
// time, whatever is written meanwhile; when it goes on, it ends with the exact state.
// Method: two real replicas of their own, and a `dunlin watch` of each, one of which is stopped (SIGSTOP). Both get the
// same million of writes, in rounds by turns, so that whatever slows the machine down slows down both; how long a round
// takes is measured up to when another watcher of the replica has its last write.

#include <signal.h>

#include <algorithm>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "gtest/gtest.h"
#include "storage/mutex.h"
#include "tests/support/eventually.h"
#include "tests/support/process.h"
#include "tests/support/process_usage.h"
#include "tests/support/replica_process.h"
#include "tests/support/temp_dir.h"
#include "tests/support/test_size.h"

namespace dunlin {
namespace {

// What is written in a round: batches of values to some keys by turns.
struct Load {
  int keys;
  int batch;
  int round_writes;
  size_t value_size;
};

constexpr int64_t kMemoryGrowthMaxBytes = int64_t{8} << 20;
constexpr int kRoundsBefore = 5;
constexpr char kFence[] = "fence";

// Watches on a thread of its own, and knows the latest value of the fence alone.
class FenceWatch {
 public:
  explicit FenceWatch(Client& client) : watcher_(*client.Watch({})) {
    thread_ = std::thread([this] {
      (void)watcher_->ForEach([this](const client::WatchMessage& message) {
        for (const client::WatchEvent& event : message.events) {
          if (event.entry.key == kFence) {
            MutexLock lock(&mutex_);
            seen_ = event.entry.value;
            changed_.SignalAll();
          }
        }
        return true;
      });
    });
  }
  ~FenceWatch() {
    watcher_->Cancel();
    thread_.join();
  }

  // Whether it comes to see `value`.
  bool Sees(const std::string& value) {
    const absl::Time give_up = absl::Now() + kTestPatience;
    MutexLock lock(&mutex_);
    while (seen_ != value && absl::Now() < give_up) {
      changed_.WaitWithTimeout(&mutex_, give_up - absl::Now());
    }
    return seen_ == value;
  }

 private:
  const std::unique_ptr<client::Watcher> watcher_;
  Mutex mutex_;
  CondVar changed_;
  std::string seen_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

// A stand-alone replica, a watcher of it, and a reader that is a process.
class Watched {
 public:
  Watched(const TempDir& directory, const std::string& name, const Load& load)
      : output_path_(directory.Join(name + ".out")), load_(load) {
    ReplicaProcess::Options options;
    options.data_dir = directory.Join(name);
    options.log_path = directory.Join(name + ".log");
    replica_ = std::make_unique<ReplicaProcess>(options);
    replica_->Start();
    EXPECT_TRUE(replica_->WaitServing()) << replica_->LogTail();
    watch_ = std::make_unique<FenceWatch>(replica_->client());
    Process::Options reader;
    // One that goes on by itself: where the writes take longer than the keepalive, the replica has ended its stream.
    reader.command = {"tests/integration/resuming_reader", replica_->address()};
    reader.output_path = output_path_;
    reader_ = *Process::Start(reader);
    EXPECT_TRUE(Eventually([&] { return absl::StrContains(Output(), "SYNCED"); })) << Output();
    EXPECT_TRUE(Eventually([&] { return replica_->Status().watchers == 2; }));
  }

  // Returns how long it took until the watcher had everything.
  absl::Duration WriteRound(int round) {
    const absl::Time start = absl::Now();
    const std::string filling(load_.value_size, 'v');
    for (int first = 0; first < load_.round_writes; first += load_.batch) {
      std::vector<client::Write> batch;
      for (int i = 0; i < load_.batch; ++i) {
        batch.push_back(client::BatchPut{
            absl::StrCat("key/", (first + i) % load_.keys), absl::StrCat(round, ":", first + i, ":", filling), {}});
      }
      const auto written = replica_->client().BatchWrite(batch);
      EXPECT_TRUE(written.ok()) << written.status();
    }
    WriteFence(absl::StrCat(round));
    return absl::Now() - start;
  }

  void WriteFence(const std::string& value) {
    const auto put = replica_->client().Put(kFence, value);
    EXPECT_TRUE(put.ok()) << put.status();
    EXPECT_TRUE(watch_->Sees(value));
  }

  // Whether the reader has been told the last fence.
  bool ReaderHasSeen(const std::string& value) {
    return Eventually([&] { return absl::StrContains(Output(), absl::StrCat("PUT\t", kFence, "\t", value, "\n")); });
  }

  void ExpectReaderHoldsTheState() {
    std::map<std::string, std::string> held;
    for (const absl::string_view line : absl::StrSplit(Output(), '\n', absl::SkipEmpty())) {
      const std::vector<std::string> words = absl::StrSplit(line, '\t');
      if (words.size() == 3 && words[0] == "PUT") held[words[1]] = words[2];
    }
    client::ListOptions options;
    options.page_size = 1000;
    std::map<std::string, std::string> state;
    do {
      const auto page = replica_->client().List(options);
      ASSERT_TRUE(page.ok()) << page.status();
      for (const client::Entry& entry : page->entries) state[entry.key] = entry.value;
      options.page_token = page->next_page_token;
    } while (!options.page_token.empty());
    EXPECT_EQ(state.size(), static_cast<size_t>(load_.keys) + 1);
    EXPECT_EQ(held, state);
  }

  Process& reader() { return *reader_; }
  int64_t memory() const { return AnonymousBytes(replica_->pid()); }

 private:
  std::string Output() const {
    std::ifstream file(output_path_);
    return std::string(std::istreambuf_iterator<char>(file), {});
  }

  const std::string output_path_;
  const Load load_;
  std::unique_ptr<ReplicaProcess> replica_;
  std::unique_ptr<FenceWatch> watch_;
  std::unique_ptr<Process> reader_;
};

// Writes `rounds` rounds of `load` past a reader that is stopped, expects that it costs little memory, and lets it go
// on. Returns how fast its replica was, as the median of its speed to that of a replica whose reader reads.
double WritePastAStoppedReader(const Load& load, int rounds) {
  const TempDir directory;
  Watched stopped(directory, "stopped", load);
  Watched lively(directory, "lively", load);
  // What a replica needs to work comes and goes by some megabytes: what the database has yet to take, and what is free
  // and not given back. So what it has grown by is what it takes more than at most in rounds with readers that read.
  int64_t stopped_before = 0;
  int64_t lively_before = 0;
  for (int round = -kRoundsBefore; round < 0; ++round) {
    stopped.WriteRound(round);
    lively.WriteRound(round);
    stopped_before = std::max(stopped_before, stopped.memory());
    lively_before = std::max(lively_before, lively.memory());
  }
  EXPECT_TRUE(stopped.ReaderHasSeen("-1"));
  stopped.reader().Signal(SIGSTOP);
  int64_t stopped_most = stopped_before;
  int64_t lively_most = lively_before;
  std::vector<double> ratios;
  for (int round = 0; round < rounds; ++round) {
    // Who is first may find the disk busy with what was before.
    const bool stopped_first = round % 2 == 0;
    const absl::Duration first = (stopped_first ? stopped : lively).WriteRound(round);
    const absl::Duration second = (stopped_first ? lively : stopped).WriteRound(round);
    ratios.push_back(absl::FDivDuration(stopped_first ? second : first, stopped_first ? first : second));
    // What is there for a moment only is not for the reader, who goes on to stand still.
    int64_t stopped_now = 0;
    (void)Eventually([&] {
      stopped_now = stopped.memory();
      return stopped_now - stopped_before < kMemoryGrowthMaxBytes;
    });
    stopped_most = std::max(stopped_most, stopped_now);
    lively_most = std::max(lively_most, lively.memory());
  }
  std::sort(ratios.begin(), ratios.end());
  const double median = ratios[ratios.size() / 2];
  std::cout << absl::StrFormat(
                   "%d writes of %d bytes in %d rounds; speed beside a stopped reader to that beside one that reads: "
                   "median %.3f, %.3f to %.3f; memory grew by %.1f MiB, beside one that reads by %.1f MiB",
                   rounds * load.round_writes, load.value_size, rounds, median, ratios.front(), ratios.back(),
                   static_cast<double>(stopped_most - stopped_before) / (1 << 20),
                   static_cast<double>(lively_most - lively_before) / (1 << 20))
            << std::endl;
  if (!IsSanitized()) {
    EXPECT_LT(stopped_most - stopped_before, kMemoryGrowthMaxBytes);
  }
  stopped.reader().Signal(SIGCONT);
  stopped.WriteFence("end");
  EXPECT_TRUE(stopped.ReaderHasSeen("end"));
  stopped.ExpectReaderHoldsTheState();
  return median;
}

TEST(StoppedReaderTest, AMillionWritesPassAReaderThatIsStopped) {
  EXPECT_GE(WritePastAStoppedReader({1000, 500, 20000, 100}, TestRepetitions(50, 3)), 0.9);
}

TEST(StoppedReaderTest, LargeValuesPassAReaderThatIsStopped) {
  // Its speed is that of the disk, which is a matter of luck in rounds so short.
  (void)WritePastAStoppedReader({50, 10, 200, 80000}, TestRepetitions(15, 3));
}

}  // namespace
}  // namespace dunlin
