#include "storage/operation.h"

#include <utility>

namespace dunlin {

size_t SizeOf(const Operation& operation) {
  size_t size = sizeof(Operation);
  if (const auto* write = std::get_if<WriteOperation>(&operation)) {
    for (const Mutation& mutation : write->write.mutations) {
      size += sizeof(Mutation) + mutation.key.size() + mutation.value.size();
    }
  } else if (const auto* apply = std::get_if<ApplyOperation>(&operation)) {
    for (const VersionedRecord& record : apply->batch.records) {
      size += sizeof(VersionedRecord) + record.key.size() + record.encoded_record.size();
    }
  }
  return size;
}

void SetError(const absl::Status& error, Operation* operation) {
  if (auto* write = std::get_if<WriteOperation>(operation)) {
    write->result = error;
  } else if (auto* apply = std::get_if<ApplyOperation>(operation)) {
    apply->result = error;
  } else if (auto* epoch = std::get_if<EpochOperation>(operation)) {
    epoch->result = error;
  }
}

void TellResult(Operation* operation) {
  if (auto* write = std::get_if<WriteOperation>(operation)) {
    write->done(std::move(write->result));
  } else if (auto* apply = std::get_if<ApplyOperation>(operation)) {
    apply->done(std::move(apply->result));
  } else if (auto* epoch = std::get_if<EpochOperation>(operation)) {
    epoch->done(epoch->result);
  }
}

}  // namespace dunlin
