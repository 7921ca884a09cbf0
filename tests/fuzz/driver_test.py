"""Goal: a run without a fuzzer finds what its inputs find, and says which input it was. Method: a target that is broken
on purpose (broken.cc), with inputs that meet its bug and inputs that do not.
"""

import os
import subprocess
import tempfile
import unittest


class DriverTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def keep(self, name, content):
        path = os.path.join(self.folder, name)
        with open(path, "wb") as file:
            file.write(content)
        return path

    def run_driver(self, *arguments, **environment):
        return subprocess.run(
            ["tests/fuzz/broken", *arguments],
            env={"PATH": "/usr/bin:/bin", **environment},
            capture_output=True,
            text=True,
            check=False,
        )

    def assert_found(self, run, name, content):
        self.assertNotIn(run.returncode, (0, 1, 2), run)
        self.assertIn("broken: ", run.stderr)
        self.assertIn("a lie was told", run.stderr)
        self.assertIn("The program ended on this input: %s\n%s\n" % (name, content.hex()), run.stderr)

    def test_inputs_that_hold_pass_and_are_counted(self):
        self.keep("one", b"true")
        self.keep("two", b"")
        run = self.run_driver("--mutations=10", self.folder)
        self.assertEqual(run.returncode, 0, run)
        self.assertIn("2 inputs and 10 mutations", run.stdout)

    def test_a_kept_input_that_breaks_a_property_is_shown(self):
        self.keep("one", b"true")
        path = self.keep("two", b"lies")
        self.assert_found(self.run_driver(self.folder), path, b"lies")
        self.assert_found(self.run_driver(path), path, b"lies")

    def test_a_mutation_that_breaks_a_property_is_found_and_found_again(self):
        self.keep("one", b"mie")
        run = self.run_driver("--mutations=20000", self.folder)
        self.assertIn("this input: mutation DUNLIN_SEED=", run.stderr, run)
        seed = run.stderr.partition("DUNLIN_SEED=")[2].split()[0]
        again = self.run_driver("--mutations=20000", self.folder, DUNLIN_SEED=seed)
        self.assertEqual(run.stderr, again.stderr)
        self.assertNotIn(again.returncode, (0, 1, 2), again)

    def test_inputs_that_reach_nothing_are_a_failure(self):
        self.keep("one", b"t")
        run = self.run_driver("--mutations=0", self.folder)
        self.assertEqual(run.returncode, 1, run)
        self.assertIn("NEVER: an input of more than two bytes was seen", run.stdout)

    def test_no_inputs_are_a_failure(self):
        self.assertEqual(self.run_driver(self.folder).returncode, 2)
        self.assertEqual(self.run_driver().returncode, 2)
        self.assertEqual(self.run_driver(os.path.join(self.folder, "absent")).returncode, 2)


if __name__ == "__main__":
    unittest.main()
