#ifndef DUNLIN_CLIENT_PROTO_CONVERSION_H_
#define DUNLIN_CLIENT_PROTO_CONVERSION_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "client/types.h"
#include "dunlin/v1/kv.pb.h"
#include "dunlin/v1/replica.pb.h"

// Between the messages of proto/dunlin/v1 and the values of types.h. Nothing is checked here: the replica judges what
// it is asked, and its answers are taken as they come.
namespace dunlin::client {

// A time to live outside what a message can carry becomes the nearest that it can: the replica refuses either.
v1::PutRequest ToProto(absl::string_view key, absl::string_view value, const PutOptions& options);
v1::DeleteRequest ToProto(absl::string_view key, const DeleteOptions& options);
v1::BatchWriteRequest ToProto(const std::vector<Write>& writes, const BatchWriteOptions& options);
v1::ListRequest ToProto(const ListOptions& options);

// `Request` is one of the three that read.
template <typename Request>
void SetReadOptions(const ReadOptions& options, Request* request);

v1::WatchRequest ToProto(const WatchOptions& options);
v1::GetStatusRequest ToProto(const ListWatchersOptions& options);

GetResult FromProto(v1::GetResponse response);
WriteResult FromProto(v1::PutResponse response);
DeleteResult FromProto(v1::DeleteResponse response);
BatchGetResult FromProto(v1::BatchGetResponse response);
BatchWriteResult FromProto(v1::BatchWriteResponse response);
ListPage FromProto(v1::ListResponse response);
WatchMessage FromProto(v1::WatchResponse response);
ReplicaStatus FromProto(v1::Status proto);
// Of an answer that has a status, too.
WatchersPage TakeWatchersPage(v1::GetStatusResponse response);
VerifyResult FromProto(v1::VerifyResponse response);

}  // namespace dunlin::client

#endif  // DUNLIN_CLIENT_PROTO_CONVERSION_H_
