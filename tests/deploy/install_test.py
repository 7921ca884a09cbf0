"""Goal: the scripts install exactly the Debian packages that are missing, and whoever may not install is told what to
have installed.

Method: the real functions of deploy/lib in a shell of their own. Stand-ins answer for dpkg-query, sudo and the script
that calls apt, and write down how they were called: nothing is installed.
"""

import os
import pathlib
import shutil
import stat
import subprocess
import tempfile
import unittest

# Debian's states of a package: only the first one is there to be used.
STATES = {"here": "installed", "removed": "config-files", "broken": "half-configured", "halfway": "unpacked"}

DPKG_QUERY = """
for package; do :; done
case "$package" in
%s
  *) echo "dpkg-query: no packages found matching $package" >&2; exit 1 ;;
esac
""" % "\n".join("  %s) printf %s ;;" % state for state in STATES.items())

SCRIPT = """
set -euo pipefail
. lib/messages.sh
. lib/packages.sh
"""


class InstallTest(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="install")
        self.addCleanup(scratch.cleanup)
        self.scratch = pathlib.Path(scratch.name)
        # Somebody without rights has to be able to read it.
        self.scratch.chmod(0o755)
        shutil.copytree("deploy/lib", self.scratch / "lib")
        self.calls = self.scratch / "calls"
        self.programs = self.scratch / "programs"
        self.programs.mkdir()
        self.stand_in(self.programs / "dpkg-query", DPKG_QUERY)
        self.stand_in(self.scratch / "lib/apt_install.sh", 'echo "apt $*" >>"%s"' % self.calls)

    def stand_in(self, path, text):
        path.write_text("#!/bin/sh\n%s\n" % text, encoding="utf-8")
        path.chmod(stat.S_IRWXU | stat.S_IROTH | stat.S_IXOTH | stat.S_IRGRP | stat.S_IXGRP)

    def run_script(self, script, prefix=(), system_programs="/usr/bin:/bin"):
        return subprocess.run(
            [*prefix, "/bin/bash", "-c", SCRIPT + script],
            cwd=self.scratch,
            env={"PATH": "%s:%s" % (self.programs, system_programs)},
            capture_output=True,
            text=True,
        )

    def called(self):
        return self.calls.read_text(encoding="utf-8").splitlines() if self.calls.exists() else []

    def as_nobody(self):
        """Returns what to put before a command so that it does not run as root, or skips the test."""
        if os.geteuid() != 0:
            return ()
        # In a namespace of its own, where root is nobody: it needs no second user id to change to.
        prefix = (shutil.which("unshare"), "--user")
        if subprocess.run([*prefix, "true"], capture_output=True).returncode != 0:
            self.skipTest("this test runs as root, and may not make a user namespace to be somebody else in")
        return prefix

    def test_missing_is_what_is_not_wholly_installed(self):
        run = self.run_script("missing_packages here removed never broken here halfway")
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertEqual(run.stdout.split(), ["removed", "never", "broken", "halfway"])

    def test_nothing_missing_installs_nothing_and_says_nothing(self):
        run = self.run_script("install_packages here here")
        self.assertEqual((run.returncode, run.stdout, run.stderr), (0, "", ""))
        self.assertEqual(self.called(), [])

    def test_root_installs_what_is_missing_and_says_so(self):
        if os.geteuid() != 0:
            self.skipTest("this test runs as somebody else than root")
        run = self.run_script("install_packages here never removed")
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertEqual(run.stdout, "Installing 2 Debian packages: never removed\n")
        self.assertEqual(self.called(), ["apt never removed"])

    def test_others_install_by_sudo(self):
        self.stand_in(self.programs / "sudo", 'echo "sudo $*" >>"%s"' % self.calls)
        # Written to by nobody, too.
        self.calls.touch()
        self.calls.chmod(0o666)
        run = self.run_script("install_packages here never", prefix=self.as_nobody())
        self.assertEqual(run.returncode, 0, run.stderr)
        self.assertEqual(self.called(), ["sudo bash lib/apt_install.sh never"])

    def test_others_without_sudo_are_told_what_to_have_installed(self):
        # Without the system's folders there is no sudo, whatever this machine has.
        for program in ("bash", "cat", "sed"):
            (self.programs / program).symlink_to(shutil.which(program))
        run = self.run_script("install_packages here never removed", self.as_nobody(), system_programs="/nowhere")
        self.assertEqual(run.returncode, 2, run.stderr)
        self.assertIn("needs root or sudo", run.stderr)
        self.assertIn("apt-get install --no-install-recommends never removed\n", run.stderr)
        self.assertEqual(self.called(), [])

    def test_an_installation_that_fails_ends_the_script_with_a_remedy(self):
        self.stand_in(self.scratch / "lib/apt_install.sh", "exit 100")
        self.stand_in(self.programs / "sudo", "exit 100")
        run = self.run_script("install_packages never; echo went on")
        self.assertEqual(run.returncode, 1, run.stderr)
        self.assertIn("could not be installed", run.stderr)
        self.assertIn("run this again", run.stderr)
        self.assertNotIn("went on", run.stdout)

    def test_another_system_than_debian_12_is_named(self):
        fake = 'os_release_field() { case "$1" in ID) printf ubuntu ;; VERSION_ID) printf 24.04 ;; esac; }\n'
        run = self.run_script(fake + "install_packages never")
        self.assertEqual(run.returncode, 2, run.stderr)
        self.assertIn("this is ubuntu 24.04, not Debian 12", run.stderr)
        self.assertIn("deploy/Dockerfile", run.stderr)
        self.assertEqual(self.called(), [])

    def run_up(self, *arguments):
        """Runs the real deploy/up, which finds nothing built and so goes no further than its installation."""
        shutil.copytree(self.scratch / "lib", self.scratch / "deploy/lib")
        shutil.copy("deploy/up", self.scratch / "deploy/up")
        run = self.run_script("exec deploy/up --no-build --base-port=20990 " + " ".join(arguments))
        self.assertEqual(run.returncode, 2, run.stderr)
        self.assertIn("server/dunlind is not there", run.stderr)

    def test_up_installs_what_a_build_needs(self):
        if os.geteuid() != 0:
            self.skipTest("this test runs as somebody else than root")
        self.run_up()
        self.assertEqual(len(self.called()), 1)
        packages = self.called()[0].split()[1:]
        self.assertEqual(packages, self.run_script('printf "%s\\n" "${BUILD_PACKAGES[@]}"').stdout.split())
        # To clone, to build and to relay.
        self.assertLessEqual({"git", "bazel-bootstrap", "g++", "libgrpc++-dev", "redis-server"}, set(packages))

    def test_up_installs_nothing_when_told_so(self):
        self.run_up("--no-install")
        self.assertEqual(self.called(), [])


if __name__ == "__main__":
    unittest.main()
