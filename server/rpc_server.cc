#include "server/rpc_server.h"

#include <grpc/grpc.h>
#include <grpcpp/ext/channelz_service_plugin.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/resource_quota.h>

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "server/listening_sockets.h"
#include "storage/status_macros.h"

namespace dunlin {
namespace {

using grpc::experimental::ExternalConnectionAcceptor;

int Milliseconds(absl::Duration duration) { return static_cast<int>(absl::ToInt64Milliseconds(duration)); }

// gRPC keeps these in globals that apply to every server built afterwards.
void EnableHelperServices() {
  static const bool kEnabled = [] {
    // We have our own (health_service.h).
    grpc::EnableDefaultHealthCheckService(false);
    grpc::reflection::InitProtoReflectionServerBuilderPlugin();
    grpc::channelz::experimental::InitChannelzService();
    return true;
  }();
  static_cast<void>(kEnabled);
}

void SetLimits(const RpcServerOptions& options, grpc::ServerBuilder* builder) {
  builder->SetMaxReceiveMessageSize(static_cast<int>(options.request_size_max_bytes));
  builder->AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, static_cast<int>(options.connection_streams_max));
  builder->AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, static_cast<int>(options.metadata_size_max_bytes));
  builder->AddChannelArgument(GRPC_ARG_ENABLE_CHANNELZ, 1);
  builder->SetResourceQuota(grpc::ResourceQuota("helpers").SetMaxThreads(kHelperThreadsMax));
  // One thread is enough for the helper services; the default is one for each core. It waits for calls alone, and not,
  // as ours do, for what comes in on connections: gRPC sees to that where a server has queues of its own as well.
  builder->SetSyncServerOption(grpc::ServerBuilder::SyncServerOption::NUM_CQS, 1);
  builder->SetSyncServerOption(grpc::ServerBuilder::SyncServerOption::MIN_POLLERS, 1);
  builder->SetSyncServerOption(grpc::ServerBuilder::SyncServerOption::MAX_POLLERS, 1);
}

void SetKeepalive(grpc::ServerBuilder* builder) {
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, Milliseconds(kKeepalivePeriod));
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, Milliseconds(kKeepaliveTimeout));
  // Also without calls, or a client could hold a dead connection's descriptor for ever; and as often as it takes, for
  // a watch stream may be silent for long.
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder->AddChannelArgument(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  builder->AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
                              Milliseconds(kClientPingPeriodMin));
}

// Hands accepted connections to gRPC, which takes over their descriptors.
Acceptor::ConnectionHandler HandTo(std::shared_ptr<ExternalConnectionAcceptor> grpc_acceptor) {
  return [grpc_acceptor](int listening_fd, FileDescriptor connection) {
    ExternalConnectionAcceptor::NewConnectionParameters parameters;
    parameters.listener_fd = listening_fd;
    parameters.fd = connection.Release();
    grpc_acceptor->HandleNewConnection(&parameters);
  };
}

std::vector<std::string> NamesOf(const std::vector<RpcService*>& services) {
  std::vector<std::string> names;
  for (const RpcService* service : services) names.push_back(service->name());
  return names;
}

}  // namespace

absl::StatusOr<std::unique_ptr<RpcServer>> RpcServer::Start(const RpcServerOptions& options,
                                                            const std::vector<RpcService*>& services, Logger* logger) {
  DUNLIN_ASSIGN_OR_RETURN(const ListenAddress address, ParseListenAddress(options.listen));
  DUNLIN_ASSIGN_OR_RETURN(ListeningSockets sockets, ListeningSockets::Open(address));
  EnableHelperServices();
  grpc::ServerBuilder builder;
  SetLimits(options, &builder);
  SetKeepalive(&builder);
  std::shared_ptr<ExternalConnectionAcceptor> grpc_acceptor = builder.experimental().AddExternalConnectionAcceptor(
      grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD, grpc::InsecureServerCredentials());

  std::unique_ptr<RpcServer> server(new RpcServer(sockets.address(), NamesOf(services)));
  DUNLIN_RETURN_IF_ERROR(server->Build(&builder, options, services));
  server->acceptor_ =
      std::make_unique<Acceptor>(std::move(sockets), options.connections_max, HandTo(std::move(grpc_acceptor)), logger);
  return server;
}

absl::Status RpcServer::Build(grpc::ServerBuilder* builder, const RpcServerOptions& options,
                              const std::vector<RpcService*>& services) {
  std::vector<RpcService*> all = services;
  all.push_back(&health_);
  for (RpcService* service : all) builder->RegisterService(service->service());
  for (size_t i = 0; i < options.rpc_threads; ++i) {
    queues_.push_back(std::make_unique<CallQueue>(builder->AddCompletionQueue(), &streams_));
  }
  server_ = builder->BuildAndStart();
  if (server_ == nullptr) {
    return absl::InternalError(
        absl::StrCat("gRPC did not start a server for ", address_.ToString(), "; its log says why"));
  }
  SetServing(false);
  streams_.Start();
  for (const std::unique_ptr<CallQueue>& queue : queues_) {
    for (RpcService* service : all) service->Serve(queue.get());
    queue->Start("calls");
  }
  return absl::OkStatus();
}

RpcServer::~RpcServer() { Shutdown(absl::InfinitePast()); }

void RpcServer::SetServing(bool serving) {
  MutexLock lock(&mutex_);
  SetHealth(serving && !shut_down_);
}

void RpcServer::SetHealth(bool serving) {
  // The empty name is the server as a whole.
  health_.SetServing("", serving);
  for (const std::string& name : service_names_) health_.SetServing(name, serving);
}

void RpcServer::AtShutdown(std::function<void()> hook) {
  MutexLock lock(&mutex_);
  hooks_.push_back(std::move(hook));
}

void RpcServer::Shutdown(absl::Time deadline) {
  std::vector<std::function<void()>> hooks;
  {
    MutexLock lock(&mutex_);
    if (std::exchange(shut_down_, true) || server_ == nullptr) return;
    SetHealth(false);
    hooks.swap(hooks_);
  }
  acceptor_.reset();
  for (const std::function<void()>& hook : hooks) hook();
  health_.Shutdown();
  absl::SleepFor(std::min(kShutdownNotice, deadline - absl::Now()));
  // gRPC takes what lies before 1970 for never.
  server_->Shutdown(absl::ToChronoTime(std::max(absl::UnixEpoch(), std::min(deadline, absl::Now() + kShutdownGrace))));
  for (const std::unique_ptr<CallQueue>& queue : queues_) queue->Stop();
  streams_.Stop();
}

}  // namespace dunlin
