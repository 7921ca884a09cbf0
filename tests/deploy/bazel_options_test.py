"""Goal: the scripts give Bazel its options whatever is installed, and say so when they cannot.

Method: the real functions in a shell of their own, with a stand-in for dpkg-query.
"""

import os
import stat
import subprocess
import tempfile
import unittest

SCRIPT = """
set -euo pipefail
. deploy/lib/messages.sh
. deploy/lib/packages.sh
. deploy/lib/bazel.sh
read_bazel_options options
printf '%s\\n' "${options[@]}"
"""


class BazelOptionsTest(unittest.TestCase):
    def options(self, dpkg_query):
        """Returns what the scripts would give to Bazel if dpkg-query were the shell command `dpkg_query`."""
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "dpkg-query")
            with open(path, "w", encoding="utf-8") as program:
                program.write("#!/bin/sh\n%s\n" % dpkg_query)
            os.chmod(path, stat.S_IRWXU)
            run = subprocess.run(
                ["bash", "-c", SCRIPT],
                env={"PATH": folder + ":/usr/bin:/bin", "HOME": "/nowhere"},
                capture_output=True,
                text=True,
                check=True,
            )
        return run.stdout.splitlines()

    def test_packages_that_are_not_installed_do_not_matter(self):
        some = self.options("echo g++ 12; echo no packages found matching shellcheck >&2; exit 1")
        self.assertEqual(some, self.options("echo g++ 12"))
        self.assertTrue([option for option in some if option.startswith("--disk_cache=")], some)

    def test_another_version_of_a_library_is_another_cache(self):
        self.assertNotEqual(self.options("echo libgrpc++-dev 1"), self.options("echo libgrpc++-dev 2"))


if __name__ == "__main__":
    unittest.main()
