// Goal: connections are taken from every socket of an address, also after the process had run out of file descriptors.
// Method: real sockets; the limit of open files is lowered to what is already open.

#include "server/acceptor.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "gtest/gtest.h"
#include "storage/mutex.h"
#include "tests/support/eventually.h"

namespace dunlin {
namespace {

// What happened on the acceptor's thread.
class RecordingLogger final : public Logger {
 public:
  void Accepted(FileDescriptor connection) {
    MutexLock lock(&mutex_);
    connections_.push_back(std::move(connection));
    changed_.SignalAll();
  }

  void AwaitConnections(size_t count) {
    MutexLock lock(&mutex_);
    while (connections_.size() < count) changed_.Wait(&mutex_);
  }

  void AwaitError() {
    MutexLock lock(&mutex_);
    while (errors_ == 0) changed_.Wait(&mutex_);
  }

  // Ends the oldest connection.
  void CloseOne() {
    MutexLock lock(&mutex_);
    connections_.erase(connections_.begin());
  }

  size_t connections() {
    MutexLock lock(&mutex_);
    return connections_.size();
  }

  bool Enabled(LogLevel) const override { return true; }

  void Log(LogLevel level, absl::string_view, Fields) override {
    MutexLock lock(&mutex_);
    errors_ += level == LogLevel::kError;
    changed_.SignalAll();
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  std::vector<FileDescriptor> connections_ ABSL_GUARDED_BY(mutex_);
  int errors_ ABSL_GUARDED_BY(mutex_) = 0;
};

class AcceptorTest : public ::testing::Test {
 protected:
  void Start(const std::string& text, size_t connections_max = 1000) {
    absl::StatusOr<ListeningSockets> sockets = ListeningSockets::Open(*ParseListenAddress(text));
    ASSERT_TRUE(sockets.ok()) << sockets.status();
    for (const FileDescriptor& socket : sockets->sockets()) {
      sockaddr_storage address = {};
      socklen_t size = sizeof(address);
      ASSERT_EQ(getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
      addresses_.emplace_back(address, size);
    }
    acceptor_ = std::make_unique<Acceptor>(
        *std::move(sockets), connections_max,
        [this](int, FileDescriptor connection) { record_.Accepted(std::move(connection)); }, &record_);
  }

  // Connects `client` to the socket at `index`.
  bool Connect(const FileDescriptor& client, size_t index) {
    const auto& [address, size] = addresses_[index];
    return connect(client.get(), reinterpret_cast<const sockaddr*>(&address), size) == 0;
  }

  FileDescriptor Client(size_t index) {
    return FileDescriptor(socket(addresses_[index].first.ss_family, SOCK_STREAM, 0));
  }

  RecordingLogger record_;
  std::vector<std::pair<sockaddr_storage, socklen_t>> addresses_;
  std::unique_ptr<Acceptor> acceptor_;
};

TEST_F(AcceptorTest, TakesConnectionsFromEverySocket) {
  Start("localhost:0");
  std::vector<FileDescriptor> clients;
  for (size_t i = 0; i < addresses_.size(); ++i) {
    clients.push_back(Client(i));
    ASSERT_TRUE(Connect(clients.back(), i));
  }
  record_.AwaitConnections(clients.size());
}

TEST_F(AcceptorTest, TakesManyConnections) {
  Start("127.0.0.1:0");
  std::vector<FileDescriptor> clients;
  for (int i = 0; i < 200; ++i) {
    clients.push_back(Client(0));
    ASSERT_TRUE(Connect(clients.back(), 0));
  }
  record_.AwaitConnections(clients.size());
}

TEST_F(AcceptorTest, HearsAgainOnceThereAreFileDescriptors) {
  Start("127.0.0.1:0");
  const FileDescriptor client = Client(0);
  // The first time that UndefinedBehaviorSanitizer meets an object as a Logger, it needs descriptors to look at it.
  static_cast<Logger&>(record_).Info("about to run out of descriptors");
  rlimit former = {};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &former), 0);
  // The next descriptor would be the lowest free one, and from there on none is allowed.
  rlimit none = former;
  none.rlim_cur = static_cast<rlim_t>(FileDescriptor(dup(client.get())).get());
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  // The system completes the connection; accepting it is what fails.
  const bool connected = Connect(client, 0);
  record_.AwaitError();
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &former), 0);
  EXPECT_TRUE(connected);
  record_.AwaitConnections(1);
}

// Whether the other side closes `connection` rather than keep it.
bool IsClosed(const FileDescriptor& connection) {
  char byte = 0;
  return read(connection.get(), &byte, 1) <= 0;
}

TEST_F(AcceptorTest, ConnectionsBeyondTheLimitAreClosedAtOnceUntilOthersEnd) {
  Start("127.0.0.1:0", /*connections_max=*/2);
  const FileDescriptor first = Client(0), second = Client(0), third = Client(0);
  ASSERT_TRUE(Connect(first, 0));
  ASSERT_TRUE(Connect(second, 0));
  record_.AwaitConnections(2);
  ASSERT_TRUE(Connect(third, 0)) << "it must not be left to hang in the queue";
  EXPECT_TRUE(IsClosed(third));
  record_.AwaitError();
  EXPECT_EQ(record_.connections(), 2u) << "those that are open go on";
  record_.CloseOne();
  EXPECT_TRUE(IsClosed(first));
  std::vector<FileDescriptor> later;
  EXPECT_TRUE(Eventually([&] {
    later.push_back(Client(0));
    return Connect(later.back(), 0) && record_.connections() == 2;
  })) << "there is room for one again";
}

TEST_F(AcceptorTest, AfterItsEndConnectionsAreRefused) {
  Start("127.0.0.1:0");
  acceptor_.reset();
  EXPECT_FALSE(Connect(Client(0), 0));
}

}  // namespace
}  // namespace dunlin
