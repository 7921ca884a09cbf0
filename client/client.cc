#include "client/client.h"

#include <cstdint>
#include <utility>
#include <variant>

#include "absl/memory/memory.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"
#include "client/proto_conversion.h"
#include "client/status_from_grpc.h"
#include "client/watch_stream.h"
#include "dunlin/v1/kv.grpc.pb.h"
#include "dunlin/v1/replica.grpc.pb.h"
#include "grpcpp/channel.h"
#include "grpcpp/client_context.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/security/credentials.h"
#include "grpcpp/support/channel_arguments.h"
#include "storage/status_macros.h"
#include "storage/utf8.h"

namespace dunlin::client {
namespace {

absl::Status CheckServer(absl::string_view server) {
  if (absl::StartsWith(server, "unix:")) {
    return absl::OkStatus();
  }
  const size_t colon = server.rfind(':');
  uint32_t port = 0;
  if (colon == absl::string_view::npos || colon == 0 || !absl::SimpleAtoi(server.substr(colon + 1), &port) ||
      port == 0 || port > 65535) {
    return absl::InvalidArgumentError(
        absl::StrFormat("server address \"%s\" is not HOST:PORT with a port from 1 to 65535", server));
  }
  return absl::OkStatus();
}

absl::Status CheckTimeout(absl::Duration timeout) {
  if (timeout > absl::ZeroDuration()) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrFormat("timeout %s is not positive; give one such as 5s", absl::FormatDuration(timeout)));
}

// gRPC would print to stderr and drop the connection on a string field that is not UTF-8.
absl::Status CheckUtf8(absl::string_view what, absl::string_view text) {
  if (IsValidUtf8(text)) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrFormat("%s is not valid UTF-8; encode other bytes, for example in base64", what));
}

absl::string_view KeyOf(const Write& write) {
  if (const auto* put = std::get_if<BatchPut>(&write)) {
    return put->key;
  }
  return std::get<BatchDelete>(write).key;
}

std::shared_ptr<grpc::Channel> OpenChannel(const std::string& server) {
  grpc::ChannelArguments arguments;
  // An HTTP proxy from the environment is meant for the web, not for a replica next door.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  return grpc::CreateCustomChannel(server, grpc::InsecureChannelCredentials(), arguments);
}

}  // namespace

// The channel to one replica and the way of making a call on it.
class Client::Connection {
 public:
  explicit Connection(ClientOptions options)
      : options_(std::move(options)),
        channel_(OpenChannel(options_.server)),
        kv_(v1::KVService::NewStub(channel_)),
        replica_(v1::ReplicaService::NewStub(channel_)) {}

  v1::KVService::Stub& kv() { return *kv_; }
  v1::ReplicaService::Stub& replica() { return *replica_; }

  absl::Duration TimeoutOf(const CallOptions& options) const { return options.timeout.value_or(options_.timeout); }

  std::string Describe(absl::string_view method, absl::Duration timeout) const {
    return absl::StrFormat("%s on %s (timeout %s)", method, options_.server, absl::FormatDuration(timeout));
  }

  // Calls `method` of `stub` with a deadline.
  template <typename Stub, typename Request, typename Response>
  absl::StatusOr<Response> Call(Stub& stub,
                                grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                                absl::string_view name, const Request& request, const CallOptions& options) {
    const absl::Duration timeout = TimeoutOf(options);
    DUNLIN_RETURN_IF_ERROR(CheckTimeout(timeout));
    grpc::ClientContext context;
    context.set_deadline(absl::ToChronoTime(absl::Now() + timeout));
    Response response;
    DUNLIN_RETURN_IF_ERROR(StatusFromGrpc((stub.*method)(&context, request, &response), Describe(name, timeout)));
    return response;
  }

 private:
  const ClientOptions options_;
  const std::shared_ptr<grpc::Channel> channel_;
  const std::unique_ptr<v1::KVService::Stub> kv_;
  const std::unique_ptr<v1::ReplicaService::Stub> replica_;
};

Client::Client(std::unique_ptr<Connection> connection) : connection_(std::move(connection)) {}

Client::~Client() = default;

absl::StatusOr<std::unique_ptr<Client>> Client::Create(ClientOptions options) {
  DUNLIN_RETURN_IF_ERROR(CheckServer(options.server));
  DUNLIN_RETURN_IF_ERROR(CheckTimeout(options.timeout));
  return absl::WrapUnique(new Client(std::make_unique<Connection>(std::move(options))));
}

absl::StatusOr<GetResult> Client::Get(absl::string_view key, const ReadOptions& options) {
  DUNLIN_RETURN_IF_ERROR(CheckUtf8("the key", key));
  v1::GetRequest request;
  request.set_key(key.data(), key.size());
  SetReadOptions(options, &request);
  DUNLIN_ASSIGN_OR_RETURN(v1::GetResponse response,
                          connection_->Call(connection_->kv(), &v1::KVService::Stub::Get, "Get", request, options));
  return FromProto(std::move(response));
}

