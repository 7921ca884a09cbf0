#ifndef DUNLIN_TESTS_SERVER_WATCH_SESSION_TESTER_H_
#define DUNLIN_TESTS_SERVER_WATCH_SESSION_TESTER_H_

#include <memory>
#include <string>
#include <vector>

#include "dunlin/v1/kv.pb.h"
#include "gtest/gtest.h"
#include "server/watch_session.h"
#include "storage/write.h"
#include "tests/server/replica_tester.h"

namespace dunlin {

// WatchSessionTester is a store whose writer waits for the test, and sessions that watch it.
//
// Thread-safety: one thread uses it.
class WatchSessionTester : public ::testing::Test {
 protected:
  std::unique_ptr<WatchSession> Open(WatchSession::Options options);

  static WatchSession::Options Everything(bool initial_state = false);
  static WatchSession::Options ResumeAt(const Position& position);

  // All messages until there is nothing to say. Appends to what was said before.
  static std::vector<v1::WatchResponse> Drain(WatchSession* session);

  // What messages say, as "RESET key=value key- key! SYNCED ": a put, a deletion, an expiry.
  static std::string Describe(const std::vector<v1::WatchResponse>& messages);

  static Position TokenOf(const v1::WatchResponse& message);

  StoreParts data_;
};

}  // namespace dunlin

#endif  // DUNLIN_TESTS_SERVER_WATCH_SESSION_TESTER_H_
