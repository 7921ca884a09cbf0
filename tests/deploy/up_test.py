"""Goal: deploy/up brings a fleet up, tells what goes wrong, and leaves nothing behind.

Method: the real script with the real programs, on free ports. Installing and building are left out (--no-install,
--no-build): a test may do neither. (What it says to a person is in up_terminal_test.py; what it would install, in
install_test.py; all of it on a bare machine is tried by tests/deploy/bare_machine.)
"""

import os
import pathlib
import signal
import subprocess
import tempfile
import time
import unittest

import up_fleet


class UpTest(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="up")
        self.addCleanup(scratch.cleanup)
        self.scratch = scratch.name
        self.checkout = up_fleet.make_checkout(self.scratch)

    def start(self, *arguments):
        fleet = up_fleet.Fleet(self.checkout, *arguments)
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
            fleet.client_command(2, "watch", "--initial-state"), cwd=self.checkout, stdout=subprocess.PIPE
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
        self.assertFalse([pid for pids in children.values() for pid in pids if up_fleet.alive(pid)])
        self.assertFalse(list(pathlib.Path(self.checkout, "tmp").glob("dunlin.*")))

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
        self.assertTrue(up_fleet.alive(survivor))
        self.assertEqual(fleet.stop(), 0, fleet.output())
        self.assertFalse(up_fleet.alive(survivor))

    def test_a_killed_script_takes_its_processes_with_it(self):
        fleet = self.started("--replicas=1")
        pids = fleet.child_pids()
        fleet.stop(signal.SIGKILL)
        deadline = time.monotonic() + up_fleet.DEADLINE_S
        while any(up_fleet.alive(pid) for pid in pids):
            self.assertLess(time.monotonic(), deadline, "processes outlived the script")

    def test_hang_up_and_interrupt_stop_it(self):
        for number in (signal.SIGHUP, signal.SIGINT):
            fleet = self.started("--replicas=1")
            pids = fleet.child_pids()
            self.assertEqual(fleet.stop(number), 0, fleet.output())
            self.assertFalse([pid for pid in pids if up_fleet.alive(pid)])

    def test_a_port_in_use_is_named(self):
        fleet = self.started("--replicas=1")
        taken = fleet.base_port + 1
        second = self.start("--replicas=1", "--base-port=%d" % taken)
        self.assertEqual(second.process.wait(timeout=up_fleet.DEADLINE_S), 2)
        self.assertIn("port %d of 127.0.0.1 is in use" % taken, second.output())

    def test_a_data_folder_in_use_is_refused(self):
        data = os.path.join(self.scratch, "kept")
        self.started("--data-dir", data, "--replicas=1")
        second = self.start("--data-dir", data, "--replicas=1")
        self.assertEqual(second.process.wait(timeout=up_fleet.DEADLINE_S), 2)
        self.assertIn("in use by another deploy/up", second.output())

    def test_a_replica_that_cannot_start_is_quoted_and_the_rest_stopped(self):
        data = os.path.join(self.scratch, "spoilt")
        os.makedirs(data)
        pathlib.Path(data, "replica-2").write_text("not a folder")
        fleet = self.start("--data-dir", data, "--replicas=2")
        self.assertEqual(fleet.process.wait(timeout=up_fleet.DEADLINE_S), 1)
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
            self.assertEqual(fleet.process.wait(timeout=up_fleet.DEADLINE_S), 2, argument)
            self.assertIn(message, fleet.output())


if __name__ == "__main__":
    unittest.main()
