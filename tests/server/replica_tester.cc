#include "tests/server/replica_tester.h"

#include <chrono>
#include <cstdlib>
#include <future>
#include <iostream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/storage/tamper.h"

namespace dunlin {
namespace {

// Longer than anything but a hang takes, also under a sanitizer on a busy machine.
constexpr std::chrono::seconds kPatience(120);

template <typename T>
T OrDie(absl::StatusOr<T> result) {
  if (!result.ok()) {
    std::cerr << result.status() << std::endl;
    std::abort();
  }
  return *std::move(result);
}

}  // namespace

StoreParts::StoreParts() { Open(); }

void StoreParts::Open() {
  Store::Options options;
  options.directory = directory.path();
  options.map_size_bytes = size_t{1} << 30;
  options.sync = false;
  options.boot_id = absl::StrCat("boot ", boots_);
  store = OrDie(Store::Open(options, &clock));
  committer = std::make_unique<Committer>(Committer::Options(), store.get(), &clock, &feed);
}

absl::StatusOr<WriteResult> StoreParts::Write(std::vector<Mutation> mutations) {
  std::promise<absl::StatusOr<WriteResult>> answer;
  LocalWrite write;
  write.mutations = std::move(mutations);
  committer->Write(std::move(write), [&](absl::StatusOr<WriteResult> result) { answer.set_value(std::move(result)); });
  return answer.get_future().get();
}

WriteResult StoreParts::Put(absl::string_view key, absl::string_view value, absl::Duration ttl) {
  Mutation put;
  put.key = std::string(key);
  put.value = std::string(value);
  put.ttl = ttl;
  return OrDie(Write({put}));
}

WriteResult StoreParts::Delete(absl::string_view key) {
  Mutation remove;
  remove.kind = Mutation::Kind::kDelete;
  remove.key = std::string(key);
  return OrDie(Write({remove}));
}

void StoreParts::EnterEpoch(uint64_t epoch, bool refill) {
  EpochChange change;
  change.epoch = epoch;
  change.refill = refill;
  std::promise<absl::Status> entered;
  committer->EnterEpoch(change, [&](const absl::StatusOr<EpochEntry>& entry) { entered.set_value(entry.status()); });
  if (const absl::Status status = entered.get_future().get(); !status.ok()) {
    std::cerr << status << std::endl;
    std::abort();
  }
}

void StoreParts::Advance(absl::Duration step) {
  wall_clock.Advance(step);
  // The first is answered before the committer looks at what is due, the second after it: they are in two groups, which
  // its own thread carries out.
  RemoteBatch nothing;
  nothing.awaits_sync = true;
  Apply(nothing);
  Apply(nothing);
}

void StoreParts::Damage(absl::string_view key) {
  committer.reset();
  store.reset();
  DamageRecord(directory.path(), key);
  Open();
}

void StoreParts::LosePower() {
  committer.reset();
  store.reset();
  ++boots_;
  Open();
}

void StoreParts::Apply(RemoteBatch batch) {
  std::promise<absl::StatusOr<ApplyResult>> answer;
  committer->Apply(std::move(batch), [&](absl::StatusOr<ApplyResult> result) { answer.set_value(std::move(result)); });
  OrDie(answer.get_future().get());
}

ReplicaTester::ReplicaTester(const Options& options) {
  options.prepare(&data);
  gate.Open("open for a test");
  parts.store = data.store.get();
  parts.committer = data.committer.get();
  parts.feed = &data.feed;
  parts.clock = &data.clock;
  if (options.replicated) {
    Replicator::Options nowhere;
    nowhere.endpoint.unix_path = data.directory.Join("no-redis");
    nowhere.replication_namespace = "default";
    replicator =
        OrDie(Replicator::Create(nowhere, {data.store.get(), data.committer.get(), &data.feed, &data.clock, &logger}));
  }
  parts.replicator = replicator.get();
  parts.gate = &gate;
  parts.value_size_max_bytes = options.value_size_max_bytes;
  watches = std::make_unique<WatchService>(options.watch, parts);
  kv_service = std::make_unique<KVServiceImpl>(parts, watches.get());
  replica_service =
      std::make_unique<ReplicaServiceImpl>(ReplicaServiceImpl::Identity{"replica-1", "default"}, parts, watches.get());
  RpcServerOptions server_options;
  server_options.listen = "127.0.0.1:0";
  server = OrDie(RpcServer::Start(server_options, {kv_service.get(), replica_service.get()}, &logger));
  server->AtShutdown([this] { watches->Shutdown(absl::ZeroDuration()); });
  channel = NewChannel();
  kv = v1::KVService::NewStub(channel);
  replica = v1::ReplicaService::NewStub(channel);
}

ReplicaTester::~ReplicaTester() {
  server.reset();
  replicator.reset();
  // Writes of calls that were cut off are still answered to the services.
  data.committer->Stop();
}

std::shared_ptr<grpc::Channel> ReplicaTester::NewChannel() const {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(server->address().ToString(), grpc::InsecureChannelCredentials(), arguments);
}

std::unique_ptr<grpc::ClientContext> NewContext() {
  auto context = std::make_unique<grpc::ClientContext>();
  context->set_deadline(std::chrono::system_clock::now() + kPatience);
  return context;
}

}  // namespace dunlin
