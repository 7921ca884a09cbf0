// Goal: a signal asks for an orderly end, a second one does not take no for an answer, and no thread dies of either.
// Method: child processes that send themselves signals and report by their exit code.

#include "server/signals.h"

#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <functional>
#include <thread>

#include "gtest/gtest.h"

namespace dunlin {
namespace {

// Runs `body` in a child process. Returns its exit code, or minus the signal it died of.
int InChild(const std::function<int()>& body) {
  const pid_t child = fork();
  if (child == 0) _exit(body());
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

TEST(StopSignalsTest, WaitReturnsTheSignal) {
  for (const int signal : {SIGTERM, SIGINT}) {
    EXPECT_EQ(InChild([&] {
                StopSignals signals;
                kill(getpid(), signal);
                return signals.Wait();
              }),
              signal);
  }
}

TEST(StopSignalsTest, ASignalThatArrivesWhileAnotherThreadRunsHarmsNobody) {
  EXPECT_EQ(InChild([] {
              StopSignals signals;
              std::thread worker([] { kill(getpid(), SIGTERM); });
              worker.join();
              return signals.Wait();
            }),
            SIGTERM);
}

TEST(StopSignalsTest, ASecondSignalEndsTheProcessAtOnce) {
  EXPECT_EQ(InChild([] {
              StopSignals signals;
              kill(getpid(), SIGTERM);
              signals.Wait();
              kill(getpid(), SIGINT);
              pause();
              return 0;
            }),
            128 + SIGINT);
}

TEST(StopSignalsTest, ASignalAfterAStopOfOurOwnEndsTheProcessAtOnce) {
  EXPECT_EQ(InChild([] {
              StopSignals signals;
              signals.RequestStop();
              if (signals.Wait() != 0) return 1;
              kill(getpid(), SIGTERM);
              pause();
              return 0;
            }),
            128 + SIGTERM);
}

TEST(StopSignalsTest, RequestStopEndsWait) {
  EXPECT_EQ(InChild([] {
              StopSignals signals;
              std::thread worker([&] { signals.RequestStop(); });
              const int signal = signals.Wait();
              worker.join();
              return signal;
            }),
            0);
}

TEST(StopSignalsTest, APeerThatHangsUpIsAnErrorOfTheWrite) {
  EXPECT_EQ(InChild([] {
              StopSignals signals;
              int pair[2];
              if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0) return 1;
              close(pair[1]);
              return write(pair[0], "x", 1) == -1 && errno == EPIPE ? 0 : 2;
            }),
            0);
}

TEST(StopSignalsTest, AfterwardsTheSignalsHaveTheirUsualMeaning) {
  EXPECT_EQ(InChild([] {
              { StopSignals signals; }
              kill(getpid(), SIGTERM);
              return 0;
            }),
            -SIGTERM);
}

}  // namespace
}  // namespace dunlin
