// Goal: a selection matches what any of its selectors does, and its parts are disjoint and in the order of their keys.
// Method: all small sets of selectors over few keys, against the definition; and the odd cases by name.

#include "storage/selector.h"

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"

namespace dunlin {
namespace {

using Kind = Selector::Kind;

std::string Describe(const std::vector<Selector>& selectors) {
  std::string text;
  for (const Selector& selector : selectors) {
    absl::StrAppend(&text, selector.kind == Kind::kEverything ? "*" : selector.text,
                    selector.kind == Kind::kPrefix ? "* " : " ");
  }
  return text;
}

TEST(SelectionTest, IsEverythingUnlessToldOtherwise) {
  EXPECT_TRUE(Selection().Matches("a"));
  EXPECT_EQ(Describe(Selection().parts()), "* ");
}

TEST(SelectionTest, AnEmptyPrefixIsEverything) {
  const Selection selection({{Kind::kKey, "k"}, {Kind::kPrefix, ""}, {Kind::kPrefix, "p"}});
  EXPECT_EQ(Describe(selection.parts()), "* ");
}

TEST(SelectionTest, WhatIsNamedTwiceIsOnePart) {
  const Selection selection({{Kind::kKey, "b"},
                             {Kind::kPrefix, "a/b"},
                             {Kind::kKey, "a/bc"},
                             {Kind::kKey, "b"},
                             {Kind::kPrefix, "a/b"},
                             {Kind::kKey, "a/b"},
                             {Kind::kPrefix, "a/b/c"},
                             {Kind::kKey, "a/c"}});
  EXPECT_EQ(Describe(selection.parts()), "a/b* a/c b ");
}

TEST(SelectionTest, MatchesWhatAnySelectorDoes) {
  std::vector<std::string> texts = {"a", "b"};
  for (size_t i = 0; texts.size() < 30; ++i) {
    texts.push_back(texts[i] + "a");
    texts.push_back(texts[i] + "b");
  }
  std::mt19937_64 random(1);
  for (int round = 0; round < 20000; ++round) {
    std::vector<Selector> selectors;
    for (uint64_t n = 1 + random() % 6; n > 0; --n) {
      selectors.push_back({random() % 2 == 0 ? Kind::kKey : Kind::kPrefix, texts[random() % texts.size()]});
    }
    const Selection selection(selectors);
    for (const std::string& key : texts) {
      const auto matches = [&key](const Selector& selector) { return selector.Matches(key); };
      const auto parts = std::count_if(selection.parts().begin(), selection.parts().end(), matches);
      ASSERT_EQ(parts, std::any_of(selectors.begin(), selectors.end(), matches) ? 1 : 0)
          << key << " by " << Describe(selectors);
      ASSERT_EQ(selection.Matches(key), parts == 1) << key << " by " << Describe(selectors);
    }
    for (size_t i = 1; i < selection.parts().size(); ++i) {
      ASSERT_LT(selection.parts()[i - 1].text, selection.parts()[i].text) << Describe(selectors);
    }
  }
}

}  // namespace
}  // namespace dunlin
