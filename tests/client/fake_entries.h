#ifndef DUNLIN_TESTS_CLIENT_FAKE_ENTRIES_H_
#define DUNLIN_TESTS_CLIENT_FAKE_ENTRIES_H_

#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "dunlin/v1/kv.pb.h"
#include "grpcpp/support/status.h"

namespace dunlin {

// FakeEntries is the store of a FakeReplica: a map that answers the API's requests.
//
// Thread-safety: none; the replica's mutex guards it.
class FakeEntries {
 public:
  grpc::Status Get(const v1::GetRequest& request, v1::GetResponse* response) const;
  grpc::Status Put(const v1::PutRequest& request, v1::PutResponse* response);
  grpc::Status Delete(const v1::DeleteRequest& request, v1::DeleteResponse* response);
  grpc::Status BatchGet(const v1::BatchGetRequest& request, v1::BatchGetResponse* response) const;
  grpc::Status BatchWrite(const v1::BatchWriteRequest& request, v1::BatchWriteResponse* response);
  grpc::Status List(const v1::ListRequest& request, v1::ListResponse* response) const;

  // List passes over the entry and names it.
  void Damage(const std::string& key) { damaged_.insert(key); }

 private:
  // Checks a write against what is there.
  grpc::Status Check(const std::string& key, const v1::Precondition& precondition) const;
  v1::Version NextVersion();

  std::map<std::string, v1::Entry> entries_;
  std::set<std::string> damaged_;
  uint64_t revision_ = 0;
};

}  // namespace dunlin

#endif  // DUNLIN_TESTS_CLIENT_FAKE_ENTRIES_H_
