#include "tests/client/fake_entries.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace dunlin {
namespace {

constexpr uint64_t kOrigin = 0xd0;
constexpr uint32_t kPageEntriesDefault = 100;

grpc::Status CheckKey(const std::string& key) {
  return key.empty() ? grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, "the key is empty; give 1 to 480 bytes")
                     : grpc::Status::OK;
}

}  // namespace

grpc::Status FakeEntries::Get(const v1::GetRequest& request, v1::GetResponse* response) const {
  const auto found = entries_.find(request.key());
  if (found == entries_.end()) {
    return grpc::Status(grpc::StatusCode::NOT_FOUND, absl::StrCat("there is no entry \"", request.key(), "\""));
  }
  *response->mutable_entry() = found->second;
  response->mutable_lag()->set_connected(true);
  return grpc::Status::OK;
}

grpc::Status FakeEntries::Put(const v1::PutRequest& request, v1::PutResponse* response) {
  if (grpc::Status status = Check(request.key(), request.precondition()); !status.ok()) {
    return status;
  }
  v1::Entry& entry = entries_[request.key()];
  entry.set_key(request.key());
  entry.set_value(request.value());
  *entry.mutable_version() = NextVersion();
  entry.set_revision(revision_);
  *response->mutable_version() = entry.version();
  response->set_revision(revision_);
  response->set_token(absl::StrCat("after-", revision_));
  return grpc::Status::OK;
}

grpc::Status FakeEntries::Delete(const v1::DeleteRequest& request, v1::DeleteResponse* response) {
  if (grpc::Status status = Check(request.key(), request.precondition()); !status.ok()) {
    return status;
  }
  response->set_existed(entries_.erase(request.key()) > 0);
  *response->mutable_version() = NextVersion();
  response->set_revision(revision_);
  response->set_token(absl::StrCat("after-", revision_));
  return grpc::Status::OK;
}

grpc::Status FakeEntries::BatchGet(const v1::BatchGetRequest& request, v1::BatchGetResponse* response) const {
  for (const std::string& key : request.keys()) {
    if (const auto found = entries_.find(key); found != entries_.end()) {
      *response->add_entries() = found->second;
    }
  }
  return grpc::Status::OK;
}

grpc::Status FakeEntries::BatchWrite(const v1::BatchWriteRequest& request, v1::BatchWriteResponse* response) {
  for (const v1::Write& write : request.writes()) {
    v1::PutRequest put;
    v1::PutResponse answer;
    if (write.has_put()) {
      put.set_key(write.put().key());
      put.set_value(write.put().value());
      Put(put, &answer);
    } else {
      entries_.erase(write.delete_().key());
      *answer.mutable_version() = NextVersion();
      answer.set_revision(revision_);
    }
    *response->add_versions() = answer.version();
    response->add_revisions(answer.revision());
  }
  response->set_token(absl::StrCat("after-", revision_));
  return grpc::Status::OK;
}

grpc::Status FakeEntries::List(const v1::ListRequest& request, v1::ListResponse* response) const {
  const uint32_t page_size = request.page_size() == 0 ? kPageEntriesDefault : request.page_size();
  // The token is the last key of the page before.
  auto next = request.page_token().empty() ? entries_.lower_bound(request.prefix())
                                           : entries_.upper_bound(request.page_token());
  for (; next != entries_.end() && absl::StartsWith(next->first, request.prefix()); ++next) {
    if (response->entries_size() == static_cast<int>(page_size)) {
      response->set_next_page_token(response->entries(response->entries_size() - 1).key());
      break;
    }
    if (damaged_.count(next->first) > 0) {
      response->add_damaged_keys(next->first);
      continue;
    }
    v1::Entry* entry = response->add_entries();
    *entry = next->second;
    if (request.keys_only()) {
      entry->clear_value();
    }
  }
  return grpc::Status::OK;
}

grpc::Status FakeEntries::Check(const std::string& key, const v1::Precondition& precondition) const {
  if (grpc::Status status = CheckKey(key); !status.ok()) {
    return status;
  }
  const auto found = entries_.find(key);
  const bool exists = found != entries_.end();
  const v1::Version& wanted = precondition.if_version();
  const bool holds = precondition.has_if_version() ? exists && found->second.version().time() == wanted.time() &&
                                                         found->second.version().origin() == wanted.origin()
                                                   : !precondition.if_absent() || !exists;
  return holds ? grpc::Status::OK
               : grpc::Status(grpc::StatusCode::FAILED_PRECONDITION, absl::StrCat("\"", key, "\" is in the way"));
}

v1::Version FakeEntries::NextVersion() {
  v1::Version version;
  version.set_time(1000 + ++revision_);
  version.set_origin(kOrigin);
  return version;
}

}  // namespace dunlin
