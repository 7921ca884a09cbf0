// Goal: a reader is told each real change once, whatever its streams repeat, cut off or begin anew, and what it makes
// of that is the state that was sent. Method: the memory alone, fed message by message; and random streams with
// repetitions and replacements, whose reader is compared with the state.

#include "client/held_entries.h"

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/support/test_size.h"

namespace dunlin::client {
namespace {

WatchEvent Event(EventType type, const std::string& key, uint64_t time) {
  WatchEvent event;
  event.type = type;
  event.entry.key = key;
  event.entry.version = Version{time, 1};
  return event;
}
WatchEvent Put(const std::string& key, uint64_t time) { return Event(EventType::kPut, key, time); }
WatchEvent Delete(const std::string& key, uint64_t time) { return Event(EventType::kDelete, key, time); }

WatchMessage Message(std::vector<WatchEvent> events, WatchMarker marker = WatchMarker::kNone) {
  WatchMessage message;
  message.events = std::move(events);
  message.marker = marker;
  return message;
}

// "PUT a 1, DELETE b 2, SYNCED"
std::string Text(const WatchMessage& message) {
  std::string text;
  for (const WatchEvent& event : message.events) {
    absl::StrAppend(&text, text.empty() ? "" : ", ", event.type == EventType::kPut ? "PUT " : "DELETE ",
                    event.entry.key, " ", event.entry.version.time);
  }
  if (message.marker == WatchMarker::kSynced) {
    absl::StrAppend(&text, text.empty() ? "" : ", ", "SYNCED");
  }
  return text;
}

class HeldEntriesTest : public ::testing::Test {
 protected:
  std::string Take(std::vector<WatchEvent> events, WatchMarker marker = WatchMarker::kNone) {
    return Text(held_.Take(Message(std::move(events), marker)));
  }

  // Holds a at 1 and b at 2.
  void HoldTwo() {
    held_.OnBegunAnew();
    EXPECT_EQ(Take({Put("a", 1), Put("b", 2)}, WatchMarker::kSynced), "PUT a 1, PUT b 2, SYNCED");
  }

