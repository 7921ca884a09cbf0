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

// The message that `session` would send, as it arrives at its reader.
v1::WatchResponse Arrived(const WatchSession& session, const WatchOutput& output);

// WatchSessionTester is a store whose writer waits for the test, and sessions that watch it.
//
// Thread-safety: one thread uses it.
class WatchSessionTester : public ::testing::Test {
 protected:
  std::unique_ptr<WatchSession> Open(WatchSession::Options options);

  static WatchSession::Options Everything(bool initial_state = false);
  static WatchSession::Options ResumeAt(const Position& position);

  // What the session's next step is, which must be `step`, has to say.
  static v1::WatchResponse Next(WatchSession* session, WatchSession::Step step);

  // All messages until there is nothing to say. Appends to what was said before.
  static std::vector<v1::WatchResponse> Drain(WatchSession* session);

  // What messages say, as "RESET key=value key- key! GAP SYNCED ": a put, a deletion, an expiry. RESET and GAP come
  // before their message's events.
  static std::string Describe(const std::vector<v1::WatchResponse>& messages);

  static Position TokenOf(const v1::WatchResponse& message);

  StoreParts data_;
};

}  // namespace dunlin

#endif  // DUNLIN_TESTS_SERVER_WATCH_SESSION_TESTER_H_
