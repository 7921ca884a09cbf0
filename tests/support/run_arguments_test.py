"""Goal: what tests/run is asked for reaches Bazel as it was meant, and what cannot be meant is refused.

Method: the real function in a shell of its own.
"""

import subprocess
import unittest

SCRIPT = """
set -euo pipefail
. deploy/lib/messages.sh
. tests/support/run_arguments.sh
parse_run_arguments "$@"
printf '%s|' "${options[@]}"
printf '\\n'
printf '%s|' "${targets[@]}"
"""


class RunArgumentsTest(unittest.TestCase):
    def run_script(self, *arguments):
        return subprocess.run(["bash", "-c", SCRIPT, "tests/run", *arguments], capture_output=True, text=True)

    def parse(self, *arguments):
        """Returns (options, targets)."""
        run = self.run_script(*arguments)
        self.assertEqual(run.returncode, 0, run.stderr)
        options, targets = run.stdout.split("\n")
        return [o for o in options.split("|") if o], [t for t in targets.split("|") if t]

    def test_nothing_means_everything(self):
        self.assertEqual(self.parse(), ([], ["//..."]))

    def test_targets_and_options_in_any_order(self):
        options, targets = self.parse("--long", "//tests/sync/...", "--config=asan", "--", "-//tests/sync:retry_test")
        self.assertEqual(options, ["--test_env=DUNLIN_LONG=1", "--test_timeout=7200", "--config=asan"])
        self.assertEqual(targets, ["//tests/sync/...", "-//tests/sync:retry_test"])

    def test_a_value_in_an_argument_of_its_own_is_not_a_target(self):
        for option in ("--test_filter", "--test_env", "--config", "--runs_per_test", "--test_timeout", "--jobs"):
            with self.subTest(option):
                options, targets = self.parse(option, "X*", "--keep_going")
                self.assertEqual(options, [option + "=X*", "--keep_going"])
                self.assertEqual(targets, ["//..."])

    def test_a_pattern_with_spaces_stays_whole(self):
        self.assertEqual(self.parse("--test_filter", "A.b c:-D*")[0], ["--test_filter=A.b c:-D*"])

    def test_what_is_neither_is_refused_with_the_remedy(self):
        for arguments in (["X*"], ["--keep_going", "X*"], ["--test_filter=A", "storage"]):
            with self.subTest(arguments):
                run = self.run_script(*arguments)
                self.assertEqual(run.returncode, 2)
                self.assertIn("is no target", run.stderr)
                self.assertIn("--option=VALUE", run.stderr)

    def test_a_value_that_is_missing_is_named(self):
        run = self.run_script("//tests/sync/...", "--test_filter")
        self.assertEqual(run.returncode, 2)
        self.assertIn("--test_filter lacks its value", run.stderr)


if __name__ == "__main__":
    unittest.main()
