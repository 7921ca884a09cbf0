// Goal: whatever two threads do, every element pushed is popped exactly once, in order, and destroyed exactly once; and
// the ring never holds more than it may.
// Method: properties checked against a plain queue; an element type that counts its lives; a stress with two threads,
// to be run under ThreadSanitizer as well.

#include "sync/event_ring.h"

#include <atomic>
#include <cstdlib>
#include <deque>
#include <iostream>
#include <memory>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace dunlin {
namespace {

constexpr size_t kAmpleBytes = size_t{1} << 30;

template <typename T>
std::unique_ptr<EventRing<T>> MakeRing(size_t slots, size_t size_max_bytes = kAmpleBytes) {
  auto ring = EventRing<T>::Create(slots, size_max_bytes);
  EXPECT_TRUE(ring.ok()) << ring.status();
  return *std::move(ring);
}

// Counts the objects alive; a second destruction, or a use after one, ends the test.
class Tracked {
 public:
  explicit Tracked(int value) : value_(value) { Count(1); }
  Tracked(Tracked&& other) noexcept : value_(other.value()) { Count(1); }
  Tracked& operator=(Tracked&& other) noexcept {
    value_ = other.value();
    return *this;
  }
  ~Tracked() {
    value();
    mark_ = kDead;
    Count(-1);
  }

  int value() const {
    if (mark_ != kAlive) {
      std::cerr << "an element was used outside its life" << std::endl;
      std::abort();
    }
    return value_;
  }

  // Of all threads; nothing is ordered by it, hence relaxed.
  static inline std::atomic<int> alive{0};

 private:
  static void Count(int change) { alive.fetch_add(change, std::memory_order_relaxed); }

