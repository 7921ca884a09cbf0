// Goal: no more connections are open than the limit says, and one that has ended makes room, also when its descriptor
// is taken by something else. Method: sockets that the test closes, as gRPC would, and a clock of its own.

#include "server/connection_limit.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <vector>

#include "gtest/gtest.h"
#include "server/limits.h"

namespace dunlin {
namespace {

FileDescriptor Socket() { return FileDescriptor(socket(AF_UNIX, SOCK_STREAM, 0)); }

class ConnectionLimitTest : public ::testing::Test {
 protected:
  void Add() {
    open_.push_back(Socket());
    limit_.Add(open_.back());
  }

  // A look now, however short ago the last one was.
  bool HasRoom() { return limit_.HasRoom(now_ += kConnectionCheckPeriod); }

  absl::Time now_ = absl::FromUnixSeconds(1000);
  std::vector<FileDescriptor> open_;
  ConnectionLimit limit_{3};
};

TEST_F(ConnectionLimitTest, ThereIsRoomUpToTheLimit) {
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(HasRoom());
    Add();
  }
  EXPECT_FALSE(HasRoom());
}

TEST_F(ConnectionLimitTest, WhatHasEndedMakesRoom) {
  for (int i = 0; i < 3; ++i) Add();
  EXPECT_FALSE(HasRoom());
  open_.erase(open_.begin());
  EXPECT_TRUE(HasRoom());
  Add();
  EXPECT_FALSE(HasRoom());
  open_.clear();
  EXPECT_TRUE(HasRoom());
}

TEST_F(ConnectionLimitTest, ADescriptorThatSomethingElseHasTakenIsNotTheConnection) {
  for (int i = 0; i < 3; ++i) Add();
  const int fd = open_.back().get();
  open_.pop_back();
  const FileDescriptor other = Socket();
  ASSERT_EQ(other.get(), fd) << "the system gives out the lowest";
  EXPECT_TRUE(HasRoom());
  Add();
  EXPECT_FALSE(HasRoom());
}

TEST_F(ConnectionLimitTest, LooksAreSpaced) {
  for (int i = 0; i < 3; ++i) Add();
  EXPECT_FALSE(HasRoom());
  open_.clear();
  EXPECT_FALSE(limit_.HasRoom(now_ + kConnectionCheckPeriod / 2));
  EXPECT_TRUE(limit_.HasRoom(now_ + kConnectionCheckPeriod));
}

TEST(ConnectionsMaxForTest, ThereIsRoomForEverythingElse) {
  EXPECT_EQ(ConnectionsMaxFor(1024), 1024 - kReservedDescriptors);
  EXPECT_EQ(ConnectionsMaxFor(100), 50u);
  EXPECT_EQ(ConnectionsMaxFor(1), 1u);
  EXPECT_EQ(ConnectionsMaxFor(SIZE_MAX), kConnectionsMaxHard);
  EXPECT_GE(OpenFilesMax(), 1u);
}

}  // namespace
}  // namespace dunlin
