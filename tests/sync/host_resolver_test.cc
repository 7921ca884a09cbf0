// Goal: a name server that does not answer holds up nobody: not beyond his deadline, not when he is to end, and not
// with more than one thread. Method: a look-up that the test holds back in place of the system's.

#include "sync/host_resolver.h"

#include <memory>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/time/clock.h"
#include "gtest/gtest.h"
#include "storage/mutex.h"

namespace dunlin {
namespace {

// NameServer answers once it is allowed to.
class NameServer {
 public:
  HostResolver::LookUp LookUp() {
    return [shared = shared_](const std::string& host) -> absl::StatusOr<std::string> {
      MutexLock lock(&shared->mutex);
      ++shared->questions;
      shared->changed.SignalAll();
      while (!shared->answers) {
        shared->changed.Wait(&shared->mutex);
      }
      return host == "unknown" ? absl::StatusOr<std::string>(absl::UnavailableError("no such host")) : "10.0.0.1";
    };
  }

  void Answer() {
    MutexLock lock(&shared_->mutex);
    shared_->answers = true;
    shared_->changed.SignalAll();
  }

  void AwaitQuestions(int count = 1) {
    MutexLock lock(&shared_->mutex);
    while (shared_->questions < count) {
      shared_->changed.Wait(&shared_->mutex);
    }
  }

  int questions() {
    MutexLock lock(&shared_->mutex);
    return shared_->questions;
  }

 private:
  // Look-ups may outlive the test.
  struct Shared {
    Mutex mutex;
    CondVar changed;
    bool answers ABSL_GUARDED_BY(mutex) = false;
    int questions ABSL_GUARDED_BY(mutex) = 0;
  };
  const std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
};

class HostResolverTest : public testing::Test {
 protected:
  absl::StatusOr<std::string> Resolve(const std::string& host, absl::Time deadline = absl::InfiniteFuture()) {
    return resolver_->Resolve(host, interrupter_, deadline);
  }

  NameServer names_;
  Interrupter interrupter_;
  std::unique_ptr<HostResolver> resolver_ = std::make_unique<HostResolver>(names_.LookUp());
};

TEST_F(HostResolverTest, NamesAreLookedUpAndNumbersAreNot) {
  EXPECT_EQ(*Resolve("192.168.0.1"), "192.168.0.1");
  EXPECT_EQ(*Resolve("2001:db8::1"), "2001:db8::1");
  EXPECT_EQ(names_.questions(), 0);
  names_.Answer();
  EXPECT_EQ(*Resolve("redis.internal"), "10.0.0.1");
  EXPECT_TRUE(absl::IsUnavailable(Resolve("unknown").status()));
  EXPECT_EQ(*Resolve("redis.internal"), "10.0.0.1");
  EXPECT_EQ(names_.questions(), 3) << "each time anew: addresses change";
}

TEST_F(HostResolverTest, ADeadlineEndsTheWaitAndTheLookUpIsNotRepeatedMeanwhile) {
  for (int i = 0; i < 3; ++i) {
    const absl::Status status = Resolve("redis.internal", absl::Now() + absl::Milliseconds(10)).status();
    EXPECT_TRUE(absl::IsDeadlineExceeded(status)) << status;
  }
  names_.AwaitQuestions();
  EXPECT_EQ(names_.questions(), 1);
  names_.Answer();
  EXPECT_EQ(*Resolve("redis.internal"), "10.0.0.1");
  EXPECT_EQ(names_.questions(), 1) << "the answer to the first question is as good";
}

TEST_F(HostResolverTest, HostsAskedForInTurnTakeOneLookUpEach) {
  for (int i = 0; i < 3; ++i) {
    for (const char* host : {"sentinel-1", "sentinel-2"}) {
      const absl::Status status = Resolve(host, absl::Now() + absl::Milliseconds(10)).status();
      EXPECT_TRUE(absl::IsDeadlineExceeded(status)) << status;
    }
  }
  names_.AwaitQuestions(2);
  EXPECT_EQ(names_.questions(), 2);
  names_.Answer();
  EXPECT_EQ(*Resolve("sentinel-1"), "10.0.0.1");
  EXPECT_EQ(names_.questions(), 2) << "the answer to the first question is as good";
}

TEST_F(HostResolverTest, AnInterruptionEndsTheWait) {
  std::thread other([this] {
    names_.AwaitQuestions();
    interrupter_.Interrupt();
  });
  EXPECT_TRUE(absl::IsCancelled(Resolve("redis.internal").status()));
  other.join();
  names_.Answer();
}

TEST_F(HostResolverTest, ALookUpMayOutliveTheResolver) {
  EXPECT_FALSE(Resolve("redis.internal", absl::Now()).ok());
  resolver_.reset();
  names_.AwaitQuestions();
  names_.Answer();
}

TEST_F(HostResolverTest, TheSystemKnowsThisMachine) {
  const absl::StatusOr<std::string> address = HostResolver::LookUpInSystem("localhost");
  ASSERT_TRUE(address.ok()) << address.status();
  EXPECT_TRUE(*address == "127.0.0.1" || *address == "::1") << *address;
}

}  // namespace
}  // namespace dunlin
