// Goal: nothing is lost or invented between messages and plain values, also not what a newer replica sends.
// Method: messages with every field set, and the extremes of what each side can hold.

#include "client/proto_conversion.h"

#include "gtest/gtest.h"

namespace dunlin::client {
namespace {

TEST(ProtoConversionTest, TtlKeepsItsFractionAndIsClampedToWhatAMessageHolds) {
  struct Case {
    absl::Duration ttl;
    int64_t seconds;
    int32_t nanos;
  };
  const Case kCases[] = {
      {absl::Milliseconds(1), 0, 1'000'000},          {absl::Milliseconds(90'250), 90, 250'000'000},
      {absl::Milliseconds(-1500), -1, -500'000'000},  {absl::ZeroDuration(), 0, 0},
      {absl::InfiniteDuration(), 315'576'000'000, 0}, {-absl::InfiniteDuration(), -315'576'000'000, 0},
  };
  for (const Case& c : kCases) {
    PutOptions options;
    options.ttl = c.ttl;
    const v1::PutRequest request = ToProto("k", "v", options);
    EXPECT_EQ(request.ttl().seconds(), c.seconds) << c.ttl;
    EXPECT_EQ(request.ttl().nanos(), c.nanos) << c.ttl;
  }
  EXPECT_FALSE(ToProto("k", "v", PutOptions()).has_ttl());
}

TEST(ProtoConversionTest, PreconditionsAreTranslated) {
  PutOptions options;
  EXPECT_FALSE(ToProto("k", "v", options).has_precondition());
  options.precondition = IfAbsent{};
  EXPECT_TRUE(ToProto("k", "v", options).precondition().if_absent());
  options.precondition = IfVersion{Version{7, 9}};
  EXPECT_EQ(ToProto("k", "v", options).precondition().if_version().time(), 7u);
  EXPECT_EQ(ToProto("k", "v", options).precondition().if_version().origin(), 9u);
}

TEST(ProtoConversionTest, AnEmptyValueIsSentAsAValue) {
  EXPECT_EQ(ToProto("k", "", PutOptions()).content_case(), v1::PutRequest::kValue);
}

TEST(ProtoConversionTest, WatchSelectsKeysAndPrefixes) {
  WatchOptions options;
  EXPECT_EQ(ToProto(options).ByteSizeLong(), 0u) << "everything";
  options.keys = {"k"};
  EXPECT_EQ(ToProto(options).key(), "k");
  options.keys.clear();
  options.prefixes = {"p/"};
  EXPECT_EQ(ToProto(options).prefix(), "p/");
  options.keys = {"k", "l"};
  options.prefixes = {"p/"};
  const v1::WatchRequest request = ToProto(options);
  ASSERT_EQ(request.keys_size(), 2);
  EXPECT_EQ(request.keys(1), "l");
  ASSERT_EQ(request.prefixes_size(), 1);
  EXPECT_EQ(request.prefixes(0), "p/");
}

TEST(ProtoConversionTest, AReadAllowsAnyStalenessUnlessItSays) {
  ListOptions options;
  EXPECT_FALSE(ToProto(options).has_max_staleness());
  options.max_staleness = absl::ZeroDuration();
  EXPECT_TRUE(ToProto(options).has_max_staleness());
  v1::GetRequest get;
  options.max_staleness = absl::Milliseconds(1500);
  SetReadOptions(options, &get);
  EXPECT_EQ(get.max_staleness().seconds(), 1);
  EXPECT_EQ(get.max_staleness().nanos(), 500000000);
  EXPECT_EQ(get.at_least(), "");
  EXPECT_FALSE(get.return_token());
  options.at_least = std::string("to\0ken", 6);
  options.return_token = true;
  SetReadOptions(options, &get);
  EXPECT_EQ(get.at_least(), options.at_least);
  EXPECT_TRUE(get.return_token());
  EXPECT_EQ(ToProto(options).at_least(), options.at_least);
}

TEST(ProtoConversionTest, WatchFiltersAreAskedForOnlyIfWanted) {
  WatchOptions options;
  const v1::WatchRequest plain = ToProto(options);
  EXPECT_FALSE(plain.no_puts() || plain.no_deletes() || plain.keys_only() || plain.has_progress_interval());
  EXPECT_FALSE(plain.every_change() || plain.has_max_lag());
  options.no_puts = true;
  options.progress_interval = absl::Milliseconds(1500);
  EXPECT_TRUE(ToProto(options).no_puts());
  EXPECT_EQ(ToProto(options).progress_interval().seconds(), 1);
  EXPECT_EQ(ToProto(options).progress_interval().nanos(), 500000000);
  options = WatchOptions();
  options.no_deletes = true;
  EXPECT_TRUE(ToProto(options).no_deletes());
  options.keys_only = true;
  EXPECT_TRUE(ToProto(options).keys_only());
  options.every_change = true;
  EXPECT_TRUE(ToProto(options).every_change());
  options.previous = true;
  EXPECT_TRUE(ToProto(options).previous());
  options.max_lag = absl::Seconds(3);
  EXPECT_EQ(ToProto(options).max_lag().seconds(), 3);
}

TEST(ProtoConversionTest, EntryKeepsEverything) {
  v1::GetResponse response;
  response.mutable_entry()->set_key("k");
  response.mutable_entry()->set_value(std::string("\0v", 2));
  response.mutable_entry()->mutable_version()->set_time(1);
  response.mutable_entry()->mutable_version()->set_origin(2);
  response.mutable_entry()->set_revision(3);
  response.mutable_entry()->mutable_expire_time()->set_seconds(4);
  response.mutable_entry()->mutable_expire_time()->set_nanos(5);
  response.mutable_lag()->set_sequences(6);
  response.mutable_lag()->mutable_duration()->set_seconds(7);
  response.mutable_lag()->set_connected(true);
  const GetResult result = FromProto(response);
  EXPECT_EQ(result.entry.key, "k");
  EXPECT_EQ(result.entry.value, std::string("\0v", 2));
  EXPECT_EQ(result.entry.version, (Version{1, 2}));
  EXPECT_EQ(result.entry.revision, 3u);
  EXPECT_EQ(result.entry.expire_time, absl::FromUnixSeconds(4) + absl::Nanoseconds(5));
  EXPECT_EQ(result.lag.sequences, 6u);
  EXPECT_EQ(result.lag.duration, absl::Seconds(7));
  EXPECT_TRUE(result.lag.connected);
}

TEST(ProtoConversionTest, EveryMarkerAndEventTypeIsTranslated) {
  const std::pair<v1::Marker, WatchMarker> kMarkers[] = {
      {v1::MARKER_UNSPECIFIED, WatchMarker::kNone}, {v1::MARKER_RESET, WatchMarker::kReset},
      {v1::MARKER_SYNCED, WatchMarker::kSynced},    {v1::MARKER_HEARTBEAT, WatchMarker::kHeartbeat},
      {v1::MARKER_GAP, WatchMarker::kGap},          {static_cast<v1::Marker>(99), WatchMarker::kUnknown},
  };
  for (const auto& [proto, marker] : kMarkers) {
    v1::WatchResponse response;
    response.set_marker(proto);
    EXPECT_EQ(FromProto(response).marker, marker) << proto;
  }
  const std::pair<v1::Event::Type, EventType> kTypes[] = {
      {v1::Event::TYPE_PUT, EventType::kPut},
      {v1::Event::TYPE_DELETE, EventType::kDelete},
      {v1::Event::TYPE_EXPIRE, EventType::kExpire},
      {static_cast<v1::Event::Type>(99), EventType::kUnknown},
  };
  for (const auto& [proto, type] : kTypes) {
    v1::WatchResponse response;
    response.add_events()->set_type(proto);
    EXPECT_EQ(FromProto(response).events.at(0).type, type) << proto;
  }
}

TEST(ProtoConversionTest, EverySyncStateIsTranslated) {
  const std::pair<v1::SyncState, SyncState> kStates[] = {
      {v1::SYNC_STATE_STANDALONE, SyncState::kStandalone},
      {v1::SYNC_STATE_OFFLINE, SyncState::kOffline},
      {v1::SYNC_STATE_SUBSCRIBING, SyncState::kSubscribing},
      {v1::SYNC_STATE_CATCHING_UP, SyncState::kCatchingUp},
      {v1::SYNC_STATE_LIVE, SyncState::kLive},
      {v1::SYNC_STATE_UNSPECIFIED, SyncState::kUnknown},
      {static_cast<v1::SyncState>(99), SyncState::kUnknown},
  };
  for (const auto& [proto, state] : kStates) {
    v1::Status status;
    status.set_sync_state(proto);
    EXPECT_EQ(FromProto(status).sync_state, state) << proto;
  }
}

}  // namespace
}  // namespace dunlin::client
