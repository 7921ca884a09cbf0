"""Goal: sources that do not get along are kept apart, and the others come together. Method: sources in our format."""

import unittest

import source_groups


class NamesTest(unittest.TestCase):
    def names(self, text):
        return source_groups.names_at_namespace_scope(text)

    def test_finds_what_a_source_defines(self):
        text = """namespace dunlin {
namespace {

constexpr int kLimit = 3;
const std::vector<std::string> kNames{"a"};
std::atomic<bool> stop;
int table[4];
using Pair = std::pair<int, int>;
using testing::_;
class Recorder final : public Sink {
  int Inside() { return kLimit; }
};
enum class Kind { kOne };
template <typename T> struct Box {};
absl::StatusOr<std::pair<int, int>> Parse(absl::string_view text) {
  return Inner(text);
}
[[noreturn]] void Fail(const char* why) {
TEST_F(StoreTest, Opens) {
RC_GTEST_PROP(MergeTest, Commutes, (int a)) {

}  // namespace
absl::Status Store::Open() {
}
"""
        self.assertEqual(
            self.names(text),
            set("kLimit kNames stop table Pair Recorder Kind Box Parse Fail StoreTest_Opens MergeTest_Commutes".split())
            | {"Store::Open"},
        )

    def test_what_is_not_at_namespace_scope_is_nobodys(self):
        text = "  int local = 1;\n// int comment = 2;\n#define MACRO(x) x\nnamespace dunlin {\n"
        self.assertEqual(self.names(text), set())


class GroupedTest(unittest.TestCase):
    def test_sources_with_a_name_in_common_are_kept_apart(self):
        sources = {"a.cc": "int Count() {\n", "b.cc": "double Count() {\n", "c.cc": "int Sum() {\n"}
        self.assertEqual(source_groups.grouped(sources), [["a.cc", "c.cc"], ["b.cc"]])

    def test_each_source_is_in_one_group_and_no_group_is_too_large(self):
        sources = {"%03d.cc" % number: "int f%d;\n" % number for number in range(100)}
        groups = source_groups.grouped(sources)
        self.assertEqual(sorted(sum(groups, [])), sorted(sources))
        self.assertLessEqual(max(map(len, groups)), source_groups.SOURCES_MAX)
        self.assertEqual(len(groups), -(-100 // source_groups.SOURCES_MAX))


if __name__ == "__main__":
    unittest.main()
