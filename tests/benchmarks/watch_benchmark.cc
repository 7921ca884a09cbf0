// What watching costs a replica, beside a gRPC server that does nothing but write to streams (bare_stream_server):
//   - the memory of an idle stream, and the processor time of 10,000 of them;
//   - a write, while 1 stream watches its key, and while 10,000 watch as many keys;
//   - an event, while 1,000 streams watch its key.
// Each server is a process of its own, started anew for each repetition, in turn; both are measured by the same
// streams. What is told is of the servers' processes alone: anonymous memory, and processor time of user and system.
//
//   cd bazel-bin && tests/benchmarks/watch_benchmark [REPETITIONS]

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "client/client.h"
#include "tests/benchmarks/watch_load.h"
#include "tests/support/eventually.h"
#include "tests/support/process.h"
#include "tests/support/process_usage.h"
#include "tests/support/replica_process.h"
#include "tests/support/temp_dir.h"

namespace dunlin {
namespace {

constexpr size_t kManyStreams = 10000;
constexpr size_t kHotStreams = 1000;
constexpr int kPuts = 5000;
constexpr int kHotPuts = 200;
constexpr absl::Duration kIdle = absl::Seconds(15);

[[noreturn]] void Fail(const std::string& what) {
  std::cerr << what << std::endl;
  std::abort();
}

// A server to measure.
class Server {
 public:
  virtual ~Server() = default;
  virtual pid_t pid() const = 0;
  virtual std::string address() const = 0;
};

class Replica final : public Server {
 public:
  explicit Replica(const std::vector<std::string>& arguments = {}) {
    ReplicaProcess::Options options;
    options.arguments = arguments;
    options.data_dir = directory_.Join("data");
    options.log_path = directory_.Join("log");
    process_ = std::make_unique<ReplicaProcess>(options);
    process_->Start();
    if (!process_->WaitServing()) {
      Fail(process_->LogTail());
    }
  }

  pid_t pid() const override { return process_->pid(); }
  std::string address() const override { return process_->address(); }

 private:
  const TempDir directory_;
  std::unique_ptr<ReplicaProcess> process_;
};

class BareServer final : public Server {
 public:
  BareServer() {
    Process::Options options;
    options.command = {"tests/benchmarks/bare_stream_server", directory_.Join("port")};
    process_ = *Process::Start(options);
    if (!Eventually([&] { return std::ifstream(directory_.Join("port")) >> port_ && port_ > 0; })) {
      Fail("the bare server does not start");
    }
  }

  pid_t pid() const override { return process_->pid(); }
  std::string address() const override { return absl::StrCat("127.0.0.1:", port_); }

 private:
  const TempDir directory_;
  std::unique_ptr<Process> process_;
  int port_ = 0;
};

// What was measured, by name: a value for each repetition.
using Figures = std::map<std::string, std::vector<double>>;

class Measurement {
 public:
  Measurement(const Server& server, Figures* figures) : server_(server), figures_(*figures) {
    ClientOptions options;
    options.server = server.address();
    client_ = *Client::Create(options);
  }

  void Run() {
    // The first calls make what the server keeps for all.
    PutMany(100, [](int) { return "warm"; });
    const int64_t before = AnonymousBytes(server_.pid());
    {
      WatchLoad load(server_.address(), kManyStreams, KeyOf);
      figures_["idle stream: memory, KiB"].push_back(static_cast<double>(AnonymousBytes(server_.pid()) - before) /
                                                     kManyStreams / 1024);
      const absl::Duration idle_before = ProcessorTime(server_.pid());
      if (load.AwaitEvents(1, kIdle)) {
        Fail("nothing was written, but something was told");
      }
      figures_["10,000 idle streams: processor time, ms/s"].push_back(
          absl::FDivDuration(ProcessorTime(server_.pid()) - idle_before, kIdle) * 1000);
    }
    WritesBesideStreams("");
    Hot();
  }

