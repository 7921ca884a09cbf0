#ifndef DUNLIN_TESTS_SYNC_RELAY_BACKEND_H_
#define DUNLIN_TESTS_SYNC_RELAY_BACKEND_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "sync/relay.h"

namespace dunlin {

// RelayBackend is what stands behind a Relay in a conformance test, and the means to look at it and to damage it behind
// the relay's back.
//
// Thread-safety: one thread.
class RelayBackend {
 public:
  virtual ~RelayBackend() = default;

  // A relay to it, connected.
  virtual std::unique_ptr<Relay> NewRelay() = 0;

  // The record under `key`; "" for nothing.
  virtual std::string Record(absl::string_view key) = 0;
  virtual void SetRecord(absl::string_view key, absl::string_view record) = 0;
  virtual void EraseRecord(absl::string_view key) = 0;

  // The sequence under which `key` is indexed; 0 if it is not.
  virtual uint64_t IndexedSequence(absl::string_view key) = 0;
  virtual void EraseIndex() = 0;

  // The fields "format", "sequence" and "gc_sequence".
  virtual uint64_t MetaField(absl::string_view field) = 0;
  virtual void SetMetaField(absl::string_view field, uint64_t value) = 0;
  virtual void EraseMeta() = 0;

  // As if the lease of this store had ended a moment ago.
  virtual void EndLease(uint64_t store_id) = 0;

  virtual void EraseEverything() = 0;
  virtual bool empty() = 0;

  // The next event that was published; fails the test if there is none.
  virtual std::string NextEvent() = 0;
  virtual bool NothingWasPublished() = 0;
};

using RelayBackendFactory = std::function<std::unique_ptr<RelayBackend>()>;

// A Redis server of the test's own.
std::unique_ptr<RelayBackend> MakeRedisBackend();

// The simulator's model of it.
std::unique_ptr<RelayBackend> MakeModelBackend();

}  // namespace dunlin

#endif  // DUNLIN_TESTS_SYNC_RELAY_BACKEND_H_
