#include "tests/chaos/write_session.h"

#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"

namespace dunlin::chaos {
namespace {

// A client turns to others for this long before it tries a replica again that did not answer.
constexpr absl::Duration kAvoidance = absl::Milliseconds(300);

constexpr uint64_t kBatchWritesMax = 8;
constexpr uint64_t kValuePaddingMaxBytes = 200;
// Some values are large enough to travel by reference; few keys have them, so that they do not pile up.
constexpr uint64_t kLargeValueKeys = 20;
constexpr size_t kLargeValueBytes = size_t{80} << 10;
constexpr absl::Duration kTtlMin = absl::Milliseconds(300);
constexpr int64_t kTtlSpanMs = 4000;

// Whether an error says for certain that nothing was stored. A lost connection or an expired deadline does not; nor
// does a full disk after a conditional write, which Redis may have taken before there was no room for it here.
bool IsRefusal(const absl::Status& status, WriteKind kind) {
  return absl::IsFailedPrecondition(status) || absl::IsInvalidArgument(status) ||
         (absl::IsResourceExhausted(status) && kind != WriteKind::kConditional);
}

}  // namespace

WriteSession::WriteSession(Options options, History* history)
    : options_(std::move(options)),
      history_(history),
      avoided_until_(options_.addresses.size(), absl::InfinitePast()),
      random_(options_.seed) {
  for (const std::string& address : options_.addresses) {
    ClientOptions client;
    client.server = address;
    client.timeout = options_.timeout;
    clients_.push_back(*Client::Create(client));
  }
}

void WriteSession::MakeOne() {
  const size_t replica = PickReplica();
  const uint64_t dice = Draw(100);
  if (dice < 50) {
    Put(replica);
  } else if (dice < 62) {
    PutExpiring(replica);
  } else if (dice < 75) {
    Delete(replica);
  } else if (dice < 88) {
    BatchWrite(replica);
  } else {
    PutIf(replica);
  }
}

size_t WriteSession::PickReplica() {
  const absl::Time now = absl::Now();
  size_t replica = Draw(clients_.size());
  for (size_t i = 0; i < clients_.size() && avoided_until_[replica] > now; ++i) {
    replica = (replica + 1) % clients_.size();
  }
  return replica;
}

std::string WriteSession::PickKey() { return absl::StrFormat("chaos/%05d", Draw(options_.keys)); }

std::string WriteSession::NewValue() {
  return absl::StrCat(options_.name, ":", ++values_, ":", std::string(Draw(kValuePaddingMaxBytes), 'v'));
}

void WriteSession::NoteFailure(size_t replica, const absl::Status& status, WriteKind kind, const std::string& key,
                               const Content& content) {
  if (IsRefusal(status, kind)) {
    history_->Refuse(key, content);
    return;
  }
  history_->LeaveUncertain(key, content);
  avoided_until_[replica] = absl::Now() + kAvoidance;
}

void WriteSession::Put(size_t replica) {
  std::string key = PickKey();
  std::string value = NewValue();
  if (Draw(100) == 0) {
    key = absl::StrCat("chaos/large/", Draw(kLargeValueKeys));
    value.append(kLargeValueBytes, 'V');
  }
  client::PutOptions options;
  options.ack = Draw(20) == 0 ? client::Ack::kMirrored : client::Ack::kLocal;
  const auto written = clients_[replica]->Put(key, value, options);
  if (written.ok()) {
    history_->Acknowledge(key, WriteKind::kPut, replica, ContentOf(value), written->version);
  } else {
    NoteFailure(replica, written.status(), WriteKind::kPut, key, ContentOf(value));
  }
}

void WriteSession::PutExpiring(size_t replica) {
  const std::string key = PickKey();
  const std::string value = NewValue();
  client::PutOptions options;
  options.ttl = kTtlMin + absl::Milliseconds(static_cast<int64_t>(Draw(kTtlSpanMs)));
  const auto written = clients_[replica]->Put(key, value, options);
  if (written.ok()) {
    history_->Acknowledge(key, WriteKind::kExpiringPut, replica, ContentOf(value), written->version);
  } else {
    NoteFailure(replica, written.status(), WriteKind::kExpiringPut, key, ContentOf(value));
  }
}

void WriteSession::Delete(size_t replica) {
  const std::string key = PickKey();
  const auto written = clients_[replica]->Delete(key);
  if (written.ok()) {
    history_->Acknowledge(key, WriteKind::kDelete, replica, Deletion(), written->version);
  } else {
    NoteFailure(replica, written.status(), WriteKind::kDelete, key, Deletion());
  }
}

void WriteSession::BatchWrite(size_t replica) {
  std::set<std::string> keys;
  const uint64_t size = 2 + Draw(kBatchWritesMax - 1);
  while (keys.size() < size) {
    keys.insert(PickKey());
  }
  std::vector<client::Write> writes;
  std::vector<Content> contents;
  for (const std::string& key : keys) {
    if (Draw(5) == 0) {
      writes.push_back(client::BatchDelete{key});
      contents.push_back(Deletion());
    } else {
      const std::string value = NewValue();
      writes.push_back(client::BatchPut{key, value, {}});
      contents.push_back(ContentOf(value));
    }
  }
  const auto written = clients_[replica]->BatchWrite(writes);
  size_t i = 0;
  for (const std::string& key : keys) {
    if (written.ok()) {
      history_->Acknowledge(key, WriteKind::kBatch, replica, contents[i], written->versions[i]);
    } else {
      NoteFailure(replica, written.status(), WriteKind::kBatch, key, contents[i]);
    }
    ++i;
  }
}

void WriteSession::PutIf(size_t replica) {
  const std::string key = PickKey();
  const std::string value = NewValue();
  client::PutOptions options;
  options.precondition = client::IfAbsent{};
  if (const auto stored = clients_[replica]->Get(key); stored.ok()) {
    options.precondition = client::IfVersion{stored->entry.version};
  }
  const auto written = clients_[replica]->Put(key, value, options);
  if (written.ok()) {
    history_->Acknowledge(key, WriteKind::kConditional, replica, ContentOf(value), written->version);
  } else {
    NoteFailure(replica, written.status(), WriteKind::kConditional, key, ContentOf(value));
  }
}

}  // namespace dunlin::chaos
