// Goal: the front of a replica tells the truth about its readiness, shows its services to tools, fails to start with a
// useful error, and stops in order. Method: a real server on port 0 with the generated services, called over TCP.
// The definitions of health, reflection and channelz are not installed with gRPC, so their few bytes are written here.

#include "server/rpc_server.h"

#include <grpcpp/generic/generic_stub.h>
#include <stdlib.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "dunlin/v1/kv.grpc.pb.h"
#include "dunlin/v1/replica.grpc.pb.h"
#include "gmock/gmock.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "gtest/gtest.h"
#include "server/call_queue.h"
#include "server/rpc_service.h"
#include "tests/server/raw_call.h"
#include "tests/support/eventually.h"

namespace dunlin {
namespace {

using ::testing::HasSubstr;

const std::string kServing("\x08\x01", 2);
const std::string kNotServing("\x08\x02", 2);

// A service that answers nothing.
template <typename Definition>
class Unimplemented final : public RpcService {
 public:
  std::string name() const override { return Definition::service_full_name(); }
  grpc::Service* service() override { return &service_; }
  void Serve(CallQueue*) override {}

 private:
  typename Definition::Service service_;
};

// How many threads wait for the callbacks of gRPC's callback API, by their name. They would take turns with ours in
// waiting for connections (docs/decisions/0024-one-thread-waits-for-calls.md).
int CountCallbackThreads() {
  int count = 0;
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    std::ifstream file(task.path() / "comm");
    std::string name;
    std::getline(file, name);
    count += name == "nexting_thread" ? 1 : 0;
  }
  return count;
}

class RpcServerTest : public ::testing::Test {
 protected:
  void Start(RpcServerOptions options = {}) {
    if (options.listen.empty()) options.listen = "127.0.0.1:0";
    absl::StatusOr<std::unique_ptr<RpcServer>> server = RpcServer::Start(options, {&kv_, &replica_}, &logger_);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    channel_ = grpc::CreateChannel(server_->address().ToString(), grpc::InsecureChannelCredentials());
  }

  std::string Health(const std::string& service) {
    const RawAnswer answer = RawCall(channel_, "/grpc.health.v1.Health/Check", OneField(1, service));
    return answer.status.ok() ? answer.bytes : answer.status.error_message();
  }

  std::unique_ptr<grpc::ClientReader<grpc::health::v1::HealthCheckResponse>> WatchHealth(const std::string& service,
                                                                                         grpc::ClientContext* context) {
    grpc::health::v1::HealthCheckRequest request;
    request.set_service(service);
    return grpc::health::v1::Health::NewStub(channel_)->Watch(context, request);
  }

