// Goal: every listener gets exactly the changes it asked for, in order, without a hole behind the revision it was told,
// and nothing after it has unsubscribed. Method: listeners that write down what they get, compared with
// Selector::Matches; threads that come and go while changes are published. (Without a hole together with the store:
// committer_test.)

#include "storage/change_feed.h"

#include <atomic>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/support/test_size.h"

namespace dunlin {
namespace {

using Kind = Selector::Kind;

class Recorder final : public ChangeFeed::Listener {
 public:
  void OnChanges(absl::Span<const ChangePtr> changes) override {
    EXPECT_FALSE(changes.empty()) << "a call brings something";
    for (const ChangePtr& change : changes) {
      revisions.push_back(change->revision);
    }
  }

  std::vector<uint64_t> revisions;
};

ChangePtr ChangeOf(uint64_t revision, absl::string_view key) {
  Change change;
  change.revision = revision;
  change.key = std::string(key);
  return std::make_shared<const Change>(change);
}

// Publishes one change of each key, with revisions from 1.
void PublishKeys(ChangeFeed* feed, const std::vector<std::string>& keys) {
  std::vector<ChangePtr> changes;
  for (const std::string& key : keys) {
    changes.push_back(ChangeOf(changes.size() + 1, key));
  }
  feed->Publish(changes, changes.size());
}

TEST(ChangeFeedTest, KeysPrefixesAndEverythingAreRouted) {
  ChangeFeed feed;
  Recorder everything, key, prefix, longer_prefix, empty_prefix, nothing;
  feed.Subscribe(Selector{Kind::kEverything, ""}, &everything);
  feed.Subscribe(Selector{Kind::kKey, "a/b"}, &key);
  feed.Subscribe(Selector{Kind::kPrefix, "a/"}, &prefix);
  feed.Subscribe(Selector{Kind::kPrefix, "a/b"}, &longer_prefix);
  feed.Subscribe(Selector{Kind::kPrefix, ""}, &empty_prefix);
  feed.Subscribe(Selector{Kind::kPrefix, "z"}, &nothing);
  EXPECT_EQ(feed.listeners(), 6u);
  PublishKeys(&feed, {"a", "a/", "a/b", "a/bc", "b"});
  EXPECT_EQ(everything.revisions, (std::vector<uint64_t>{1, 2, 3, 4, 5}));
  EXPECT_EQ(key.revisions, (std::vector<uint64_t>{3}));
  EXPECT_EQ(prefix.revisions, (std::vector<uint64_t>{2, 3, 4}));
  EXPECT_EQ(longer_prefix.revisions, (std::vector<uint64_t>{3, 4}));
  EXPECT_EQ(empty_prefix.revisions, (std::vector<uint64_t>{1, 2, 3, 4, 5}));
  EXPECT_TRUE(nothing.revisions.empty());
}

class EarlyRecorder final : public ChangeFeed::EarlyListener {
 public:
  void OnWritten(absl::Span<const ChangePtr> changes, uint64_t after_revision) override {
    for (const ChangePtr& change : changes) {
      calls.push_back(absl::StrCat(after_revision, " ", change->key));
    }
  }

  std::vector<std::string> calls;
};

TEST(ChangeFeedTest, WhatIsAnnouncedGoesToTheEarlyListenerAlone) {
  ChangeFeed feed;
  Recorder everything;
  EarlyRecorder early, later;
  feed.Subscribe({}, &everything);
  const std::vector<ChangePtr> changes = {ChangeOf(1, "a"), ChangeOf(2, "b")};
  feed.Announce(changes, 0);
  feed.SetEarlyListener(&early);
  feed.Announce(changes, 0);
  feed.Announce({}, 2);
  EXPECT_TRUE(everything.revisions.empty());
  EXPECT_EQ(feed.revision(), 0u);
  feed.Publish(changes, 2);
  EXPECT_EQ(early.calls, (std::vector<std::string>{"0 a", "0 b"}));
  EXPECT_EQ(everything.revisions, (std::vector<uint64_t>{1, 2}));
  feed.SetEarlyListener(&later);
  feed.Announce(changes, 2);
  feed.SetEarlyListener(nullptr);
  feed.Announce(changes, 4);
  EXPECT_EQ(early.calls.size(), 2u);
  EXPECT_EQ(later.calls, (std::vector<std::string>{"2 a", "2 b"}));
}

class Counter final : public ChangeFeed::Carrier {
 public:
  void CarryOn() override {
    EXPECT_FALSE(ChangeFeed::IsCarrying());
    ++calls;
  }

