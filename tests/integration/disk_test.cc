// Goal: a replica whose disk fails stops acknowledging at once and for good, says why wherever operators look, goes on
// answering reads, and still gives its fleet what it has acknowledged; damage on a disk is found by a verification, and
// made good from the fleet.
// Method: real replicas, on files whose syncs fail when the test says so (tests/support/faulty_disk.cc), or with bytes
// turned in the file itself. (Each way to fail: tests/storage/disk_failure_test; full disks: full_disk_test.)

#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/integration/health_watch.h"
#include "tests/support/eventually.h"
#include "tests/support/fleet.h"
#include "tests/support/read_file.h"
#include "tests/support/redis_server.h"
#include "tests/support/replica_process.h"
#include "tests/support/temp_dir.h"

namespace dunlin {
namespace {

using client::Comparison;
using client::ReplicaStatus;
using client::VerifyResult;
using testing::HasSubstr;

size_t Occurrences(const std::string& text, const std::string& of) {
  size_t count = 0;
  for (size_t at = text.find(of); at != std::string::npos; at = text.find(of, at + 1)) {
    ++count;
  }
  return count;
}

ReplicaProcess::Options OptionsIn(const TempDir& directory) {
  ReplicaProcess::Options options;
  options.data_dir = directory.Join("data");
  options.log_path = directory.Join("log");
  return options;
}

// Returns what is in the file of a database once that has taken `text` over.
std::string ReadFileWith(const std::string& path, const std::string& text) {
  std::string bytes;
  EXPECT_TRUE(Eventually([&] {
    bytes = ReadFile(path);
    return absl::StrContains(bytes, text);
  })) << path;
  return bytes;
}

// Puts `to` in the place of `from`, which is as long, wherever it stands in the file: old pages may hold it, too.
void TurnBytes(const std::string& path, const std::string& from, const std::string& to) {
  const std::string bytes = ReadFileWith(path, from);
  std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
  for (size_t at = bytes.find(from); at != std::string::npos; at = bytes.find(from, at + 1)) {
    file.seekp(static_cast<std::streamoff>(at));
    file << to;
  }
}

// Whether it is found that the record is. What the database has may be in memory for a moment longer.
bool IsDamaged(Client& client, const std::string& key) {
  return Eventually([&] { return absl::IsDataLoss(client.Get(key).status()); });
}

// A replica on a disk that fails from BreakDisk() on until MendDisk().
class ReplicaOnFaultyDisk {
 public:
  explicit ReplicaOnFaultyDisk(const std::string& redis_url = "") {
    ReplicaProcess::Options options;
    options.data_dir = directory_.Join("data");
    options.log_path = directory_.Join("log");
    options.redis_url = redis_url;
    options.environment = {absl::StrCat("LD_PRELOAD=", LibraryPath()),
                           absl::StrCat("DUNLIN_FAULTY_DISK=", options.data_dir),
                           absl::StrCat("DUNLIN_FAULTY_DISK_SWITCH=", directory_.Join("broken")),
                           // A sanitizer's runtime wants to be the first library.
                           "ASAN_OPTIONS=verify_asan_link_order=0"};
    process_ = std::make_unique<ReplicaProcess>(options);
    process_->Start();
    EXPECT_TRUE(process_->WaitServing()) << process_->Log();
  }

  void BreakDisk() { std::ofstream(directory_.Join("broken")) << "broken"; }
  void MendDisk() { unlink(directory_.Join("broken").c_str()); }

  ReplicaProcess& process() { return *process_; }
  Client& client() { return process_->client(); }

 private:
  static std::string LibraryPath() {
    char* const path = realpath("tests/support/faulty_disk.so", nullptr);
    const std::string result = path == nullptr ? "" : path;
    free(path);
    return result;
  }

