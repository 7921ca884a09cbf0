"""Goal: the tree obeys the rules of the house. Method: one case a rule, over every file of the checkout."""

import unittest

import house_rules


class TreeTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.files = list(house_rules.read_tree(house_rules.root_of_tree()))

    def test_the_tree_was_found(self):
        self.assertIn("WORKSPACE", [file.path for file in self.files])


def _case(rule):
    def test(self):
        findings = [finding for file in self.files for finding in house_rules.check(file, [rule])]
        if findings:
            self.fail("\n" + "\n".join("%s:%d: [%s] %s" % finding for finding in findings))

    return test


for _rule in house_rules.RULES:
    setattr(TreeTest, "test_" + _rule.__name__, _case(_rule))


if __name__ == "__main__":
    unittest.main()
