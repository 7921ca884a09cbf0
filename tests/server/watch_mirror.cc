#include "tests/server/watch_mirror.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "server/token.h"
#include "storage/limits.h"

namespace dunlin {

void WatchMirror::Apply(const v1::WatchResponse& message) {
  EXPECT_LE(message.events_size(), static_cast<int>(kWatchMessageEventsMax));
  if (message.marker() == v1::MARKER_RESET) {
    entries_.clear();
    said_.clear();
    synced_ = false;
  }
  for (const v1::Event& event : message.events()) {
    ApplyEvent(event);
  }
  synced_ = synced_ || message.marker() == v1::MARKER_SYNCED;
  if (message.token().empty()) {
    EXPECT_FALSE(synced_) << "once the state is whole, every message can be resumed from";
    return;
  }
  const absl::StatusOr<Position> token = DecodePositionToken("resume_token", message.token());
  ASSERT_TRUE(token.ok()) << token.status();
  if (message.marker() == v1::MARKER_RESET) {
    EXPECT_EQ(token->store_id, 0u) << "whoever resumes from here holds nothing";
    return;
  }
  EXPECT_EQ(token->store_id, store_id_);
  EXPECT_GE(token->revision, revision_) << "a token goes back";
  revision_ = token->revision;
}

void WatchMirror::ApplyEvent(const v1::Event& event) {
  const v1::Entry& entry = event.entry();
  uint64_t& said = said_[entry.key()];
  EXPECT_GE(entry.revision(), said) << "an older value after a newer one: " << entry.ShortDebugString();
  said = entry.revision();
  if (synced_) {
    EXPECT_GT(entry.revision(), revision_) << "out of order, or said before: " << entry.ShortDebugString();
    revision_ = entry.revision();
  }
  if (event.type() == v1::Event::TYPE_PUT) {
    entries_[entry.key()] = entry;
  } else {
    EXPECT_TRUE(entry.value().empty());
    entries_.erase(entry.key());
  }
}

void WatchMirror::ExpectEqualTo(const Store& store, const Selection& selection) const {
  EXPECT_TRUE(synced_);
  std::vector<StoredEntry> all;
  EntryPage page;
  while (!page.complete) {
    absl::StatusOr<EntryPage> next = store.List("", page.covered_key, kListPageEntriesMax, size_t{1} << 30, false);
    ASSERT_TRUE(next.ok()) << next.status();
    page = *std::move(next);
    std::copy_if(page.entries.begin(), page.entries.end(), std::back_inserter(all),
                 [&](const StoredEntry& entry) { return selection.Matches(entry.key); });
  }
  EXPECT_EQ(entries_.size(), all.size());
  for (const StoredEntry& stored : all) {
    const auto found = entries_.find(stored.key);
    if (found == entries_.end()) {
      ADD_FAILURE() << stored.key << " is missing";
      continue;
    }
    EXPECT_EQ(found->second.value(), stored.value) << stored.key;
    EXPECT_EQ(found->second.revision(), stored.revision) << stored.key;
  }
}

}  // namespace dunlin