  TempDir directory_;
  std::unique_ptr<ReplicaProcess> process_;
};

TEST(FailedDisk, EndsAcknowledgingForGoodSaysWhyAndReadsGoOn) {
  ReplicaOnFaultyDisk replica;
  const auto health = std::make_unique<HealthWatch>(replica.process().address());
  ASSERT_TRUE(health->Saw(HealthWatch::Health::kServing));
  ASSERT_TRUE(replica.client().Put("a", "1").ok());
  EXPECT_EQ(replica.process().Status().store_detail, "");

  replica.BreakDisk();
  const absl::Status refused = replica.client().Put("b", "1").status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kUnavailable) << refused;
  for (const char* part :
       {"the disk has failed", "Input/output error", "reads go on", "check the disk, then restart"}) {
    EXPECT_THAT(std::string(refused.message()), HasSubstr(part));
  }
  EXPECT_TRUE(health->Saw(HealthWatch::Health::kNotServing));

  replica.MendDisk();
  EXPECT_EQ(replica.client().Put("b", "1").status().code(), absl::StatusCode::kUnavailable) << "it is not believed";
  EXPECT_EQ(replica.client().Delete("a").status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(replica.client().Get("a")->entry.value, "1");
  EXPECT_EQ(replica.client().Get("b").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(replica.client().List({})->entries.size(), 1u);
  const ReplicaStatus status = replica.process().Status();
  EXPECT_FALSE(status.serving);
  EXPECT_THAT(status.store_detail, HasSubstr("the disk has failed"));
  EXPECT_EQ(Occurrences(replica.process().Log(), "the store has failed"), 1u) << replica.process().Log();

  EXPECT_EQ(replica.process().Terminate().code, 0);
  replica.process().Start();
  ASSERT_TRUE(replica.process().WaitServing());
  EXPECT_EQ(replica.client().Get("a")->entry.value, "1");
  EXPECT_TRUE(replica.client().Put("b", "2").ok());
}

TEST(FailedDisk, KeepsNothingFromTheFleetThatWasAcknowledgedAndLetsRedisJudgeNothing) {
  RedisServer redis;
  const std::string redis_url = absl::StrCat("redis://127.0.0.1:", redis.port());
  ReplicaOnFaultyDisk replica(redis_url);
  redis.Pause();
  ASSERT_TRUE(replica.client().Put("acknowledged", "1").ok());
  replica.BreakDisk();
  // The one that meets the failure may be on its way to Redis by then; none that comes after it.
  ASSERT_EQ(replica.client().Put("in doubt", "1").status().code(), absl::StatusCode::kUnavailable);
  ASSERT_EQ(replica.client().Put("refused", "1").status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(replica.client().Get("in doubt").status().code(), absl::StatusCode::kNotFound);
  redis.Resume();

  TempDir directory;
  ReplicaProcess::Options options;
  options.data_dir = directory.Join("data");
  options.log_path = directory.Join("log");
  options.redis_url = redis_url;
  options.replica_id = "other";
  ReplicaProcess other(options);
  other.Start();
  ASSERT_TRUE(other.WaitServing());
  EXPECT_TRUE(Eventually([&] {
    const auto entry = other.client().Get("acknowledged");
    return entry.ok() && entry->entry.value == "1";
  })) << replica.process().Log();
  EXPECT_EQ(other.client().Get("refused").status().code(), absl::StatusCode::kNotFound);

  client::PutOptions if_absent;
  if_absent.precondition = client::IfAbsent();
  const absl::Status judged = replica.client().Put("conditional", "1", if_absent).status();
  EXPECT_EQ(judged.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(judged.message()), HasSubstr("the disk has failed"));
  EXPECT_TRUE(other.client().Put("conditional", "2", if_absent).ok()) << "Redis was not asked to store it";

  // Whatever has become of it, all agree.
  replica.MendDisk();
  EXPECT_EQ(replica.process().Terminate().code, 0);
  replica.process().Start();
  ASSERT_TRUE(replica.process().WaitServing());
  EXPECT_TRUE(Eventually([&] {
    return replica.client().Get("in doubt").ok() == other.client().Get("in doubt").ok() &&
           replica.client().Get("conditional").ok();
  })) << replica.process().Log();
  EXPECT_EQ(other.client().Get("refused").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(replica.client().Get("refused").status().code(), absl::StatusCode::kNotFound);
}

TEST(DamagedDisk, IsFoundByAVerification) {
  TempDir directory;
  ReplicaProcess replica(OptionsIn(directory));
  replica.Start();
  ASSERT_TRUE(replica.WaitServing());
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(replica.client().Put(absl::StrCat("key", i), absl::StrCat("<value ", i, ">")).ok());
  }
  absl::StatusOr<VerifyResult> sound = replica.client().Verify({});
  ASSERT_TRUE(sound.ok()) << sound.status();
  EXPECT_EQ(sound->entries_checked, 50u);
  EXPECT_EQ(sound->damaged_count, 0u);
  EXPECT_EQ(sound->counts, Comparison::kEqual) << sound->not_compared_reason;
  EXPECT_EQ(sound->digest, Comparison::kEqual);

  TurnBytes(directory.Join("data/data.mdb"), "<value 7>", "<vAlue 7>");
  EXPECT_TRUE(IsDamaged(replica.client(), "key7"));
  const absl::StatusOr<VerifyResult> damaged = replica.client().Verify({});
  ASSERT_TRUE(damaged.ok()) << damaged.status();
  EXPECT_EQ(damaged->entries_checked, 49u);
  ASSERT_EQ(damaged->damaged_count, 1u);
  EXPECT_EQ(damaged->damaged[0].key, "key7");
  EXPECT_THAT(damaged->damaged[0].reason, HasSubstr("its checksum does not match"));
  EXPECT_EQ(damaged->digest, Comparison::kNotMade);
  EXPECT_FALSE(damaged->repair_started) << "it stands alone";
  ASSERT_TRUE(replica.client().Put("key7", "again").ok());
  EXPECT_EQ(replica.client().Verify({})->digest, Comparison::kEqual);
}

TEST(DamagedDisk, IsMadeGoodFromTheFleetAfterAVerification) {
  Fleet::Options options;
  options.replicas = 2;
  Fleet fleet(options);
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(fleet.client(i % 2).Put(absl::StrCat("key", i), absl::StrCat("<value ", i, ">")).ok());
  }
  ASSERT_TRUE(fleet.Converges());
  TurnBytes(fleet.replica(0).options().data_dir + "/data.mdb", "<value 7>", "<vAlue 7>");
  EXPECT_TRUE(IsDamaged(fleet.client(0), "key7"));

  const absl::StatusOr<VerifyResult> damaged = fleet.client(0).Verify({});
  ASSERT_TRUE(damaged.ok()) << damaged.status();
  EXPECT_EQ(damaged->damaged_count, 1u);
  EXPECT_TRUE(damaged->repair_started);
  EXPECT_TRUE(Eventually([&] { return HasValue(fleet.client(0), "key7", "<value 7>"); })) << fleet.Describe();
  ASSERT_TRUE(fleet.Converges());
  const absl::StatusOr<VerifyResult> repaired = fleet.client(0).Verify({});
  ASSERT_TRUE(repaired.ok()) << repaired.status();
  EXPECT_EQ(repaired->entries_checked, 50u);
  EXPECT_EQ(repaired->damaged_count, 0u);
  EXPECT_FALSE(repaired->repair_started);
  EXPECT_EQ(fleet.replica(0).Status().damaged_records, 0u);
}

// ---- Pages of the database itself ----

constexpr int kManyKeys = 500;

std::string ManyKey(int i) { return absl::StrCat("key", 1000 + i); }
std::string ManyValue(int i) { return absl::StrCat("<value ", 1000 + i, ">", std::string(100, '.')); }

void PutMany(Client& client) {
  for (int i = 0; i < kManyKeys; ++i) {
    ASSERT_TRUE(client.Put(ManyKey(i), ManyValue(i)).ok());
  }
}

// Empties each page with a row that holds `text`. A page without such a row may still hold the bytes, in the part of it
// that is not used, and be one without which nothing can be written: it is left alone. (LMDB's page begins with its
// number (8), 2 unused bytes, flags (2), and where its unused part begins and ends (2 each), in the machine's order.)
void EmptyPagesWith(const std::string& path, const std::string& text) {
  constexpr size_t kPageBytes = 4096;
  constexpr size_t kUnusedEndAt = 14;
  const std::string bytes = ReadFileWith(path, text);
  std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
  size_t emptied = 0;
  for (size_t at = bytes.find(text); at != std::string::npos; at = bytes.find(text, at + 1)) {
    const size_t page = at / kPageBytes * kPageBytes;
    uint16_t unused_end = 0;
    std::memcpy(&unused_end, bytes.data() + page + kUnusedEndAt, sizeof(unused_end));
    if (at - page >= unused_end) {
      file.seekp(static_cast<std::streamoff>(page));
      file << std::string(kPageBytes, '\0');
      ++emptied;
    }
  }
  ASSERT_GT(emptied, 0u) << path;
}

TEST(DamagedPages, AreFoundByAVerificationThatTheReplicaSurvives) {
  TempDir directory;
  ReplicaProcess replica(OptionsIn(directory));
  replica.Start();
  ASSERT_TRUE(replica.WaitServing());
  PutMany(replica.client());
  ASSERT_TRUE(replica.client().Verify({}).ok());

  // While it runs, it moves what was put into the file, and may be in the midst of using a page anew.
  ASSERT_EQ(replica.Terminate().code, 0);
  EmptyPagesWith(directory.Join("data/data.mdb"), ManyValue(7));
  replica.Start();
  ASSERT_TRUE(replica.WaitServing()) << replica.Log();
  for (int i = 0; i < 2; ++i) {
    const absl::Status damaged = replica.client().Verify({}).status();
    EXPECT_EQ(damaged.code(), absl::StatusCode::kDataLoss) << damaged;
    for (const char* part : {"data.mdb has damaged pages: records", "start with --store-check=rebuild"}) {
      EXPECT_THAT(std::string(damaged.message()), HasSubstr(part));
    }
  }
  EXPECT_EQ(replica.client().Get(ManyKey(kManyKeys - 1))->entry.value, ManyValue(kManyKeys - 1));
  EXPECT_EQ(replica.client().Put("zzz", "1").status(), absl::OkStatus()) << replica.Log();
}

TEST(DamagedPages, AreRefusedAtTheStartOrRebuiltFromTheFleet) {
  Fleet::Options options;
  options.replicas = 2;
  Fleet fleet(options);
  PutMany(fleet.client(0));
  ASSERT_TRUE(fleet.Converges());
  ReplicaProcess& replica = fleet.replica(0);
  ASSERT_EQ(replica.Terminate().code, 0);
  const std::string file = replica.options().data_dir + "/data.mdb";
  EmptyPagesWith(file, ManyValue(7));
  ASSERT_TRUE(fleet.client(1).Put("meanwhile", "1").ok());

  const std::vector<std::string> arguments = replica.options().arguments;
  const auto check = [&](const char* action) {
    std::vector<std::string> with = arguments;
    with.push_back(absl::StrCat("--store-check=", action));
    replica.set_arguments(with);
  };
  check("refuse");
  const absl::Status refused = replica.TryStart();
  EXPECT_FALSE(refused.ok());
  EXPECT_THAT(std::string(refused.message()), HasSubstr("has damaged pages: records"));
  EXPECT_EQ(replica.WaitForExit().code, 2);

  check("rebuild");
  replica.Start();
  ASSERT_TRUE(replica.WaitServing()) << replica.Log();
  ASSERT_TRUE(fleet.Converges()) << fleet.Describe();
  EXPECT_EQ(replica.client().Get(ManyKey(7))->entry.value, ManyValue(7));
  EXPECT_EQ(replica.client().Get("meanwhile")->entry.value, "1");
  EXPECT_THAT(replica.Log(), HasSubstr("the store is damaged and begins anew"));
  EXPECT_EQ(access((file + ".damaged").c_str(), F_OK), 0);
  EXPECT_EQ(replica.client().Verify({})->damaged_count, 0u);
}

}  // namespace
}  // namespace dunlin
