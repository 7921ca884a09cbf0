#ifndef DUNLIN_CLIENT_CLIENT_H_
#define DUNLIN_CLIENT_CLIENT_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "client/types.h"
#include "client/watcher.h"

namespace dunlin::client {

struct ClientOptions {
  // HOST:PORT of a replica, or unix:PATH.
  std::string server = "127.0.0.1:7700";
  // How long a call may take that does not say so itself, including the time to connect.
  absl::Duration timeout = absl::Seconds(5);
};

// Client reads, writes and watches the entries of one replica.
//
// Every call blocks, has a deadline, and tells what went wrong by its status; nothing throws. Calls are not repeated by
// the client: a Put that ended with kUnavailable or kDeadlineExceeded may or may not have been stored, and putting the
// same value again is harmless unless somebody else has written the key meanwhile.
//
// Errors of every call, beside those listed at each: kInvalidArgument (the request breaks a limit or a format; so does
// a key that is not UTF-8), kUnavailable (the replica cannot be reached, is starting or shutting down: try again, or
// another one), kDeadlineExceeded, kInternal (the replica's store is damaged).
//
// Thread-safety: safe for concurrent use. All calls share one connection.
class Client {
 public:
  // Does not connect yet: the first call does.
  // Errors: kInvalidArgument for an address without a port or a timeout that is not positive.
  static absl::StatusOr<std::unique_ptr<Client>> Create(ClientOptions options);

  // REQUIRES: no call is under way. Watchers may outlive the client.
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Returns the entry of `key`.
  // Errors: kNotFound when it is absent, deleted or expired.
  absl::StatusOr<GetResult> Get(absl::string_view key, const ReadOptions& options = {});

  // Stores `value`, any bytes, under `key`.
  // Errors: kFailedPrecondition (the precondition does not hold), kResourceExhausted (the replica's disk quota or queue
  // is full), kAborted (it is open whether a conditional write took place: read the key).
  absl::StatusOr<WriteResult> Put(absl::string_view key, absl::string_view value, const PutOptions& options = {});

  // Removes `key`. Removing an absent key is no error. Errors as for Put().
  absl::StatusOr<DeleteResult> Delete(absl::string_view key, const DeleteOptions& options = {});

  // Returns those of up to 1,000 entries that exist, as of one moment.
  // Errors: kResourceExhausted when the answer would exceed 3 MiB: ask for fewer keys.
  absl::StatusOr<BatchGetResult> BatchGet(const std::vector<std::string>& keys, const ReadOptions& options = {});

  // Applies up to 1,000 writes, 3 MiB, each to a different key: on every replica all of them become visible at once.
  // Errors as for Put().
  absl::StatusOr<BatchWriteResult> BatchWrite(const std::vector<Write>& writes, const BatchWriteOptions& options = {});

  // Returns one page of a listing in the byte order of keys. The next one is asked for with `next_page_token`, until
  // that is empty.
  absl::StatusOr<ListPage> List(const ListOptions& options);

  // Opens a watch stream. Blocks until the request is on its way, for at most the timeout; whether the replica accepts
  // it is told by the first Watcher::Next().
  absl::StatusOr<std::unique_ptr<Watcher>> Watch(const WatchOptions& options);

  // Tells how the replica is doing.
  absl::StatusOr<ReplicaStatus> GetStatus(const CallOptions& options = {});

  // Returns one page of the replica's open watch streams.
  absl::StatusOr<WatchersPage> ListWatchers(const ListWatchersOptions& options = {});

  // Lets the replica check all that it holds. Damage that is found is a result, not an error. It takes as long as it
  // takes to read everything: the usual timeout is too short for a large store.
  // Errors: kResourceExhausted while another verification is under way; kDataLoss when the database cannot be walked
  // through.
  absl::StatusOr<VerifyResult> Verify(const CallOptions& options);

 private:
  class Connection;

  explicit Client(std::unique_ptr<Connection> connection);

  const std::unique_ptr<Connection> connection_;
};

}  // namespace dunlin::client

namespace dunlin {

// The rest of the client stays in its own namespace, where its plain values cannot be taken for the store's.
using client::Client;
using client::ClientOptions;

}  // namespace dunlin

#endif  // DUNLIN_CLIENT_CLIENT_H_
