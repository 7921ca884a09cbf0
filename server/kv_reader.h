#ifndef DUNLIN_SERVER_KV_READER_H_
#define DUNLIN_SERVER_KV_READER_H_

#include <cstddef>
#include <string>

#include <grpcpp/grpcpp.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "dunlin/v1/kv.pb.h"
#include "server/replica_parts.h"
#include "storage/store.h"

namespace dunlin {

// KVReader answers the reads of the KV service from the store, where it is called. Whether the replica has what
// `at_least` asks for is the caller's affair.
//
// Errors, of each of its reads: kInvalidArgument for what is wrong with the request; kUnavailable while the replica
// does not serve, or when it is further out of date than max_staleness allows; those of the store's reads.
//
// A copy is as good as the original, and costs nothing. Thread-safety: safe for concurrent use.
class KVReader {
 public:
  explicit KVReader(const ReplicaParts& parts) : parts_(parts) {}

  absl::StatusOr<v1::GetResponse> Read(const v1::GetRequest& request) const;
  // Returns the encoding of a BatchGetResponse.
  absl::StatusOr<grpc::ByteBuffer> Read(const v1::BatchGetRequest& request) const;
  absl::StatusOr<v1::ListResponse> Read(const v1::ListRequest& request) const;

 private:
  // Whether this replica may answer a read that allows it to be out of date for so long. Asked before the read, so that
  // what is read is no older.
  absl::Status CheckReadable(absl::Duration max_staleness) const;
  // Reads until there is something to return, but no more often than limits.h allows. Each read is a view of its own,
  // so what is returned is all of the last one.
  absl::StatusOr<EntryPage> ReadEntries(const v1::ListRequest& request, std::string after_key,
                                        size_t entries_max) const;
  // Adds what tells how new an answer is. After the read, so that the token is no earlier than what was read.
  template <typename Request, typename Response>
  void FinishAnswer(const Request& request, Response* response) const;

  ReplicaParts parts_;
};

}  // namespace dunlin

#endif  // DUNLIN_SERVER_KV_READER_H_
