#ifndef DUNLIN_SYNC_EVENT_RING_H_
#define DUNLIN_SYNC_EVENT_RING_H_

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <type_traits>
#include <utility>

#include "absl/base/attributes.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"

namespace dunlin {

// EventRing is a bounded queue between a producer and a consumer that never wait for each other: no lock, no system
// call, no allocation, a bounded number of steps for every operation.
//
// It owns its elements. It is bounded twice: by slots, and by the bytes that the producer says its elements weigh. A
// push that would break either bound fails and changes nothing; what to do about it (Dunlin: count, drop and repair
// later) is the caller's business, as is waking a sleeping consumer.
//
//   fixed line      mask_, size_max_bytes_, slots_, bytes_before_   written once
//   producer's line tail_, pushed_bytes_, seen_head_                written by the producer
//   consumer's line head_, seen_tail_                               written by the consumer
//
//   slots_          [ . | . | a | b | c | . | . | . ]
//                             ^head_      ^tail_           head_ <= tail_ <= head_ + capacity
//   bytes_before_   [ . | . | 0 | 3 | 7 | . | . | . ]      what was pushed before a, b, c; pushed_bytes_ is 12
//
// Indices and byte counts only grow; a slot is its index modulo the capacity. 2^64 of either take centuries.
//
// Each side keeps a copy of the other's index and looks at the real one, which costs a cache miss, only when the copy
// says that the ring is full or empty. The algorithm is Lamport's ("Proving the Correctness of Multiprocess Programs",
// 1977), the copies are those of Lee et al.'s MCRingBuffer (2010).
//
// Bytes cost the consumer nothing: the producer notes how many it had pushed before each element, so that the index of
// the oldest one tells it how many have been taken since. Those notes never leave its core.
//
// Thread-safety: one thread pushes and, concurrently, one at a time pops; who pops next has seen, by a mutex say, what
// the one before has done. UsedApprox() is safe for concurrent use. Creation and destruction need both to be elsewhere.
template <typename T>
class EventRing {
 public:
  static_assert(std::is_nothrow_move_constructible_v<T>, "a throwing move would leave a slot neither full nor empty");

  struct Usage {
    size_t slots = 0;
    size_t bytes = 0;
  };

  // A ring of `slots` elements that together weigh at most `size_max_bytes`.
  // Errors: kInvalidArgument when `slots` is not a power of two or `size_max_bytes` is 0.
  static absl::StatusOr<std::unique_ptr<EventRing>> Create(size_t slots, size_t size_max_bytes);

  ~EventRing();
  EventRing(const EventRing&) = delete;
  EventRing& operator=(const EventRing&) = delete;

  // Appends `element`, which weighs `size_bytes`. Returns false, and leaves `element` as it is, when the ring has no
  // free slot or not that many bytes left; an element heavier than the whole budget never fits.
  //
  // Memory ordering: what happened before a push is visible after the pop that takes the element.
  bool TryPush(T&& element, size_t size_bytes);

  // Takes the oldest element, if there is one.
  //
  // Inlined by force: returned from a function, a small optional is written in parts and read as a whole, which costs
  // more than everything else here.
  ABSL_ATTRIBUTE_ALWAYS_INLINE std::optional<T> TryPop();

  // What is in use. Approximate while pushes and pops go on: never more than the capacity, exact when both are still.
  Usage UsedApprox() const;

  size_t capacity_slots() const { return mask_ + 1; }
  size_t capacity_bytes() const { return size_max_bytes_; }

 private:
  // What x86-64 and most others move between cores at a time. (std::hardware_destructive_interference_size may differ
  // between compilers, and with it the layout.)
  static constexpr size_t kCacheLineBytes = 64;

  struct Slot {
    // Raw memory: it holds an element only from push to pop.
    alignas(T) unsigned char storage[sizeof(T)];

    T* element() { return std::launder(reinterpret_cast<T*>(storage)); }
  };

  EventRing(size_t slots, size_t size_max_bytes)
      : mask_(slots - 1),
        size_max_bytes_(size_max_bytes),
        slots_(new Slot[slots]),
        bytes_before_(new std::atomic<uint64_t>[slots]()) {}

  // Whether an element fits, as far as the producer has seen.
  bool HasRoom(uint64_t tail, uint64_t pushed_bytes, size_t size_bytes) const {
    return tail - seen_head_ <= mask_ && size_bytes <= size_max_bytes_ - (pushed_bytes - seen_popped_bytes_);
  }
  // Brings the producer's copies up to date; `tail` and `pushed_bytes` are its own.
  void LookAtConsumer(uint64_t tail, uint64_t pushed_bytes);

