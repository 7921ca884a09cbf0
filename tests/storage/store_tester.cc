#include "tests/storage/store_tester.h"

#include "gtest/gtest.h"
#include "storage/record.h"

namespace dunlin {
namespace {

// All changes that `read_page(after_revision)` gives, page after page.
template <typename ReadPage>
std::vector<Change> ReadAll(uint64_t after_revision, const ReadPage& read_page) {
  std::vector<Change> all;
  while (true) {
    absl::StatusOr<ChangePage> page = read_page(after_revision);
    EXPECT_TRUE(page.ok()) << page.status();
    if (!page.ok()) {
      return all;
    }
    for (Change& change : page->changes) {
      all.push_back(std::move(change));
    }
    if (page->complete) {
      return all;
    }
    after_revision = page->covered_revision;
  }
}

}  // namespace

Mutation PutOf(absl::string_view key, absl::string_view value, absl::Duration ttl) {
  Mutation mutation;
  mutation.key = std::string(key);
  mutation.value = std::string(value);
  mutation.ttl = ttl;
  return mutation;
}

Mutation DeleteOf(absl::string_view key) {
  Mutation mutation;
  mutation.kind = Mutation::Kind::kDelete;
  mutation.key = std::string(key);
  return mutation;
}

LocalWrite WriteOf(std::vector<Mutation> mutations, Precondition precondition) {
  LocalWrite write;
  write.mutations = std::move(mutations);
  write.precondition = precondition;
  return write;
}

Precondition IfAbsent() { return Precondition{Precondition::Kind::kAbsent, {}}; }

Precondition IfVersion(const Version& version) { return Precondition{Precondition::Kind::kVersion, version}; }

RemoteBatch EmptyGroup() {
  RemoteBatch batch;
  batch.awaits_sync = true;
  return batch;
}

VersionedRecord RemotePut(absl::string_view key, const Version& version, absl::string_view value,
                          uint64_t expiry_unix_ms) {
  Record record;
  record.version = version;
  record.expiry_unix_ms = expiry_unix_ms;
  record.value = value;
  return VersionedRecord{std::string(key), EncodeRecord(record)};
}

VersionedRecord RemoteDelete(absl::string_view key, const Version& version) {
  Record record;
  record.version = version;
  record.tombstone = true;
  return VersionedRecord{std::string(key), EncodeRecord(record)};
}

StoreTester::StoreTester(std::string directory, bool sync, void (*prepare)(StoreTester*)) {
  store_options_.directory = std::move(directory);
  store_options_.map_size_bytes = size_t{1} << 30;
  store_options_.sync = sync;
  // Small, so that the database takes over what is written while a test goes on.
  store_options_.write_buffer_bytes = size_t{64} << 10;
  if (prepare != nullptr) {
    prepare(this);
  }
  opened_ = Open();
}

absl::Status StoreTester::Open() {
  clock_ = std::make_unique<HybridClock>(&wall_clock_);
  absl::StatusOr<std::unique_ptr<Store>> store = Store::Open(store_options_, clock_.get());
  if (!store.ok()) {
    return store.status();
  }
  store_ = *std::move(store);
  feed_ = std::make_unique<ChangeFeed>();
  committer_ = std::make_unique<Committer>(committer_options_, store_.get(), clock_.get(), feed_.get());
  return absl::OkStatus();
}

void StoreTester::Close() {
  committer_.reset();
  feed_.reset();
  store_.reset();
}

absl::StatusOr<WriteResult> StoreTester::Write(LocalWrite write) {
  WriteAnswer answer;
  committer_->Write(std::move(write), answer.Callback());
  return answer.Get();
}

absl::StatusOr<WriteResult> StoreTester::Put(absl::string_view key, absl::string_view value, absl::Duration ttl) {
  return Write(WriteOf({PutOf(key, value, ttl)}));
}

absl::StatusOr<WriteResult> StoreTester::Delete(absl::string_view key) { return Write(WriteOf({DeleteOf(key)})); }

absl::StatusOr<ApplyResult> StoreTester::Apply(std::vector<VersionedRecord> records, uint64_t epoch,
                                               uint64_t sequence) {
  RemoteBatch batch;
  batch.records = std::move(records);
  batch.epoch = epoch;
  batch.applied_sequence = sequence;
  return ApplyBatch(std::move(batch));
}

absl::StatusOr<ApplyResult> StoreTester::ApplyBatch(RemoteBatch batch) {
  ApplyAnswer answer;
  committer_->Apply(std::move(batch), answer.Callback());
  return answer.Get();
}

absl::Status StoreTester::EnterEpoch(uint64_t epoch, bool refill) {
  EpochChange change;
  change.epoch = epoch;
  change.fleet_id = 9;
  change.primary = epoch + 1;
  change.refill = refill;
  return EnterEpoch(change).status();
}

absl::StatusOr<EpochEntry> StoreTester::EnterEpoch(const EpochChange& change) {
  Answer<absl::StatusOr<EpochEntry>> answer;
  committer_->EnterEpoch(change, answer.Callback());
  return answer.Get();
}

std::string StoreTester::Get(absl::string_view key) const {
  const absl::StatusOr<StoredEntry> entry = store_->Get(key);
  if (entry.ok()) {
    return entry->value;
  }
  return absl::IsNotFound(entry.status()) ? "(absent)" : entry.status().ToString();
}

absl::StatusOr<std::vector<StoredEntry>> StoreTester::BatchGet(const std::vector<std::string>& keys,
                                                               size_t size_max_bytes) const {
  std::vector<StoredEntry> entries;
  const absl::Status status = store_->BatchGet(
      std::vector<absl::string_view>(keys.begin(), keys.end()), size_max_bytes, [&](const EntryView& view) {
        entries.push_back(
            {std::string(view.key), std::string(view.value), view.version, view.revision, view.expiry_unix_ms});
      });
  if (!status.ok()) {
    return status;
  }
  return entries;
}

void StoreTester::HoldCommitter(Gate* gate) {
  Gate reached;
  committer_->Apply(EmptyGroup(), [&reached, gate](absl::StatusOr<ApplyResult>) {
    reached.Open();
    gate->Wait();
  });
  reached.Wait();
}

void StoreTester::Settle() {
  // The first is answered before the committer looks at what is due, the second after it: they are in two groups.
  EXPECT_TRUE(ApplyBatch(EmptyGroup()).ok());
  EXPECT_TRUE(ApplyBatch(EmptyGroup()).ok());
}

void StoreTester::Advance(absl::Duration step) {
  wall_clock_.Advance(step);
  Settle();
}

std::vector<StoredEntry> StoreTester::ListAll(absl::string_view prefix, size_t page_size) const {
  std::vector<StoredEntry> all;
  std::string after_key;
  while (true) {
    absl::StatusOr<EntryPage> page = store_->List(prefix, after_key, page_size, 1 << 20, /*keys_only=*/false);
    EXPECT_TRUE(page.ok()) << page.status();
    if (!page.ok()) {
      return all;
    }
    for (StoredEntry& entry : page->entries) {
      all.push_back(std::move(entry));
    }
    if (page->complete) {
      return all;
    }
    EXPECT_GT(page->covered_key, after_key) << "no endless loop";
    after_key = page->covered_key;
  }
}

std::vector<Change> StoreTester::ChangesAfter(uint64_t revision, size_t page_size) const {
  return ReadAll(revision, [&](uint64_t after) {
    return store_->ReadChanges(
        after, [](absl::string_view) { return true; }, page_size, 1 << 20);
  });
}

std::vector<Change> StoreTester::Outbox(size_t page_size) const {
  return ReadAll(0, [&](uint64_t after) { return store_->ReadOutbox(after, page_size, 1 << 20); });
}

}  // namespace dunlin