  // What a write costs beside few and many streams; `how` says what is different from Run().
  void WritesBesideStreams(const std::string& how) {
    PutsBesideStreams(absl::StrCat("1 stream on the key", how, ": processor time of a write and its event, us"), 1,
                      [](int) { return KeyOf(0); });
    PutsBesideStreams(absl::StrCat("10,000 streams on 10,000 keys", how, ": the same, us"), kManyStreams,
                      [](int i) { return KeyOf(static_cast<size_t>(i) * 2 % kManyStreams); });
  }

 private:
  static std::string KeyOf(size_t i) { return absl::StrCat("key/", i); }

  void PutMany(int count, const std::function<std::string(int)>& key_of) {
    for (int i = 0; i < count; ++i) {
      const auto put = client_->Put(key_of(i), std::string(100, 'v'));
      if (!put.ok()) {
        Fail(put.status().ToString());
      }
    }
  }

  void PutsBesideStreams(const std::string& name, size_t streams, const std::function<std::string(int)>& key_of) {
    WatchLoad load(server_.address(), streams, KeyOf);
    const absl::Duration before = ProcessorTime(server_.pid());
    PutMany(kPuts, key_of);
    load.AwaitEvents(kPuts);
    figures_[name].push_back(absl::ToDoubleMicroseconds(ProcessorTime(server_.pid()) - before) / kPuts);
  }

  void Hot() {
    WatchLoad load(server_.address(), kHotStreams, [](size_t) { return "hot"; });
    const absl::Duration before = ProcessorTime(server_.pid());
    const absl::Time start = absl::Now();
    for (int i = 0; i < kHotPuts; ++i) {
      PutMany(1, [](int) { return "hot"; });
      // One at a time: nothing is conflated.
      load.AwaitEvents((static_cast<uint64_t>(i) + 1) * kHotStreams);
    }
    constexpr double kEvents = 1.0 * kHotPuts * kHotStreams;
    figures_["1,000 streams on the key: processor time of an event, us"].push_back(
        absl::ToDoubleMicroseconds(ProcessorTime(server_.pid()) - before) / kEvents);
    figures_["1,000 streams on the key: until all have it, ms"].push_back(
        absl::ToDoubleMilliseconds(absl::Now() - start) / kHotPuts);
  }

  const Server& server_;
  Figures& figures_;
  std::unique_ptr<Client> client_;
};

double MedianOf(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

std::string Spread(const std::vector<double>& values) {
  const auto [least, most] = std::minmax_element(values.begin(), values.end());
  return absl::StrFormat("%9.2f [%.2f-%.2f]", MedianOf(values), *least, *most);
}

int Measure(int repetitions) {
  Figures dunlin;
  Figures bare;
  for (int i = 0; i < repetitions; ++i) {
    {
      const Replica server;
      Measurement(server, &dunlin).Run();
    }
    {
      // Its heartbeats are those of the streams, not of the writes.
      const Replica quiet({"--watch-heartbeat", "1h"});
      Measurement(quiet, &dunlin).WritesBesideStreams(", no heartbeats");
    }
    const BareServer server;
    Measurement(server, &bare).Run();
  }
  std::cout << absl::StrFormat("%-72s %-28s %-28s %s\n", "median [least-most]", "dunlin", "bare gRPC server", "ratio");
  for (const auto& [name, values] : dunlin) {
    if (bare.count(name) == 0) {
      std::cout << absl::StrFormat("%-72s %s\n", name, Spread(values));
      continue;
    }
    std::cout << absl::StrFormat("%-72s %-28s %-28s %.2f\n", name, Spread(values), Spread(bare[name]),
                                 MedianOf(values) / MedianOf(bare[name]));
  }
  return 0;
}

}  // namespace
}  // namespace dunlin

int main(int argc, char** argv) {
  int repetitions = 3;
  if (argc > 2 || (argc == 2 && (!absl::SimpleAtoi(argv[1], &repetitions) || repetitions < 1))) {
    std::cerr << "usage: watch_benchmark [REPETITIONS]" << std::endl;
    return 2;
  }
  return dunlin::Measure(repetitions);
}