  alignas(kCacheLineBytes) const size_t mask_;
  const size_t size_max_bytes_;
  const std::unique_ptr<Slot[]> slots_;
  // For each element in the ring the bytes of all pushes before its own. The producer reads what it wrote itself; it is
  // atomic, and stored with release, for UsedApprox() alone, which thereby finds no more in it than in pushed_bytes_.
  const std::unique_ptr<std::atomic<uint64_t>[]> bytes_before_;

  // The index of the next push. Stored with release after the element is constructed; loaded with acquire by the
  // consumer before it touches that element. The producer reads its own store, hence relaxed.
  alignas(kCacheLineBytes) std::atomic<uint64_t> tail_{0};
  // The bytes of all pushes. Stored before tail_, so whoever acquires tail_ sees it. The consumer does not need it; it
  // is atomic for UsedApprox().
  std::atomic<uint64_t> pushed_bytes_{0};
  // The producer's copy of head_, and the bytes of all pops up to it: old values, that is pessimistic ones.
  uint64_t seen_head_ = 0;
  uint64_t seen_popped_bytes_ = 0;

  // The index of the next pop. Stored with release after the element is destroyed; loaded with acquire by the producer
  // before it constructs another in its place. The consumer reads its own store, hence relaxed.
  alignas(kCacheLineBytes) std::atomic<uint64_t> head_{0};
  // The consumer's copy of tail_.
  uint64_t seen_tail_ = 0;
};

template <typename T>
absl::StatusOr<std::unique_ptr<EventRing<T>>> EventRing<T>::Create(size_t slots, size_t size_max_bytes) {
  if (slots == 0 || (slots & (slots - 1)) != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("an event ring of ", slots, " slots: the number of slots must be a power of two"));
  }
  if (size_max_bytes == 0) {
    return absl::InvalidArgumentError("an event ring of 0 bytes: its byte budget must be at least 1");
  }
  return std::unique_ptr<EventRing>(new EventRing(slots, size_max_bytes));
}

template <typename T>
EventRing<T>::~EventRing() {
  while (TryPop().has_value()) {
  }
}

template <typename T>
bool EventRing<T>::TryPush(T&& element, size_t size_bytes) {
  const uint64_t tail = tail_.load(std::memory_order_relaxed);
  const uint64_t pushed_bytes = pushed_bytes_.load(std::memory_order_relaxed);
  if (!HasRoom(tail, pushed_bytes, size_bytes)) {
    LookAtConsumer(tail, pushed_bytes);
    if (!HasRoom(tail, pushed_bytes, size_bytes)) {
      return false;
    }
  }
  new (slots_[tail & mask_].storage) T(std::move(element));
  bytes_before_[tail & mask_].store(pushed_bytes, std::memory_order_release);
  pushed_bytes_.store(pushed_bytes + size_bytes, std::memory_order_relaxed);
  tail_.store(tail + 1, std::memory_order_release);
  return true;
}

template <typename T>
void EventRing<T>::LookAtConsumer(uint64_t tail, uint64_t pushed_bytes) {
  seen_head_ = head_.load(std::memory_order_acquire);
  // An empty ring has no oldest element that would tell.
  seen_popped_bytes_ =
      seen_head_ == tail ? pushed_bytes : bytes_before_[seen_head_ & mask_].load(std::memory_order_relaxed);
}

template <typename T>
inline std::optional<T> EventRing<T>::TryPop() {
  const uint64_t head = head_.load(std::memory_order_relaxed);
  if (head == seen_tail_) {
    seen_tail_ = tail_.load(std::memory_order_acquire);
    if (head == seen_tail_) {
      return std::nullopt;
    }
  }
  Slot& slot = slots_[head & mask_];
  std::optional<T> element(std::move(*slot.element()));
  slot.element()->~T();
  head_.store(head + 1, std::memory_order_release);
  return element;
}

template <typename T>
typename EventRing<T>::Usage EventRing<T>::UsedApprox() const {
  // The consumer's side first and with acquire: what is then read of the producer's side can only be further on.
  const uint64_t head = head_.load(std::memory_order_acquire);
  const uint64_t slots = tail_.load(std::memory_order_acquire) - head;
  if (slots == 0) {
    return Usage{};
  }
  // If the element at head_ has been taken and its slot filled again in the meantime, this is a later one's.
  const uint64_t bytes_before = bytes_before_[head & mask_].load(std::memory_order_acquire);
  const uint64_t bytes = pushed_bytes_.load(std::memory_order_relaxed) - bytes_before;
  return Usage{std::min<size_t>(slots, capacity_slots()), std::min<size_t>(bytes, size_max_bytes_)};
}

}  // namespace dunlin

#endif  // DUNLIN_SYNC_EVENT_RING_H_
