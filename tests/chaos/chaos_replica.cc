#include "tests/chaos/chaos_replica.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "tests/support/process_usage.h"
#include "tests/support/wrong_clock.h"

namespace dunlin::chaos {
namespace {

[[noreturn]] void Fail(absl::string_view what) {
  std::cerr << "chaos: " << what << std::endl;
  std::abort();
}

// The port behind the last ':' of an address.
uint16_t PortOf(const std::string& address) {
  uint32_t port = 0;
  if (!absl::SimpleAtoi(address.substr(address.rfind(':') + 1), &port)) {
    Fail(absl::StrCat("no port in ", address));
  }
  return static_cast<uint16_t>(port);
}

}  // namespace

ChaosReplica::ChaosReplica(const Options& options, RedisGroup* redis, const TempDir& directory) {
  ReplicaProcess::Options process;
  process.replica_id = absl::StrCat("r", options.index + 1);
  process.log_path = directory.Join(process.replica_id + ".log");
  process.replication_namespace = options.replication_namespace;
  process.arguments = options.arguments;
  process.redis_url = MakeLinks(redis);
  process.data_dir = directory.Join(process.replica_id);
  if (options.disk_bytes > 0) {
    const std::string mount_point = directory.Join(process.replica_id + ".disk");
    std::filesystem::create_directory(mount_point);
    absl::StatusOr<std::unique_ptr<SmallDisk>> disk = SmallDisk::Mount(mount_point, options.disk_bytes);
    if (!disk.ok()) {
      Fail(disk.status().message());
    }
    disk_ = *std::move(disk);
    process.data_dir = mount_point + "/data";
  }
  process_ = std::make_unique<ReplicaProcess>(std::move(process));
  client_link_ = std::make_unique<FaultProxy>(uint16_t{0});
}

ChaosReplica::~ChaosReplica() = default;

std::string ChaosReplica::MakeLinks(RedisGroup* redis) {
  // Both have five digits, so that no answer changes in length.
  std::vector<std::pair<std::string, std::string>> renamed;
  for (size_t i = 0; i < redis->servers(); ++i) {
    redis_links_.push_back(std::make_unique<FaultProxy>(redis->server(i).port()));
    renamed.emplace_back(absl::StrCat(redis->server(i).port()), absl::StrCat(redis_links_.back()->port()));
    if (renamed.back().first.size() != renamed.back().second.size()) {
      Fail("this system gives out ports of different lengths");
    }
  }
  std::vector<std::string> sentinels;
  for (size_t i = 0; i < redis->sentinels(); ++i) {
    sentinel_links_.push_back(std::make_unique<FaultProxy>(
        redis->sentinel(i).port(), [renamed](std::string* bytes) { absl::StrReplaceAll(renamed, bytes); }));
    sentinels.push_back(absl::StrCat("127.0.0.1:", sentinel_links_.back()->port()));
  }
  return absl::StrCat("redis+sentinel://", absl::StrJoin(sentinels, ","), "/", RedisGroup::kMasterName);
}

std::string ChaosReplica::address() const { return absl::StrCat("127.0.0.1:", client_link_->port()); }

absl::Status ChaosReplica::Start() {
  const absl::Status status = process_->TryStart();
  if (!status.ok()) {
    return absl::InternalError(absl::StrCat(name(), " does not start: ", status.message()));
  }
  client_link_->SetTarget(PortOf(process_->address()));
  should_run_ = true;
  return absl::OkStatus();
}

absl::Status ChaosReplica::StartWithClock(absl::Duration offset) {
  process_->set_environment(WrongClockEnvironment(offset));
  const absl::Status status = Start();
  process_->set_environment({});
  return status;
}

void ChaosReplica::Kill() {
  should_run_ = false;
  process_->Kill9();
}

absl::Status ChaosReplica::Terminate() {
  should_run_ = false;
  const Process::Exit exit = process_->Terminate();
  return exit.code == 0 ? absl::OkStatus()
                        : absl::InternalError(absl::StrCat(name(), " ended with code ", exit.code, ", signal ",
                                                           exit.signal, " after SIGTERM\n", LogTail()));
}

void ChaosReplica::Hang() { process_->Pause(); }

void ChaosReplica::GoOn() { process_->Resume(); }

absl::Status ChaosReplica::CheckAlive() {
  if (!should_run_ || process_->IsRunning()) {
    return absl::OkStatus();
  }
  const Process::Exit exit = process_->WaitForExit();
  should_run_ = false;
  return absl::InternalError(
      absl::StrCat(name(), " has ended by itself, code ", exit.code, ", signal ", exit.signal, "\n", LogTail()));
}

size_t ChaosReplica::ResidentBytes() {
  if (!process_->IsRunning()) {
    return 0;
  }
  std::ifstream file(absl::StrCat("/proc/", process_->pid(), "/statm"));
  size_t total_pages = 0;
  size_t resident_pages = 0;
  file >> total_pages >> resident_pages;
  return resident_pages * static_cast<size_t>(sysconf(_SC_PAGESIZE));
}

std::string ChaosReplica::DescribeThreads() {
  return process_->IsRunning() ? dunlin::DescribeThreads(process_->pid()) : "does not run";
}

void ChaosReplica::ForEachRedisLink(absl::FunctionRef<void(FaultProxy&)> handle) {
  for (const std::unique_ptr<FaultProxy>& link : redis_links_) {
    handle(*link);
  }
  for (const std::unique_ptr<FaultProxy>& link : sentinel_links_) {
    handle(*link);
  }
}

}  // namespace dunlin::chaos