  NullLogger logger_;
  Unimplemented<v1::KVService> kv_;
  Unimplemented<v1::ReplicaService> replica_;
  std::unique_ptr<RpcServer> server_;
  std::shared_ptr<grpc::Channel> channel_;
};

TEST_F(RpcServerTest, HealthIsNotServingFromTheStartAndFollows) {
  Start();
  const std::string kNames[] = {"", "dunlin.v1.KVService", "dunlin.v1.ReplicaService"};
  for (const std::string& name : kNames) EXPECT_EQ(Health(name), kNotServing) << name;
  server_->SetServing(true);
  for (const std::string& name : kNames) EXPECT_EQ(Health(name), kServing) << name;
  server_->SetServing(false);
  for (const std::string& name : kNames) EXPECT_EQ(Health(name), kNotServing) << name;
}

TEST_F(RpcServerTest, HealthOfAnUnknownServiceIsNotFound) {
  Start();
  EXPECT_EQ(RawCall(channel_, "/grpc.health.v1.Health/Check", OneField(1, "dunlin.v1.Nobody")).status.error_code(),
            grpc::StatusCode::NOT_FOUND);
}

TEST_F(RpcServerTest, ReflectionListsTheServices) {
  Start();
  constexpr int kListServices = 7;
  const RawAnswer answer =
      RawCall(channel_, "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", OneField(kListServices, ""));
  ASSERT_TRUE(answer.status.ok()) << answer.status.error_message();
  for (const char* name : {"dunlin.v1.KVService", "dunlin.v1.ReplicaService", "grpc.health.v1.Health"}) {
    EXPECT_THAT(answer.bytes, HasSubstr(name));
  }
}

TEST_F(RpcServerTest, ReflectionDescribesTheMessages) {
  Start();
  constexpr int kFileContainingSymbol = 4;
  const RawAnswer answer = RawCall(channel_, "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
                                   OneField(kFileContainingSymbol, "dunlin.v1.PutRequest"));
  ASSERT_TRUE(answer.status.ok()) << answer.status.error_message();
  EXPECT_THAT(answer.bytes, HasSubstr("precondition"));
}

TEST_F(RpcServerTest, ChannelzAnswers) {
  Start();
  const RawAnswer answer = RawCall(channel_, "/grpc.channelz.v1.Channelz/GetServers", "");
  ASSERT_TRUE(answer.status.ok()) << answer.status.error_message();
  EXPECT_FALSE(answer.bytes.empty());
}

TEST_F(RpcServerTest, NobodyElseWaitsForConnections) {
  Start();
  EXPECT_EQ(Health(""), kNotServing);
  EXPECT_EQ(CountCallbackThreads(), 0);
  // Such a server shows that the count sees them, once they have given themselves their name.
  v1::KVService::CallbackService callbacks;
  grpc::ServerBuilder builder;
  builder.RegisterService(&callbacks);
  const std::unique_ptr<grpc::Server> other = builder.BuildAndStart();
  EXPECT_TRUE(Eventually([] { return CountCallbackThreads() > 0; }));
}

TEST_F(RpcServerTest, HealthIsWatched) {
  Start();
  grpc::ClientContext context;
  const auto reader = WatchHealth("dunlin.v1.KVService", &context);
  grpc::health::v1::HealthCheckResponse response;
  ASSERT_TRUE(reader->Read(&response));
  EXPECT_EQ(response.status(), grpc::health::v1::HealthCheckResponse::NOT_SERVING);
  server_->SetServing(true);
  ASSERT_TRUE(reader->Read(&response));
  EXPECT_EQ(response.status(), grpc::health::v1::HealthCheckResponse::SERVING);
  std::thread shutdown([this] { server_->Shutdown(absl::InfiniteFuture()); });
  ASSERT_TRUE(reader->Read(&response));
  EXPECT_EQ(response.status(), grpc::health::v1::HealthCheckResponse::NOT_SERVING);
  EXPECT_FALSE(reader->Read(&response));
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
  shutdown.join();
}

TEST_F(RpcServerTest, TheHealthOfAnUnknownServiceIsWatchedAsUnknown) {
  Start();
  grpc::ClientContext context;
  const auto reader = WatchHealth("dunlin.v1.Nobody", &context);
  grpc::health::v1::HealthCheckResponse response;
  ASSERT_TRUE(reader->Read(&response));
  EXPECT_EQ(response.status(), grpc::health::v1::HealthCheckResponse::SERVICE_UNKNOWN);
  context.TryCancel();
  EXPECT_EQ(reader->Finish().error_code(), grpc::StatusCode::CANCELLED);
}

TEST_F(RpcServerTest, AHealthWatchThatDoesNotParseIsTheCallersFaultAndMayBeCancelled) {
  Start();
  for (int i = 0; i < 200; ++i) {
    grpc::GenericStub stub(channel_);
    grpc::CompletionQueue queue;
    grpc::ClientContext context;
    const grpc::Slice slice(OneField(1, "caf\xE9"));
    grpc::ByteBuffer reply;
    grpc::Status status;
    const auto call =
        stub.PrepareUnaryCall(&context, "/grpc.health.v1.Health/Watch", grpc::ByteBuffer(&slice, 1), &queue);
    call->StartCall();
    call->Finish(&reply, &status, nullptr);
    // Half of them are cancelled at whatever moment the answer has got to.
    std::thread canceller([&] {
      if (i % 2 == 0) context.TryCancel();
    });
    void* tag = nullptr;
    bool ok = false;
    ASSERT_TRUE(queue.Next(&tag, &ok));
    canceller.join();
    ASSERT_TRUE(status.error_code() == grpc::StatusCode::INVALID_ARGUMENT ||
                (i % 2 == 0 && status.error_code() == grpc::StatusCode::CANCELLED))
        << status.error_message();
  }
  EXPECT_EQ(Health(""), kNotServing);
}

TEST_F(RpcServerTest, SeveralThreadsMayAnswer) {
  RpcServerOptions options;
  options.rpc_threads = 4;
  Start(options);
  for (int i = 0; i < 20; ++i) {
    grpc::ChannelArguments arguments;
    arguments.SetInt("connection", i);
    channel_ = grpc::CreateCustomChannel(server_->address().ToString(), grpc::InsecureChannelCredentials(), arguments);
    EXPECT_EQ(Health(""), kNotServing);
  }
}

TEST_F(RpcServerTest, TheBoundPortIsKnown) {
  Start();
  EXPECT_GT(server_->address().port, 0);
  EXPECT_EQ(server_->address().host, "127.0.0.1");
}

TEST_F(RpcServerTest, ASecondServerOnThePortFailsAndSaysWhy) {
  Start();
  const std::string taken = server_->address().ToString();
  RpcServerOptions options;
  options.listen = taken;
  const absl::Status status = RpcServer::Start(options, {}, &logger_).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr(taken));
  EXPECT_THAT(std::string(status.message()), HasSubstr("in use"));
}

TEST_F(RpcServerTest, ThePortIsFreeAfterShutdown) {
  Start();
  RpcServerOptions options;
  options.listen = server_->address().ToString();
  EXPECT_EQ(Health(""), kNotServing);
  server_->Shutdown(absl::Now());
  Start(options);
  EXPECT_EQ(Health(""), kNotServing);
}

TEST_F(RpcServerTest, ServesOverAUnixSocket) {
  // Not the test's own folder: its path is too long for a socket.
  char folder[] = "/tmp/dunlin-XXXXXX";
  ASSERT_NE(mkdtemp(folder), nullptr);
  RpcServerOptions options;
  options.listen = absl::StrCat("unix:", folder, "/socket");
  Start(options);
  EXPECT_EQ(Health(""), kNotServing);
  server_.reset();
  EXPECT_EQ(rmdir(folder), 0) << "the socket's path is left behind";
}

