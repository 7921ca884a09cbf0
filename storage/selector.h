#ifndef DUNLIN_STORAGE_SELECTOR_H_
#define DUNLIN_STORAGE_SELECTOR_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace dunlin {

// Selector names keys that somebody wants to hear of: one, all that start with a prefix, or all. A plain value.
struct Selector {
  enum class Kind { kEverything, kKey, kPrefix };
  Kind kind = Kind::kEverything;
  // The key or the prefix.
  std::string text;

  bool Matches(absl::string_view key) const;
};

// Selection is a union of selectors, made disjoint: what several of them name is named by one of its parts alone.
//
// Thread-safety: a plain value.
class Selection {
 public:
  // Everything.
  Selection() : Selection(Selector()) {}
  // Implicit: a selector is a selection.
  Selection(Selector selector);  // NOLINT(google-explicit-constructor)
  // REQUIRES: `selectors` is not empty.
  explicit Selection(std::vector<Selector> selectors);

  // In time logarithmic in the number of parts.
  bool Matches(absl::string_view key) const;

  // Never empty. Their keys follow one another in byte order; no two match the same key.
  const std::vector<Selector>& parts() const { return parts_; }

 private:
  std::vector<Selector> parts_;
};

}  // namespace dunlin

#endif  // DUNLIN_STORAGE_SELECTOR_H_
