#include "storage/selector.h"

#include <algorithm>
#include <cassert>
#include <utility>

#include "absl/strings/match.h"

namespace dunlin {
namespace {

// Whether all that `part` matches, `wider` matches too. REQUIRES: `wider` does not come after `part`.
bool IsCoveredBy(const Selector& part, const Selector& wider) {
  switch (wider.kind) {
    case Selector::Kind::kEverything:
      return true;
    case Selector::Kind::kKey:
      return part.kind == Selector::Kind::kKey && part.text == wider.text;
    case Selector::Kind::kPrefix:
      return part.kind != Selector::Kind::kEverything && absl::StartsWith(part.text, wider.text);
  }
  return false;
}

// What names more comes first, of those that begin with the same key.
int RankOf(Selector::Kind kind) {
  switch (kind) {
    case Selector::Kind::kEverything:
      return 0;
    case Selector::Kind::kPrefix:
      return 1;
    case Selector::Kind::kKey:
      return 2;
  }
  return 3;
}

}  // namespace

bool Selector::Matches(absl::string_view key) const {
  switch (kind) {
    case Kind::kEverything:
      return true;
    case Kind::kKey:
      return key == text;
    case Kind::kPrefix:
      return absl::StartsWith(key, text);
  }
  return false;
}

Selection::Selection(Selector selector) { parts_.push_back(std::move(selector)); }

Selection::Selection(std::vector<Selector> selectors) {
  assert(!selectors.empty());
  for (Selector& selector : selectors) {
    if (selector.text.empty() && selector.kind == Selector::Kind::kPrefix) {
      selector.kind = Selector::Kind::kEverything;
    }
    if (selector.kind == Selector::Kind::kEverything) {
      selector.text.clear();
    }
  }
  std::sort(selectors.begin(), selectors.end(), [](const Selector& a, const Selector& b) {
    return a.text != b.text ? a.text < b.text : RankOf(a.kind) < RankOf(b.kind);
  });
  // In this order, whatever covers a part stands right before it, with nothing between that it does not cover, too.
  for (Selector& selector : selectors) {
    if (parts_.empty() || !IsCoveredBy(selector, parts_.back())) {
      parts_.push_back(std::move(selector));
    }
  }
}

// Of the parts that begin at or before a key only the last can match it: what comes between a prefix and a key that
// starts with it starts with it, too, and is covered.
bool Selection::Matches(absl::string_view key) const {
  const auto after = std::upper_bound(parts_.begin(), parts_.end(), key,
                                      [](absl::string_view k, const Selector& part) { return k < part.text; });
  return after != parts_.begin() && std::prev(after)->Matches(key);
}

}  // namespace dunlin
