#ifndef DUNLIN_TESTS_BENCHMARKS_LOAD_NATS_BUCKET_H_
#define DUNLIN_TESTS_BENCHMARKS_LOAD_NATS_BUCKET_H_

#include <nats/nats.h>

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace dunlin::bench {

// NatsBucket is a connection to a NATS server and the bucket of its key-value store that all of them share: a stream of
// JetStream that keeps the latest message of each subject. As NATS' own clients lay it out and call it, which is
// described in https://github.com/nats-io/nats-architecture-and-design (ADR-8, and ADR-31 for reads).
//
// Aborts the program when the server refuses something.
//
// Thread-safety: safe for concurrent use.
class NatsBucket {
 public:
  // Called by threads of the library, of each subscription by one at a time. What it is given is gone afterwards.
  using Handler = std::function<void(absl::string_view subject, absl::string_view data)>;

  // Waits for the server, and makes the bucket, unless it is there.
  explicit NatsBucket(const std::string& address);
  ~NatsBucket();
  NatsBucket(const NatsBucket&) = delete;
  NatsBucket& operator=(const NatsBucket&) = delete;

  // Where a put is sent to, and where a read. The payload of a put is the value; a read has none.
  static std::string PutSubject(absl::string_view key);
  static std::string GetSubject(absl::string_view key);

  // A subject that nobody else uses.
  std::string NewInbox() const;

  void Subscribe(const std::string& subject, Handler handle);
  void Send(const std::string& subject, const std::string& reply_to, absl::string_view payload);

  // Has every change from now on of the keys that match `pattern` (a key, or `>` for all) told to the handler.
  void Watch(absl::string_view pattern, Handler handle);

 private:
  struct Subscription;

  // Waits for the answer.
  std::string Call(const std::string& subject, const std::string& payload);

  natsConnection* connection_ = nullptr;
  std::vector<std::unique_ptr<Subscription>> subscriptions_;
};

}  // namespace dunlin::bench

#endif  // DUNLIN_TESTS_BENCHMARKS_LOAD_NATS_BUCKET_H_
