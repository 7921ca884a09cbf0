// Goal: a server listens where it was told, alone, and a failure names its reason. Method: real sockets on port 0 and
// in a folder of the test's own.

#include "server/listening_sockets.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace dunlin {
namespace {

using ::testing::HasSubstr;

bool CanConnect(const char* host, uint16_t port) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  inet_pton(AF_INET, host, &address.sin_addr);
  const FileDescriptor client(socket(AF_INET, SOCK_STREAM, 0));
  return connect(client.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
}

absl::StatusOr<ListeningSockets> Open(const std::string& text) {
  const absl::StatusOr<ListenAddress> address = ParseListenAddress(text);
  return address.ok() ? ListeningSockets::Open(*address) : address.status();
}

class UnixListeningSocketsTest : public ::testing::Test {
 protected:
  UnixListeningSocketsTest() {
    char folder[] = "/tmp/dunlin-XXXXXX";
    folder_ = mkdtemp(folder);
    path_ = absl::StrCat(folder_, "/socket");
  }
  ~UnixListeningSocketsTest() override {
    unlink(path_.c_str());
    rmdir(folder_.c_str());
  }

  bool Exists() const { return access(path_.c_str(), F_OK) == 0; }

  std::string folder_;
  std::string path_;
};

TEST(ListeningSocketsTest, TheSystemChoosesAPortForZero) {
  const absl::StatusOr<ListeningSockets> sockets = Open("127.0.0.1:0");
  ASSERT_TRUE(sockets.ok()) << sockets.status();
  EXPECT_GT(sockets->address().port, 0);
  EXPECT_TRUE(CanConnect("127.0.0.1", sockets->address().port));
}

TEST(ListeningSocketsTest, EveryAddressOfANameGetsTheSamePort) {
  const absl::StatusOr<ListeningSockets> sockets = Open("localhost:0");
  ASSERT_TRUE(sockets.ok()) << sockets.status();
  for (const FileDescriptor& socket : sockets->sockets()) {
    sockaddr_in6 bound = {};
    socklen_t size = sizeof(bound);
    ASSERT_EQ(getsockname(socket.get(), reinterpret_cast<sockaddr*>(&bound), &size), 0);
    EXPECT_EQ(ntohs(bound.sin6_port), sockets->address().port);
  }
}

TEST(ListeningSocketsTest, TheV6WildcardTakesV4Too) {
  const absl::StatusOr<ListeningSockets> sockets = Open("[::]:0");
  if (!sockets.ok()) GTEST_SKIP() << "this machine has no IPv6: " << sockets.status();
  EXPECT_TRUE(CanConnect("127.0.0.1", sockets->address().port));
}

TEST(ListeningSocketsTest, AFailureNamesTheAddressTheReasonAndTheRemedy) {
  const absl::StatusOr<ListeningSockets> first = Open("127.0.0.1:0");
  ASSERT_TRUE(first.ok()) << first.status();
  const struct {
    std::string address;
    absl::StatusCode code;
    const char* reason;
    const char* remedy;
  } kCases[] = {
      {first->address().ToString(), absl::StatusCode::kFailedPrecondition, "already in use", "choose another"},
      {"192.0.2.1:7700", absl::StatusCode::kFailedPrecondition, "Cannot assign", "not an address of this machine"},
      {"host.invalid:7700", absl::StatusCode::kInvalidArgument, "\"host.invalid\" cannot be resolved", "numeric"},
      {"unix:/no/such/folder/socket", absl::StatusCode::kFailedPrecondition, "No such file", "create the folder"},
  };
  for (const auto& test : kCases) {
    const absl::Status status = Open(test.address).status();
    EXPECT_EQ(status.code(), test.code) << test.address;
    EXPECT_THAT(std::string(status.message()), HasSubstr(absl::StrCat("cannot listen on ", test.address)));
    EXPECT_THAT(std::string(status.message()), HasSubstr(test.reason));
    EXPECT_THAT(std::string(status.message()), HasSubstr(test.remedy));
  }
}

TEST_F(UnixListeningSocketsTest, ThePathGoesWithTheSocket) {
  {
    const absl::StatusOr<ListeningSockets> sockets = Open(absl::StrCat("unix:", path_));
    ASSERT_TRUE(sockets.ok()) << sockets.status();
    EXPECT_TRUE(Exists());
  }
  EXPECT_FALSE(Exists());
}

TEST_F(UnixListeningSocketsTest, ASocketInUseIsLeftAlone) {
  const absl::StatusOr<ListeningSockets> first = Open(absl::StrCat("unix:", path_));
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_THAT(std::string(Open(absl::StrCat("unix:", path_)).status().message()), HasSubstr("already in use"));
  EXPECT_TRUE(Exists());
}

TEST_F(UnixListeningSocketsTest, ASocketThatAKilledServerLeftBehindIsReplaced) {
  absl::optional<ListeningSockets> killed;
  {
    absl::StatusOr<ListeningSockets> sockets = Open(absl::StrCat("unix:", path_));
    ASSERT_TRUE(sockets.ok()) << sockets.status();
    const std::string aside = path_ + "-aside";
    ASSERT_EQ(rename(path_.c_str(), aside.c_str()), 0);
    killed.emplace(*std::move(sockets));
    killed.reset();
    ASSERT_EQ(rename(aside.c_str(), path_.c_str()), 0);
  }
  ASSERT_TRUE(Exists());
  EXPECT_TRUE(Open(absl::StrCat("unix:", path_)).ok());
}

TEST_F(UnixListeningSocketsTest, AFileThatIsNoSocketIsLeftAlone) {
  std::ofstream(path_) << "precious";
  EXPECT_THAT(std::string(Open(absl::StrCat("unix:", path_)).status().message()), HasSubstr("already in use"));
  EXPECT_TRUE(Exists());
}

}  // namespace
}  // namespace dunlin
