#include "storage/operation.h"

#include <type_traits>
#include <utility>
#include <variant>

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
  std::visit(
      [&error](auto& kind) {
        if constexpr (!std::is_same_v<std::decay_t<decltype(kind)>, MirrorProgress>) {
          kind.result = error;
        }
      },
      *operation);
}

void TellResult(Operation* operation) {
  std::visit(
      [](auto& kind) {
        if constexpr (!std::is_same_v<std::decay_t<decltype(kind)>, MirrorProgress>) {
          kind.done(std::move(kind.result));
        }
      },
      *operation);
}

}  // namespace dunlin
