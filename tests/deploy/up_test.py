"""Goal: deploy/up brings a fleet up, tells what goes wrong, and leaves nothing behind.

Method: the real script with the real programs, on free ports. Installing and building are left out (--no-install,
--no-build): a test may do neither.
"""

import os
import pathlib
import re
import signal
import socket
import subprocess
import tempfile
import time
import unittest

DEADLINE_S = 60
PROGRAMS = os.getcwd()
# A range of its own, below the ports that the system hands out and above those that people use.
FIRST_PORT, LAST_PORT, PORTS_PER_FLEET = 20100, 20900, 10


def free_base_port():
    """Returns a port with enough free ones behind it."""
    for base in range(FIRST_PORT + os.getpid() % 70 * PORTS_PER_FLEET, LAST_PORT, PORTS_PER_FLEET):
        if all(is_free(base + offset) for offset in range(PORTS_PER_FLEET)):
            return base
    raise RuntimeError("no %d free ports in a row" % PORTS_PER_FLEET)


def is_free(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def alive(pid):
    """True while the process runs; one that has ended and is not yet collected does not."""
    try:
        return pathlib.Path("/proc/%d/stat" % pid).read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


class Fleet:
    """A running deploy/up and what it has said."""

    def __init__(self, scratch, *arguments):
        self.base_port = free_base_port()
        self._output = open(os.path.join(scratch, "output-%d" % time.monotonic_ns()), "w+", encoding="utf-8")
        self.process = subprocess.Popen(
            ["deploy/up", "--no-install", "--no-build", "--base-port=%d" % self.base_port, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            env=dict(os.environ, DUNLIN_PROGRAMS_DIR=PROGRAMS, TMPDIR=scratch, PATH="/usr/bin:/bin:/usr/sbin:/sbin"),
        )

    def output(self):
        return pathlib.Path(self._output.name).read_text(encoding="utf-8")

    def wait_for(self, text):
        """Waits until the script has said it."""
        deadline = time.monotonic() + DEADLINE_S
        with open(self._output.name, encoding="utf-8") as reader:
            said = ""
            while text not in said:
                if time.monotonic() > deadline or self.process.poll() is not None and text not in self.output():
                    raise AssertionError("'%s' was not said, but:\n%s" % (text, self.output()))
                said += reader.read()
                self._pause()

    def _pause(self):
        # Also notices the end of the script at once.
        try:
            self.process.wait(timeout=0.05)
        except subprocess.TimeoutExpired:
            pass

    def children(self):
        """Returns the process ids of what the script has started, by program."""
        found = {}
        for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
            try:
                program, fields = re.search(r"\((.*)\) . (\d+)", stat.read_text()).groups()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if int(fields) == self.process.pid and program in ("redis-server", "dunlind"):
                found.setdefault(program, []).append(int(stat.parent.name))
        return {program: sorted(pids) for program, pids in found.items()}

    def client(self, replica, *arguments):
        server = "127.0.0.1:%d" % (self.base_port + replica)
        command = [os.path.join(PROGRAMS, "client/dunlin"), "--server", server, *arguments]
        return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False).stdout.decode()

    def stop(self, number=signal.SIGTERM):
        """Returns the exit code."""
        self.process.send_signal(number)
        return self.process.wait(timeout=DEADLINE_S)

    def close(self):
        if self.process.poll() is None:
            self.stop()
        self._output.close()


class UpTest(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="up")
        self.addCleanup(scratch.cleanup)
        self.scratch = scratch.name

    def start(self, *arguments):
        fleet = Fleet(self.scratch, *arguments)
        self.addCleanup(fleet.close)
        return fleet

    def started(self, *arguments):
        fleet = self.start(*arguments)
        fleet.wait_for("serving, entries")
        return fleet

    def test_three_replicas_turn_as_one_and_leave_nothing_behind(self):
        fleet = self.started()
        children = fleet.children()
        self.assertEqual({program: len(pids) for program, pids in children.items()}, {"redis-server": 1, "dunlind": 3})
        watch = subprocess.Popen(
            [
                os.path.join(PROGRAMS, "client/dunlin"),
                "--server",
                "127.0.0.1:%d" % (fleet.base_port + 3),
                "watch",
                "--initial-state",
            ],
            stdout=subprocess.PIPE,
        )
        self.addCleanup(watch.stdout.close)
        self.addCleanup(watch.wait)
        self.addCleanup(watch.kill)
        # Only a watch that has its initial state is sure to see the write as an event.
        self.assertEqual(watch.stdout.readline(), b"SYNCED\n")
        fleet.client(1, "put", "greeting", "hello")
        self.assertEqual(watch.stdout.readline(), b"PUT\tgreeting\thello\n")
        self.assertEqual(fleet.client(3, "get", "greeting").strip(), "hello")
        watch.kill()
        self.assertEqual(fleet.stop(), 0, fleet.output())
        self.assertFalse([pid for pids in children.values() for pid in pids if alive(pid)])
        self.assertFalse(list(pathlib.Path(self.scratch).glob("dunlin.*")))

    def test_a_second_start_over_kept_data_goes_on(self):
        data = os.path.join(self.scratch, "kept")
        fleet = self.started("--data-dir", data, "--replicas=1")
        fleet.client(1, "put", "greeting", "hello")
        self.assertEqual(fleet.stop(), 0, fleet.output())
        fleet = self.started("--data-dir", data, "--replicas=1")
        self.assertEqual(fleet.client(1, "get", "greeting").strip(), "hello")

    def test_a_replica_that_dies_is_reported_and_the_rest_goes_on(self):
        fleet = self.started("--replicas=2")
        victim, survivor = fleet.children()["dunlind"]
        os.kill(victim, signal.SIGKILL)
        fleet.wait_for("(process %d) ended with exit status 137. The end of" % victim)
        self.assertTrue(alive(survivor))
        self.assertEqual(fleet.stop(), 0, fleet.output())
        self.assertFalse(alive(survivor))

    def test_a_killed_script_takes_its_processes_with_it(self):
        fleet = self.started("--replicas=1")
        pids = [pid for pids in fleet.children().values() for pid in pids]
        fleet.stop(signal.SIGKILL)
        deadline = time.monotonic() + DEADLINE_S
        while any(alive(pid) for pid in pids):
            self.assertLess(time.monotonic(), deadline, "processes outlived the script")

    def test_hang_up_and_interrupt_stop_it(self):
        for number in (signal.SIGHUP, signal.SIGINT):
            fleet = self.started("--replicas=1")
            pids = [pid for pids in fleet.children().values() for pid in pids]
            self.assertEqual(fleet.stop(number), 0, fleet.output())
            self.assertFalse([pid for pid in pids if alive(pid)])

    def test_a_port_in_use_is_named(self):
        fleet = self.started("--replicas=1")
        taken = fleet.base_port + 1
        second = self.start("--replicas=1", "--base-port=%d" % taken)
        self.assertEqual(second.process.wait(timeout=DEADLINE_S), 2)
        self.assertIn("port %d of 127.0.0.1 is in use" % taken, second.output())

    def test_a_data_folder_in_use_is_refused(self):
        data = os.path.join(self.scratch, "kept")
        self.started("--data-dir", data, "--replicas=1")
        second = self.start("--data-dir", data, "--replicas=1")
        self.assertEqual(second.process.wait(timeout=DEADLINE_S), 2)
        self.assertIn("in use by another deploy/up", second.output())

    def test_a_replica_that_cannot_start_is_quoted_and_the_rest_stopped(self):
        data = os.path.join(self.scratch, "spoilt")
        os.makedirs(data)
        pathlib.Path(data, "replica-2").write_text("not a folder")
        fleet = self.start("--data-dir", data, "--replicas=2")
        self.assertEqual(fleet.process.wait(timeout=DEADLINE_S), 1)
        self.assertIn("replica-2 did not start", fleet.output())
        self.assertIn("  | ", fleet.output())
        self.assertIn("Stopped.", fleet.output())

    def test_bad_options_are_named(self):
        for argument, message in (
            ("--replicas=0", "--replicas needs a number from 1 to 32"),
            ("--replicas=many", "not 'many'"),
            ("--base-port=70000", "--base-port needs a number from 1 to 65535"),
            ("--base-port=65534", "leaves no room"),
            ("--data-dir=", "--data-dir needs a folder"),
            ("--verbose", "unknown argument '--verbose'"),
        ):
            fleet = self.start(argument)
            self.assertEqual(fleet.process.wait(timeout=DEADLINE_S), 2, argument)
            self.assertIn(message, fleet.output())


if __name__ == "__main__":
    unittest.main()
