"""Goal: what a fuzzer found, or that it did not run at all, is never reported as a success, and what is kept stays as
it is. Method: scripts in the place of fuzzers, which say what libFuzzer says.
"""

import contextlib
import io
import os
import stat
import tempfile
import unittest

import run_targets

STATISTICS = """
echo '#2 INITED cov: 11 ft: 12 corp: 1/1b exec/s: 0 rss: 30Mb'
echo '#5000 DONE   cov: 37 ft: 90 corp: 9/99b lim: 99 exec/s: 2500 rss: 31Mb'
echo 'stat::number_of_executed_units: 5000'
echo 'stat::average_exec_per_sec:     2500'
echo 'stat::new_units_added:          8'
"""

CRASH = """
for argument; do
  case "$argument" in -artifact_prefix=*) printf 'lie' > "${argument#*=}crash-1" ;; esac
done
echo 'record_fuzz.cc:1: broken: truth' >&2
exit 77
"""


class RunTargetsTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        os.mkdir(os.path.join(self.folder, "tmp"))
        tempfile.tempdir = os.path.join(self.folder, "tmp")
        self.addCleanup(setattr, tempfile, "tempdir", None)

    def fuzzer(self, target, script):
        path = os.path.join(self.folder, target + "_fuzz")
        with open(path, "w", encoding="utf-8") as program:
            program.write("#!/bin/sh\n%s\n" % script)
        os.chmod(path, stat.S_IRWXU)
        os.makedirs(os.path.join(self.folder, "corpus", target))

    def run_all(self, *targets):
        """Returns the exit code and the lines."""
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            code = run_targets.main(["1", self.folder, os.path.join(self.folder, "corpus"), *targets])
        return code, output.getvalue().splitlines()

    def test_a_quiet_run_passes_in_numbers_and_leaves_nothing(self):
        self.fuzzer("record", STATISTICS)
        code, lines = self.run_all("record")
        self.assertEqual(lines[0], "passed  record: 5,000 executions, 2,500/s, 37 edges, 8 new inputs, 0 crashes")
        self.assertEqual(lines[-1], "1 passed, 0 failed")
        self.assertEqual(code, 0)
        self.assertEqual(os.listdir(os.path.join(self.folder, "tmp")), [])

    def test_an_input_that_ends_a_fuzzer_is_shown_and_kept(self):
        self.fuzzer("record", STATISTICS + CRASH)
        self.fuzzer("token", STATISTICS)
        code, lines = self.run_all("record", "token")
        self.assertEqual(lines[-1], "1 passed, 1 failed")
        self.assertEqual(code, 1)
        text = "\n".join(lines)
        self.assertIn("failed  record: 5,000 executions, 2,500/s, 37 edges, 8 new inputs, 1 crashes", text)
        self.assertIn("record_fuzz.cc:1: broken: truth", text)
        self.assertIn("hex: 6c6965", text)
        path = next(line.split()[0] for line in lines if line.endswith("(3 bytes)"))
        with open(path, "rb") as file:
            self.assertEqual(file.read(), b"lie")

    def test_new_inputs_do_not_go_to_those_that_are_kept(self):
        # libFuzzer writes into the first folder that it is given.
        self.fuzzer("record", STATISTICS + 'for last; do :; done; printf x > "$6/input" && [ "$last" != "$6" ]')
        corpus = os.path.join(self.folder, "corpus", "record")
        self.fuzzer("token", STATISTICS + 'case "$7" in %s/corpus/token) ;; *) exit 1 ;; esac' % self.folder)
        code, lines = self.run_all("record", "token")
        self.assertEqual((code, lines[-1]), (0, "2 passed, 0 failed"), lines)
        self.assertEqual(os.listdir(corpus), [])

    def test_a_fuzzer_that_did_nothing_has_failed(self):
        self.fuzzer("record", "exit 0")
        code, lines = self.run_all("record")
        self.assertEqual(lines[-1], "0 passed, 1 failed")
        self.assertEqual(code, 1)

    def test_no_target_is_no_success(self):
        self.assertEqual(self.run_all(), (1, ["0 passed, 0 failed"]))


if __name__ == "__main__":
    unittest.main()
