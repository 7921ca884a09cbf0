#ifndef DUNLIN_TESTS_STORAGE_TAMPER_H_
#define DUNLIN_TESTS_STORAGE_TAMPER_H_

#include <functional>
#include <string>

#include "absl/strings/string_view.h"

namespace dunlin {

class LmdbTxn;

// What a failing disk, or somebody else's program, does to a store behind its back.
// REQUIRES: no store is open in `directory`.

// Changes the tables by `change`.
void TamperWith(const std::string& directory, const std::function<void(LmdbTxn*)>& change);

// Flips a bit in the record stored under `key`.
void DamageRecord(const std::string& directory, absl::string_view key);

}  // namespace dunlin

#endif  // DUNLIN_TESTS_STORAGE_TAMPER_H_