TEST_F(RpcServerTest, AnOversizedRequestIsRefused) {
  RpcServerOptions options;
  options.request_size_max_bytes = 1000;
  Start(options);
  const RawAnswer answer = RawCall(channel_, "/dunlin.v1.KVService/Get", OneField(1, std::string(1001, 'k')));
  EXPECT_EQ(answer.status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_THAT(answer.status.error_message(), HasSubstr("1000"));
}

TEST_F(RpcServerTest, OversizedMetadataIsRefused) {
  RpcServerOptions options;
  options.metadata_size_max_bytes = 8 << 10;
  Start(options);
  grpc::ClientContext context;
  context.AddMetadata("padding", std::string(16 << 10, 'x'));
  v1::GetResponse response;
  EXPECT_EQ(v1::KVService::NewStub(channel_)->Get(&context, v1::GetRequest(), &response).error_code(),
            grpc::StatusCode::RESOURCE_EXHAUSTED);
}

TEST_F(RpcServerTest, ShutdownRunsTheHooksInOrderWhileNotServing) {
  Start();
  server_->SetServing(true);
  std::vector<std::string> seen;
  server_->AtShutdown([&] { seen.push_back(absl::StrCat("first:", Health("") == kNotServing)); });
  server_->AtShutdown([&] { seen.push_back("second"); });
  EXPECT_EQ(Health(""), kServing);
  server_->Shutdown(absl::InfiniteFuture());
  server_->Shutdown(absl::InfiniteFuture());
  EXPECT_THAT(seen, ::testing::ElementsAre("first:1", "second"));
}

TEST_F(RpcServerTest, ShutdownRefusesNewConnectionsBeforeTheHooks) {
  Start();
  const std::string address = server_->address().ToString();
  grpc::Status during;
  server_->AtShutdown([&] {
    during =
        RawCall(grpc::CreateChannel(address, grpc::InsecureChannelCredentials()), "/grpc.health.v1.Health/Check", "")
            .status;
  });
  server_->Shutdown(absl::Now());
  EXPECT_EQ(during.error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(RpcServerTest, AfterShutdownItStaysNotServing) {
  Start();
  server_->Shutdown(absl::Now());
  server_->SetServing(true);
  EXPECT_EQ(RawCall(channel_, "/grpc.health.v1.Health/Check", "").status.error_code(), grpc::StatusCode::UNAVAILABLE);
}

// A stream that somebody opens and leaves open, as debugging tools do.
struct IdleStream {
  IdleStream(const std::shared_ptr<grpc::Channel>& channel, const std::string& method, grpc::CompletionQueue* queue)
      : stream(grpc::GenericStub(channel).PrepareCall(&context, method, queue)) {
    stream->StartCall(nullptr);
    stream->Finish(&status, this);
  }

  grpc::ClientContext context;
  grpc::Status status;
  std::unique_ptr<grpc::GenericClientAsyncReaderWriter> stream;
};

// Waits until `count` of the streams have ended, and returns them.
std::vector<IdleStream*> AwaitEnds(size_t count, grpc::CompletionQueue* queue) {
  std::vector<IdleStream*> ended;
  void* tag = nullptr;
  bool ok = false;
  while (ended.size() < count && queue->Next(&tag, &ok)) {
    if (tag != nullptr) ended.push_back(static_cast<IdleStream*>(tag));
  }
  return ended;
}

TEST_F(RpcServerTest, IdleReflectionStreamsTakeNoMoreThanTheirThreads) {
  Start();
  constexpr int kStreams = 5 * kHelperThreadsMax;
  grpc::CompletionQueue queue;
  std::vector<std::unique_ptr<IdleStream>> streams;
  for (int i = 0; i < kStreams; ++i) {
    streams.push_back(std::make_unique<IdleStream>(
        channel_, "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", &queue));
  }
  const std::vector<IdleStream*> refused = AwaitEnds(kStreams - kHelperThreadsMax, &queue);
  for (IdleStream* stream : refused) {
    EXPECT_EQ(stream->status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED) << stream->status.error_message();
  }
  EXPECT_EQ(Health(""), kNotServing) << "our own services use none of these threads";
  for (const auto& stream : streams) stream->context.TryCancel();
  AwaitEnds(kStreams - refused.size(), &queue);
}

TEST_F(RpcServerTest, IdleStreamsOfHelperServicesDoNotHoldUpShutdown) {
  Start();
  grpc::CompletionQueue queue;
  IdleStream reflection(channel_, "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", &queue);
  IdleStream health(channel_, "/grpc.health.v1.Health/Watch", &queue);
  EXPECT_EQ(Health(""), kNotServing);
  server_->Shutdown(absl::InfiniteFuture());
  // That it returned is what was to be shown. The client may wait for messages it has not read before it sees the end.
  reflection.context.TryCancel();
  health.context.TryCancel();
  AwaitEnds(2, &queue);
}

}  // namespace
}  // namespace dunlin