  HeldEntries held_;
};

TEST_F(HeldEntriesTest, WhatIsNewPasses) {
  HoldTwo();
  EXPECT_EQ(Take({Put("a", 3), Put("c", 4), Delete("b", 5)}), "PUT a 3, PUT c 4, DELETE b 5");
  EXPECT_EQ(held_.size(), 2u);
}

TEST_F(HeldEntriesTest, WhatIsRepeatedAfterAResumeDoesNot) {
  HoldTwo();
  Take({Put("a", 3), Delete("b", 4)});
  held_.OnResumed();
  EXPECT_EQ(Take({Put("b", 2), Put("a", 3), Delete("b", 4), Put("c", 5)}), "PUT b 2, DELETE b 4, PUT c 5")
      << "of what is gone nothing is remembered; the reader ends with the same";
  EXPECT_EQ(Take({Put("a", 1)}), "");
}

TEST_F(HeldEntriesTest, AFullStateIsToldAsADifference) {
  HoldTwo();
  EXPECT_EQ(Take({Put("a", 1)}, WatchMarker::kReset), "");
  EXPECT_EQ(Take({Put("c", 3)}), "PUT c 3");
  EXPECT_EQ(Take({}, WatchMarker::kSynced), "DELETE b 2, SYNCED");
}

// A store that has been put back to an older copy.
TEST_F(HeldEntriesTest, AFullStateMayHoldAnOlderVersion) {
  HoldTwo();
  EXPECT_EQ(Take({Put("a", 1), Put("b", 1)}, WatchMarker::kReset), "PUT b 1");
  EXPECT_EQ(Take({Put("b", 4), Delete("a", 5)}, WatchMarker::kSynced), "PUT b 4, DELETE a 5, SYNCED");
}

// The replica that sent it is gone, and another one goes on after the last token.
TEST_F(HeldEntriesTest, AFullStateThatIsCutOffDeletesNothing) {
  HoldTwo();
  EXPECT_EQ(Take({Put("c", 3)}, WatchMarker::kReset), "PUT c 3");
  held_.OnResumed();
  EXPECT_EQ(Take({Put("c", 3)}, WatchMarker::kSynced), "SYNCED");
  EXPECT_EQ(held_.size(), 3u);
}

// It had no token yet.
TEST_F(HeldEntriesTest, AnInitialStateThatIsCutOffBeginsAnew) {
  held_.OnBegunAnew();
  EXPECT_EQ(Take({Put("a", 1), Put("b", 2)}), "PUT a 1, PUT b 2");
  held_.OnBegunAnew();
  EXPECT_EQ(Take({Put("b", 2), Put("c", 3)}), "PUT c 3");
  EXPECT_EQ(Take({}, WatchMarker::kSynced), "DELETE a 1, SYNCED");
}

TEST_F(HeldEntriesTest, WithoutAnInitialStateADeletionOfWhatWasNotSeenIsNews) {
  EXPECT_EQ(Take({}, WatchMarker::kSynced), "SYNCED");
  EXPECT_EQ(Take({Delete("a", 1)}), "DELETE a 1");
  HoldTwo();
  EXPECT_EQ(Take({Delete("z", 3)}), "") << "now it is known that there was none";
}

TEST_F(HeldEntriesTest, WhatANewerReplicaSaysIsPassedOn) {
  WatchMessage message = Message({Event(EventType::kUnknown, "a", 1)}, WatchMarker::kHeartbeat);
  message.damaged_keys = {"d"};
  const WatchMessage taken = held_.Take(message);
  EXPECT_EQ(taken.events.size(), 1u);
  EXPECT_EQ(taken.marker, WatchMarker::kHeartbeat);
  EXPECT_EQ(taken.damaged_keys, message.damaged_keys);
}

// A replica: versions by key, and the history of its changes.
struct Source {
  std::map<std::string, uint64_t> state;
  std::vector<WatchEvent> history;
};

TEST(HeldEntries, TheReaderEndsWithTheState) {
  for (const uint64_t seed : TestSeeds(TestRepetitions(2000, 500))) {
    std::mt19937_64 random(seed);
    Source source;
    HeldEntries held;
    std::map<std::string, uint64_t> reader;
    const auto read = [&](WatchMessage message) {
      for (const WatchEvent& event : held.Take(std::move(message)).events) {
        if (event.type == EventType::kPut) {
          ASSERT_NE(reader[event.entry.key], event.entry.version.time) << "told twice, seed " << seed;
          reader[event.entry.key] = event.entry.version.time;
        } else {
          ASSERT_EQ(reader.erase(event.entry.key), 1u) << "gone twice, seed " << seed;
        }
      }
    };
    // The state, from `first` on, as a replica sends it page by page.
    const auto send_state = [&](size_t entries_max) {
      WatchMessage page = Message({}, WatchMarker::kReset);
      for (const auto& [key, time] : source.state) {
        if (page.events.size() == entries_max) break;
        page.events.push_back(Put(key, time));
      }
      read(std::move(page));
    };
    size_t read_up_to = 0;
    held.OnBegunAnew();
    send_state(SIZE_MAX);
    read(Message({}, WatchMarker::kSynced));
    for (int step = 0; step < 60; ++step) {
      const std::string key = absl::StrCat("k", random() % 5);
      const uint64_t time = source.history.size() + 1;
      switch (random() % 6) {
        case 0:
        case 1:
          source.state[key] = time;
          source.history.push_back(Put(key, time));
          break;
        case 2:
          if (source.state.erase(key) > 0) {
            source.history.push_back(Delete(key, time));
          }
          break;
        case 3:  // Goes on.
          read(Message({source.history.begin() + static_cast<ptrdiff_t>(read_up_to), source.history.end()}));
          read_up_to = source.history.size();
          break;
        case 4:  // A state that is cut off, and another replica goes on before where the reader was.
          send_state(random() % 3);
          held.OnResumed();
          read_up_to -= std::min<size_t>(read_up_to, random() % 4);
          break;
        default:  // A full state.
          send_state(SIZE_MAX);
          read(Message({}, WatchMarker::kSynced));
          read_up_to = source.history.size();
          break;
      }
      if (HasFatalFailure()) return;
    }
    read(Message({source.history.begin() + static_cast<ptrdiff_t>(read_up_to), source.history.end()},
                 WatchMarker::kSynced));
    ASSERT_EQ(reader, source.state) << "seed " << seed;
    EXPECT_EQ(held.size(), source.state.size());
  }
}

}  // namespace
}  // namespace dunlin::client
