#include "tests/server/watch_session_tester.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "server/event_encoder.h"
#include "server/limits.h"
#include "server/request_parser.h"
#include "server/token.h"

namespace dunlin {
namespace {

using Step = WatchSession::Step;

const char* SignOf(v1::Event::Type type) {
  switch (type) {
    case v1::Event::TYPE_PUT:
      return "=";
    case v1::Event::TYPE_DELETE:
      return "-";
    default:
      return "!";
  }
}

}  // namespace

v1::WatchResponse Arrived(const WatchSession& session, const WatchOutput& output) {
  EventEncoder encoder;
  grpc::ByteBuffer bytes = encoder.Encode(output, session.form());
  v1::WatchResponse message;
  EXPECT_TRUE(ParseRequest(bytes, &message).ok());
  return message;
}

std::unique_ptr<WatchSession> WatchSessionTester::Open(WatchSession::Options options) {
  return std::make_unique<WatchSession>(std::move(options), data_.store.get(), &data_.feed, [] {});
}

WatchSession::Options WatchSessionTester::Everything(bool initial_state) {
  WatchSession::Options options;
  options.initial_state = initial_state;
  return options;
}

WatchSession::Options WatchSessionTester::ResumeAt(const Position& position) {
  WatchSession::Options options;
  options.resume = position;
  return options;
}

v1::WatchResponse WatchSessionTester::Next(WatchSession* session, Step step) {
  WatchOutput output;
  const absl::StatusOr<Step> taken = session->Next(&output);
  EXPECT_TRUE(taken.ok()) << taken.status();
  EXPECT_EQ(taken.value_or(step), step);
  return Arrived(*session, output);
}

std::vector<v1::WatchResponse> WatchSessionTester::Drain(WatchSession* session) {
  std::vector<v1::WatchResponse> messages;
  while (true) {
    WatchOutput output;
    const absl::StatusOr<Step> step = session->Next(&output);
    EXPECT_TRUE(step.ok()) << step.status();
    if (!step.ok() || *step == Step::kNothing) {
      return messages;
    }
    v1::WatchResponse message = Arrived(*session, output);
    if (*step == Step::kMessage) {
      EXPECT_LE(message.ByteSizeLong() + kMessageOverheadMaxBytes, kClientMessageMaxBytes);
      messages.push_back(std::move(message));
    } else {
      EXPECT_EQ(message.ByteSizeLong(), 0u) << "nothing is lost between two calls";
    }
  }
}

std::string WatchSessionTester::Describe(const std::vector<v1::WatchResponse>& messages) {
  std::string text;
  for (const v1::WatchResponse& message : messages) {
    if (message.marker() == v1::MARKER_RESET) absl::StrAppend(&text, "RESET ");
    if (message.marker() == v1::MARKER_GAP) absl::StrAppend(&text, "GAP ");
    for (const v1::Event& event : message.events()) {
      absl::StrAppend(&text, event.entry().key(), SignOf(event.type()), event.entry().value(), " ");
    }
    if (message.marker() == v1::MARKER_SYNCED) absl::StrAppend(&text, "SYNCED ");
  }
  return text;
}

Position WatchSessionTester::TokenOf(const v1::WatchResponse& message) {
  const absl::StatusOr<Position> position = DecodePositionToken("resume_token", message.token());
  EXPECT_TRUE(position.ok()) << position.status() << message.ShortDebugString();
  return position.value_or(Position());
}

}  // namespace dunlin
