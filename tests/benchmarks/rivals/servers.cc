#include "tests/benchmarks/rivals/servers.h"

#include <fcntl.h>
#include <grpcpp/grpcpp.h>
#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iostream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "tests/support/eventually.h"

namespace dunlin::bench {
namespace {

[[noreturn]] void Fail(const std::string& what) {
  std::cerr << "bench: " << what << std::endl;
  std::abort();
}

std::string Loopback(uint16_t port) { return absl::StrCat("127.0.0.1:", port); }

void AwaitConnection(const std::string& address) {
  const auto channel = grpc::CreateChannel(address, grpc::InsecureChannelCredentials());
  if (!channel->WaitForConnected(absl::ToChronoTime(absl::Now() + kTestPatience))) {
    Fail(absl::StrCat("nobody answers at ", address));
  }
}

// Returns the program that the environment names, or else the one in PATH; "" if there is neither.
std::string FindProgram(const char* variable, const std::string& name) {
  if (const char* named = std::getenv(variable); named != nullptr) {
    return named;
  }
  const char* path = std::getenv("PATH");
  for (const absl::string_view directory : absl::StrSplit(path == nullptr ? "" : path, ':')) {
    const std::string program = absl::StrCat(directory, "/", name);
    if (access(program.c_str(), X_OK) == 0) {
      return program;
    }
  }
  return "";
}

std::unique_ptr<Process> StartOrDie(const Process::Options& options) {
  absl::StatusOr<std::unique_ptr<Process>> process = Process::Start(options);
  if (!process.ok()) {
    Fail(process.status().ToString());
  }
  return *std::move(process);
}

}  // namespace

// ---- Dunlin ----

DunlinServer::DunlinServer(const std::vector<std::string>& arguments, const std::string& redis_url,
                           const std::string& replica_id, Begin begin) {
  ReplicaProcess::Options options;
  options.arguments = arguments;
  options.redis_url = redis_url;
  options.replica_id = replica_id;
  options.data_dir = directory_.Join("data");
  options.log_path = directory_.Join("log");
  process_ = std::make_unique<ReplicaProcess>(options);
  if (begin == Begin::kLater) {
    return;
  }
  process_->Start();
  if (!process_->WaitServing()) {
    Fail(process_->LogTail());
  }
}

// ---- The floor ----

FloorServer::FloorServer(const std::string& program, const std::vector<std::string>& arguments) {
  Process::Options options;
  options.command = {absl::StrCat("tests/benchmarks/floor/", program), directory_.Join("port")};
  options.command.insert(options.command.end(), arguments.begin(), arguments.end());
  process_ = StartOrDie(options);
  if (!Eventually([this] { return std::ifstream(directory_.Join("port")) >> port_ && port_ > 0; })) {
    Fail(absl::StrCat(program, " does not start"));
  }
}

std::string FloorServer::address() const { return Loopback(port_); }

// ---- etcd ----

std::string EtcdServer::Program() { return FindProgram("DUNLIN_ETCD", "etcd"); }

EtcdServer::EtcdServer() { Start(); }

std::string EtcdServer::address() const { return Loopback(client_port_.port()); }

void EtcdServer::Start() {
  const std::string client_url = absl::StrCat("http://", address());
  const std::string peer_url = absl::StrCat("http://", Loopback(peer_port_.port()));
  Process::Options options;
  options.command = {Program(),
                     "--name=bench",
                     absl::StrCat("--data-dir=", directory_.Join("data")),
                     absl::StrCat("--listen-client-urls=", client_url),
                     absl::StrCat("--advertise-client-urls=", client_url),
                     absl::StrCat("--listen-peer-urls=", peer_url),
                     absl::StrCat("--initial-advertise-peer-urls=", peer_url),
                     absl::StrCat("--initial-cluster=bench=", peer_url),
                     "--logger=zap",
                     "--log-level=error"};
  options.output_path = directory_.Join("log");
  process_ = StartOrDie(options);
  AwaitConnection(address());
}

void EtcdServer::Restart() {
  process_->Signal(SIGTERM);
  if (!process_->Wait(absl::Now() + kTestPatience).ok()) {
    Fail("etcd does not end");
  }
  Start();
}

// ---- NATS ----

std::string NatsServer::Program() { return FindProgram("DUNLIN_NATS", "nats-server"); }

NatsServer::NatsServer() {
  Process::Options options;
  options.command = {Program(),
                     "--addr",
                     "127.0.0.1",
                     "--port",
                     absl::StrCat(port_.port()),
                     "--jetstream",
                     "--store_dir",
                     directory_.Join("data")};
  options.output_path = directory_.Join("log");
  process_ = StartOrDie(options);
}

std::string NatsServer::address() const { return Loopback(port_.port()); }

void NatsServer::Pause() const {
  process_->Signal(SIGSTOP);
  const int directory = open(directory_.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0 || syncfs(directory) != 0) {
    Fail("the disk does not take over what NATS has written");
  }
  close(directory);
}

void NatsServer::Continue() const { process_->Signal(SIGCONT); }

}  // namespace dunlin::bench