absl::StatusOr<WriteResult> Client::Put(absl::string_view key, absl::string_view value, const PutOptions& options) {
  DUNLIN_RETURN_IF_ERROR(CheckUtf8("the key", key));
  DUNLIN_ASSIGN_OR_RETURN(v1::PutResponse response, connection_->Call(connection_->kv(), &v1::KVService::Stub::Put,
                                                                      "Put", ToProto(key, value, options), options));
  return FromProto(std::move(response));
}

absl::StatusOr<DeleteResult> Client::Delete(absl::string_view key, const DeleteOptions& options) {
  DUNLIN_RETURN_IF_ERROR(CheckUtf8("the key", key));
  DUNLIN_ASSIGN_OR_RETURN(
      v1::DeleteResponse response,
      connection_->Call(connection_->kv(), &v1::KVService::Stub::Delete, "Delete", ToProto(key, options), options));
  return FromProto(std::move(response));
}

absl::StatusOr<BatchGetResult> Client::BatchGet(const std::vector<std::string>& keys, const ReadOptions& options) {
  v1::BatchGetRequest request;
  SetReadOptions(options, &request);
  for (const std::string& key : keys) {
    DUNLIN_RETURN_IF_ERROR(CheckUtf8("a key", key));
    request.add_keys(key);
  }
  DUNLIN_ASSIGN_OR_RETURN(
      v1::BatchGetResponse response,
      connection_->Call(connection_->kv(), &v1::KVService::Stub::BatchGet, "BatchGet", request, options));
  return FromProto(std::move(response));
}

absl::StatusOr<BatchWriteResult> Client::BatchWrite(const std::vector<Write>& writes,
                                                    const BatchWriteOptions& options) {
  for (const Write& write : writes) {
    DUNLIN_RETURN_IF_ERROR(CheckUtf8("a key", KeyOf(write)));
  }
  DUNLIN_ASSIGN_OR_RETURN(v1::BatchWriteResponse response,
                          connection_->Call(connection_->kv(), &v1::KVService::Stub::BatchWrite, "BatchWrite",
                                            ToProto(writes, options), options));
  return FromProto(std::move(response));
}

absl::StatusOr<ListPage> Client::List(const ListOptions& options) {
  DUNLIN_RETURN_IF_ERROR(CheckUtf8("the prefix", options.prefix));
  DUNLIN_ASSIGN_OR_RETURN(v1::ListResponse response, connection_->Call(connection_->kv(), &v1::KVService::Stub::List,
                                                                       "List", ToProto(options), options));
  return FromProto(std::move(response));
}

absl::StatusOr<std::unique_ptr<Watcher>> Client::Watch(const WatchOptions& options) {
  for (const std::string& key : options.keys) {
    DUNLIN_RETURN_IF_ERROR(CheckUtf8("the key", key));
  }
  for (const std::string& prefix : options.prefixes) {
    DUNLIN_RETURN_IF_ERROR(CheckUtf8("the prefix", prefix));
  }
  const absl::Duration timeout = connection_->TimeoutOf(options);
  DUNLIN_RETURN_IF_ERROR(CheckTimeout(timeout));
  DUNLIN_RETURN_IF_ERROR(CheckTimeout(options.silence_timeout));
  DUNLIN_ASSIGN_OR_RETURN(std::unique_ptr<WatchStream> stream,
                          WatchStream::Open(connection_->kv(), ToProto(options),
                                            connection_->Describe("Watch", timeout), timeout, options.silence_timeout));
  return std::make_unique<Watcher>(std::move(stream));
}

absl::StatusOr<ReplicaStatus> Client::GetStatus(const CallOptions& options) {
  DUNLIN_ASSIGN_OR_RETURN(v1::GetStatusResponse response,
                          connection_->Call(connection_->replica(), &v1::ReplicaService::Stub::GetStatus, "GetStatus",
                                            v1::GetStatusRequest(), options));
  return FromProto(std::move(*response.mutable_status()));
}

absl::StatusOr<WatchersPage> Client::ListWatchers(const ListWatchersOptions& options) {
  DUNLIN_ASSIGN_OR_RETURN(v1::GetStatusResponse response,
                          connection_->Call(connection_->replica(), &v1::ReplicaService::Stub::GetStatus, "GetStatus",
                                            ToProto(options), options));
  return TakeWatchersPage(std::move(response));
}

absl::StatusOr<VerifyResult> Client::Verify(const CallOptions& options) {
  DUNLIN_ASSIGN_OR_RETURN(v1::VerifyResponse response,
                          connection_->Call(connection_->replica(), &v1::ReplicaService::Stub::Verify, "Verify",
                                            v1::VerifyRequest(), options));
  return FromProto(std::move(response));
}

}  // namespace dunlin::client