  int calls = 0;
};

TEST(ChangeFeedTest, TheCarrierIsCalledWhenAStretchOfCommittingEnds) {
  ChangeFeed feed;
  Counter carrier;
  feed.SetCarrier(&carrier);
  EXPECT_FALSE(ChangeFeed::IsCarrying());
  {
    const ChangeFeed::Carrying carrying(&feed);
    EXPECT_TRUE(ChangeFeed::IsCarrying());
    std::thread([] { EXPECT_FALSE(ChangeFeed::IsCarrying()) << "of this thread alone"; }).join();
    feed.Publish({ChangeOf(1, "a")}, 1);
    EXPECT_EQ(carrier.calls, 0);
  }
  EXPECT_EQ(carrier.calls, 1);
  feed.SetCarrier(nullptr);
  { const ChangeFeed::Carrying carrying(&feed); }
  EXPECT_EQ(carrier.calls, 1);
}

TEST(ChangeFeedTest, ListenersOfTheSameSelectorAllGetIt) {
  ChangeFeed feed;
  Recorder a, b, c, d;
  feed.Subscribe(Selector{Kind::kKey, "k"}, &a);
  feed.Subscribe(Selector{Kind::kKey, "k"}, &b);
  feed.Subscribe(Selector{Kind::kPrefix, "k"}, &c);
  feed.Subscribe(Selector{Kind::kPrefix, "k"}, &d);
  PublishKeys(&feed, {"k"});
  feed.Unsubscribe(&a);
  feed.Unsubscribe(&c);
  PublishKeys(&feed, {"k"});
  EXPECT_EQ(a.revisions.size(), 1u);
  EXPECT_EQ(b.revisions.size(), 2u);
  EXPECT_EQ(c.revisions.size(), 1u);
  EXPECT_EQ(d.revisions.size(), 2u);
}

TEST(ChangeFeedTest, NothingComesAfterUnsubscribing) {
  ChangeFeed feed;
  Recorder everything, key, prefix;
  feed.Subscribe(Selector{Kind::kEverything, ""}, &everything);
  feed.Subscribe(Selector{Kind::kKey, "k"}, &key);
  feed.Subscribe(Selector{Kind::kPrefix, "k"}, &prefix);
  for (Recorder* recorder : {&everything, &key, &prefix}) {
    feed.Unsubscribe(recorder);
    feed.Unsubscribe(recorder);
  }
  PublishKeys(&feed, {"k"});
  EXPECT_EQ(feed.listeners(), 0u);
  EXPECT_TRUE(everything.revisions.empty() && key.revisions.empty() && prefix.revisions.empty());
}

TEST(ChangeFeedTest, SubscribingTellsTheRevisionAfterWhichItHolds) {
  ChangeFeed feed;
  Recorder early, late;
  EXPECT_EQ(feed.Subscribe(Selector{Kind::kEverything, ""}, &early), 0u);
  PublishKeys(&feed, {"a", "b"});
  EXPECT_EQ(feed.Subscribe(Selector{Kind::kEverything, ""}, &late), 2u);
  feed.Publish({}, 7);
  Recorder latest;
  EXPECT_EQ(feed.Subscribe(Selector{Kind::kKey, "a"}, &latest), 7u) << "also after a publication without changes";
  EXPECT_EQ(early.revisions.size(), 2u);
  EXPECT_TRUE(late.revisions.empty());
}

TEST(ChangeFeedTest, RoutingAgreesWithMatchingOneByOne) {
  for (const uint64_t seed : TestSeeds(200)) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    std::mt19937_64 random(seed);
    const auto text = [&](size_t size_max) {
      std::string out;
      for (size_t size = random() % (size_max + 1); size > 0; --size) {
        out += static_cast<char>('a' + random() % 2);
      }
      return out;
    };
    ChangeFeed feed;
    struct Subscription {
      Selector selector;
      Recorder recorder;
      bool active = true;
    };
    std::vector<std::unique_ptr<Subscription>> subscriptions;
    for (int i = 0; i < 20; ++i) {
      subscriptions.push_back(std::make_unique<Subscription>());
      Subscription& one = *subscriptions.back();
      one.selector = Selector{static_cast<Kind>(random() % 3), text(4)};
      feed.Subscribe(one.selector, &one.recorder);
    }
    for (int i = 0; i < 5; ++i) {
      Subscription& one = *subscriptions[random() % subscriptions.size()];
      one.active = false;
      feed.Unsubscribe(&one.recorder);
    }
    std::vector<std::string> keys;
    for (int i = 0; i < 30; ++i) {
      keys.push_back("a" + text(5));
    }
    PublishKeys(&feed, keys);
    for (const auto& one : subscriptions) {
      std::vector<uint64_t> expected;
      for (size_t i = 0; i < keys.size(); ++i) {
        if (one->active && one->selector.Matches(keys[i])) {
          expected.push_back(i + 1);
        }
      }
      EXPECT_EQ(one->recorder.revisions, expected) << static_cast<int>(one->selector.kind) << one->selector.text;
    }
  }
}

// Fails if it is called after its end.
class Mortal final : public ChangeFeed::Listener {
 public:
  explicit Mortal(uint64_t* last) : last_(last) {}
  void OnChanges(absl::Span<const ChangePtr> changes) override {
    EXPECT_TRUE(alive_);
    for (const ChangePtr& change : changes) {
      EXPECT_GT(change->revision, *last_);
      *last_ = change->revision;
    }
  }
  void End() { alive_ = false; }

 private:
  // Neither is synchronised: the feed promises that no call runs beside Unsubscribe()'s return.
  uint64_t* const last_;
  bool alive_ = true;
};

TEST(ChangeFeedTest, ListenersMayGoWhileChangesArePublished) {
  ChangeFeed feed;
  std::atomic<bool> stop{false};
  std::thread publisher([&] {
    for (uint64_t revision = 1; !stop.load(std::memory_order_relaxed); revision += 2) {
      const std::vector<ChangePtr> changes = {ChangeOf(revision, "key"), ChangeOf(revision + 1, "kex")};
      feed.Publish(changes, revision + 1);
    }
  });
  std::vector<std::thread> watchers;
  for (int i = 0; i < 3; ++i) {
    watchers.emplace_back([&feed, i] {
      const Selector selectors[] = {{Kind::kEverything, ""}, {Kind::kKey, "key"}, {Kind::kPrefix, "k"}};
      for (int n = 0; n < 2000; ++n) {
        uint64_t last = 0;
        auto listener = std::make_unique<Mortal>(&last);
        const uint64_t from = feed.Subscribe(selectors[i], listener.get());
        feed.Unsubscribe(listener.get());
        listener->End();
        EXPECT_TRUE(last == 0 || last > from);
      }
    });
  }
  for (std::thread& watcher : watchers) {
    watcher.join();
  }
  stop = true;
  publisher.join();
  EXPECT_EQ(feed.listeners(), 0u);
}

}  // namespace
}  // namespace dunlin