  static constexpr int kAlive = 0x1234;
  static constexpr int kDead = 0x4321;
  volatile int mark_ = kAlive;
  int value_;
};

TEST(EventRing, RefusesACapacityThatIsNoPowerOfTwo) {
  for (const size_t slots : {0, 3, 6, 100}) {
    const absl::Status status = EventRing<int>::Create(slots, 1).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << slots;
    EXPECT_THAT(std::string(status.message()), testing::HasSubstr("power of two"));
  }
  EXPECT_EQ(EventRing<int>::Create(4, 0).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(EventRing, HoldsExactlyItsCapacity) {
  for (const size_t slots : {1, 2, 8}) {
    const auto ring = MakeRing<int>(slots);
    EXPECT_EQ(ring->capacity_slots(), slots);
    // Several times around, so that each slot is first and last once.
    for (int round = 0; round < 20; ++round) {
      EXPECT_EQ(ring->TryPop(), std::nullopt);
      for (size_t i = 0; i < slots; ++i) {
        EXPECT_TRUE(ring->TryPush(static_cast<int>(i), 1));
      }
      EXPECT_FALSE(ring->TryPush(99, 1));
      EXPECT_EQ(ring->UsedApprox().slots, slots);
      for (size_t i = 0; i < slots; ++i) {
        EXPECT_EQ(ring->TryPop(), static_cast<int>(i));
      }
    }
  }
}

TEST(EventRing, HoldsNoMoreBytesThanItsBudget) {
  const auto ring = MakeRing<std::string>(8, 10);
  EXPECT_FALSE(ring->TryPush("heavier than everything", 11));
  EXPECT_TRUE(ring->TryPush("a", 4));
  EXPECT_TRUE(ring->TryPush("b", 6));
  EXPECT_EQ(ring->UsedApprox().bytes, 10u);
  EXPECT_FALSE(ring->TryPush("c", 1));
  EXPECT_TRUE(ring->TryPush("weighs nothing", 0));
  EXPECT_EQ(ring->TryPop(), "a");
  EXPECT_FALSE(ring->TryPush("d", 5));
  EXPECT_TRUE(ring->TryPush("d", 4));
  EXPECT_EQ(ring->UsedApprox().slots, 3u);
}

TEST(EventRing, AFailedPushLeavesTheElementAsItWas) {
  const auto ring = MakeRing<std::string>(1);
  EXPECT_TRUE(ring->TryPush("first", 5));
  std::string element(100, 'x');
  EXPECT_FALSE(ring->TryPush(std::move(element), element.size()));
  // NOLINTNEXTLINE(bugprone-use-after-move): that a refused element stays is what is tested.
  EXPECT_EQ(element, std::string(100, 'x'));
}

TEST(EventRing, TakesElementsThatCanOnlyBeMoved) {
  const auto ring = MakeRing<std::unique_ptr<int>>(2);
  EXPECT_TRUE(ring->TryPush(std::make_unique<int>(7), 1));
  const std::optional<std::unique_ptr<int>> popped = ring->TryPop();
  ASSERT_TRUE(popped.has_value());
  EXPECT_EQ(**popped, 7);
}

TEST(EventRing, DestroysEachElementOnceAlsoThoseStillInside) {
  {
    const auto ring = MakeRing<Tracked>(4);
    for (int i = 0; i < 10; ++i) {
      EXPECT_TRUE(ring->TryPush(Tracked(i), 1));
      EXPECT_TRUE(ring->TryPush(Tracked(-i), 1));
      EXPECT_EQ(ring->TryPop()->value(), i);
      EXPECT_EQ(ring->TryPop()->value(), -i);
      EXPECT_EQ(Tracked::alive, 0);
    }
    for (int i = 0; i < 6; ++i) {
      EXPECT_EQ(ring->TryPush(Tracked(i), 1), i < 4);
    }
    EXPECT_EQ(ring->TryPop()->value(), 0);
    EXPECT_EQ(Tracked::alive, 3);
  }
  EXPECT_EQ(Tracked::alive, 0);
}

TEST(EventRing, BehavesLikeABoundedQueue) {
  const auto seed = std::random_device()();
  SCOPED_TRACE(testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  const auto ring = MakeRing<size_t>(8, 100);
  std::deque<size_t> model;
  size_t model_bytes = 0;
  for (int step = 0; step < 100000; ++step) {
    if (random() % 2 == 0) {
      // An element is its own weight.
      size_t element = random() % 40;
      const bool fits = model.size() < 8 && model_bytes + element <= 100;
      ASSERT_EQ(ring->TryPush(size_t{element}, element), fits);
      if (fits) {
        model.push_back(element);
        model_bytes += element;
      }
    } else if (model.empty()) {
      ASSERT_EQ(ring->TryPop(), std::nullopt);
    } else {
      ASSERT_EQ(ring->TryPop(), model.front());
      model_bytes -= model.front();
      model.pop_front();
    }
    ASSERT_EQ(ring->UsedApprox().slots, model.size());
    ASSERT_EQ(ring->UsedApprox().bytes, model_bytes);
  }
}

// A content that follows from its number, so that a torn or stale read shows.
std::string MakeBlob(uint64_t number) {
  return std::to_string(number) + ":" + std::string(number % 97, static_cast<char>('a' + number % 26));
}

// An element with such a content, whose life is tracked.
struct Blob {
  explicit Blob(uint64_t number) : life(static_cast<int>(number)), content(MakeBlob(number)) {}

  Tracked life;
  std::string content;
};

void StressWithTwoThreads(size_t slots, size_t size_max_bytes, uint64_t count) {
  ASSERT_EQ(Tracked::alive, 0);
  const auto ring = MakeRing<Blob>(slots, size_max_bytes);
  std::thread producer([&ring, count] {
    for (uint64_t i = 0; i < count; ++i) {
      Blob blob(i);
      const size_t size_bytes = blob.content.size();
      // NOLINTNEXTLINE(bugprone-use-after-move): a refused element stays as it was.
      while (!ring->TryPush(std::move(blob), size_bytes)) {
        std::this_thread::yield();
      }
    }
  });
  for (uint64_t i = 0; i < count;) {
    const EventRing<Blob>::Usage used = ring->UsedApprox();
    EXPECT_LE(used.slots, slots);
    EXPECT_LE(used.bytes, size_max_bytes);
    const std::optional<Blob> blob = ring->TryPop();
    if (!blob.has_value()) {
      std::this_thread::yield();
      continue;
    }
    EXPECT_EQ(blob->life.value(), static_cast<int>(i));
    EXPECT_EQ(blob->content, MakeBlob(i));
    ++i;
  }
  producer.join();
  EXPECT_EQ(Tracked::alive, 0) << "each has been destroyed as often as it was made";
  EXPECT_FALSE(ring->TryPop().has_value());
  EXPECT_EQ(ring->UsedApprox().slots, 0u);
  EXPECT_EQ(ring->UsedApprox().bytes, 0u);
}

TEST(EventRing, EveryElementArrivesOnceAndInOrderThroughOneSlot) { StressWithTwoThreads(1, 1000, 50000); }

TEST(EventRing, EveryElementArrivesOnceAndInOrderWhenSlotsAreScarce) { StressWithTwoThreads(4, 10000, 300000); }

TEST(EventRing, EveryElementArrivesOnceAndInOrderWhenBytesAreScarce) { StressWithTwoThreads(1024, 300, 300000); }

TEST(EventRing, EveryElementArrivesOnceAndInOrderWithRoom) { StressWithTwoThreads(4096, size_t{1} << 20, 300000); }

}  // namespace
}  // namespace dunlin
