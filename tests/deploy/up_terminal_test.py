"""Goal: deploy/up does for a person what it says: its addresses answer, its commands run, its status line is true, its
options hold, and Ctrl-C stops what it started and nothing else.

Method: the real script with the real programs, at a pseudo-terminal where that matters.
"""

import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

import up_fleet

GRPCURL = os.environ.get("GRPCURL") or shutil.which("grpcurl")
CLEAR_LINE = "\r\x1b[K"


class UpTerminalTest(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="up")
        self.addCleanup(scratch.cleanup)
        self.checkout = up_fleet.make_checkout(scratch.name)

    def started(self, *arguments, fleet_class=up_fleet.Fleet):
        fleet = fleet_class(self.checkout, *arguments)
        self.addCleanup(fleet.close)
        fleet.wait_for("serving, entries")
        return fleet

    def run_at_prompt(self, command):
        """Runs a command as a person would who stands in the checkout."""
        run = subprocess.run(
            command,
            shell=True,
            cwd=self.checkout,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=up_fleet.DEADLINE_S,
        )
        self.assertEqual(run.returncode, 0, "%s\n%s" % (command, run.stdout))
        return run.stdout

    def printed_commands(self, fleet, program):
        return [line.strip() for line in fleet.output().splitlines() if line.strip().startswith(program + " ")]

    def test_the_printed_addresses_are_those_that_answer(self):
        fleet = self.started()
        printed = dict(re.findall(r"^  (replica-\d+|Redis) +(127\.0\.0\.1:\d+)$", fleet.output(), re.MULTILINE))
        expected = {"replica-%d" % number: fleet.address(number) for number in (1, 2, 3)}
        self.assertEqual(printed, dict(expected, Redis=fleet.address(0)))
        for name, address in expected.items():
            command = ["bazel-bin/client/dunlin", "--server", address, "--output", "json", "status"]
            status = json.loads(subprocess.check_output(command, cwd=self.checkout))
            self.assertEqual(status["replica_id"], name)
            self.assertTrue(status["serving"])
        host, port = printed["Redis"].split(":")
        self.assertEqual(subprocess.check_output(["redis-cli", "-h", host, "-p", port, "ping"]), b"PONG\n")

    def test_the_three_printed_commands_run(self):
        fleet = self.started()
        watch, put, get = self.printed_commands(fleet, "bazel-bin/client/dunlin")
        self.assertIn(fleet.address(3) + " watch", watch)
        self.assertIn(fleet.address(1) + " put", put)
        self.assertIn(fleet.address(3) + " get", get)
        watcher = subprocess.Popen(["sh", "-c", "exec " + watch], cwd=self.checkout, stdout=subprocess.PIPE)
        self.addCleanup(watcher.stdout.close)
        self.addCleanup(watcher.wait)
        self.addCleanup(watcher.kill)
        self.assertEqual(watcher.stdout.readline(), b"SYNCED\n")
        self.run_at_prompt(put)
        self.assertEqual(watcher.stdout.readline(), b"PUT\tgreeting\thello\n")
        self.assertEqual(self.run_at_prompt(get).strip(), "hello")

    @unittest.skipUnless(GRPCURL, "grpcurl is not on PATH and GRPCURL is not set")
    def test_the_printed_grpcurl_commands_run(self):
        fleet = self.started()
        put, get = self.printed_commands(fleet, "grpcurl")
        self.assertIn(fleet.address(1), put)
        self.assertIn(fleet.address(3), get)
        self.assertIn("version", json.loads(self.run_at_prompt(put.replace("grpcurl", GRPCURL, 1))))
        # It is on its way to the other replica, which the watch of the printed commands would show.
        self.wait_for_value(fleet, 3, "greeting", "hello")
        entry = json.loads(self.run_at_prompt(get.replace("grpcurl", GRPCURL, 1)))["entry"]
        self.assertEqual(entry["text"], "hello")

    def wait_for_value(self, fleet, replica, key, value):
        command = fleet.client_command(replica, "watch", key, "--initial-state", "--count", "1")
        seen = subprocess.check_output(command, cwd=self.checkout, timeout=up_fleet.DEADLINE_S, text=True)
        self.assertIn("PUT\t%s\t%s\n" % (key, value), seen)

    def test_the_status_line_of_a_terminal_is_one_line_and_true(self):
        fleet = self.started(fleet_class=up_fleet.TerminalFleet)
        fleet.wait_for(CLEAR_LINE + "3 of 3 serving, entries 0/0/0, in agreement  [Ctrl-C stops]")
        fleet.client(2, "put", "greeting", "hello")
        fleet.wait_for(CLEAR_LINE + "3 of 3 serving, entries 1/1/1, in agreement  [Ctrl-C stops]")
        shown = fleet.output()
        self.assertNotIn("\n", shown[shown.index(CLEAR_LINE) :], "the line is rewritten, not repeated")

    def test_the_status_line_of_a_log_is_a_line_with_its_time(self):
        fleet = self.started("--replicas=2")
        fleet.wait_for("2 of 2 serving, entries 0/0, in agreement\n")
        self.assertRegex(fleet.output(), r"\n\d\d:\d\d:\d\d 2 of 2 serving, entries 0/0, in agreement\n")
        self.assertNotIn("\x1b", fleet.output())

    def start_strangers(self):
        """Starts what is called like the fleet's programs and is not the fleet's."""
        commands = [
            ["redis-server", "--port", "0", "--unixsocket", os.path.join(self.checkout, "stranger.sock")],
            ["bazel-bin/server/dunlind", "--data-dir", "stranger", "--listen", "127.0.0.1:0"],
        ]
        strangers = []
        for command in commands:
            stranger = subprocess.Popen(command, cwd=self.checkout, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
            self.addCleanup(stranger.wait)
            self.addCleanup(stranger.kill)
            strangers.append(stranger)
        return strangers

    def test_ctrl_c_stops_exactly_what_was_started(self):
        strangers = self.start_strangers()
        fleet = self.started(fleet_class=up_fleet.TerminalFleet)
        children = fleet.children()
        self.assertEqual({program: len(pids) for program, pids in children.items()}, {"redis-server": 1, "dunlind": 3})
        fleet.press(b"\x03")
        fleet.wait_for("Stopped.")
        self.assertEqual(fleet.process.wait(timeout=up_fleet.DEADLINE_S), 0, fleet.output())
        self.assertIn("Stopping 4 processes", fleet.output())
        self.assertFalse([pid for pids in children.values() for pid in pids if up_fleet.alive(pid)])
        for port in range(fleet.base_port, fleet.base_port + 4):
            self.assertFalse(up_fleet.is_listened_to(port), port)
        for stranger in strangers:
            self.assertIsNone(stranger.poll(), "a process of somebody else was stopped")

    def test_keep_goes_on_with_the_data_and_without_it_they_are_gone(self):
        kept = pathlib.Path(self.checkout, ".dunlin")
        fleet = self.started("--keep", "--replicas=2")
        self.assertIn("Data and logs: %s\n" % kept, fleet.output())
        fleet.client(1, "put", "greeting", "hello")
        self.assertEqual(fleet.stop(), 0, fleet.output())
        self.assertTrue((kept / "replica-2").is_dir())
        fleet = self.started("--keep", "--replicas=2")
        self.assertEqual(fleet.client(2, "get", "greeting").strip(), "hello")
        self.assertEqual(fleet.stop(), 0, fleet.output())

        fleet = self.started("--replicas=2")
        folder = re.search(r"^The fleet is up\. Data and logs: (\S+) \(removed at the end\)$", fleet.output(), re.M)[1]
        self.assertIn('key "greeting" does not exist', fleet.client(2, "get", "greeting"))
        fleet.client(1, "put", "greeting", "not kept")
        self.assertEqual(fleet.stop(), 0, fleet.output())
        self.assertFalse(os.path.exists(folder))
        fleet = self.started("--replicas=1")
        self.assertIn('key "greeting" does not exist', fleet.client(1, "get", "greeting"))

    def test_replicas_and_base_port_are_those_asked_for(self):
        for count in (1, 5):
            fleet = self.started("--replicas", str(count))
            self.assertEqual(len(fleet.children()["dunlind"]), count)
            self.assertEqual(len(re.findall(r"^  replica-\d+  127", fleet.output(), re.MULTILINE)), count)
            self.assertIn("%d of %d serving" % (count, count), fleet.output())
            for offset in range(up_fleet.PORTS_PER_FLEET):
                self.assertEqual(up_fleet.is_listened_to(fleet.base_port + offset), offset <= count, offset)
            last = fleet.client(count, "--output", "json", "status")
            self.assertEqual(json.loads(last)["replica_id"], "replica-%d" % count)
            self.assertEqual(fleet.stop(), 0, fleet.output())


if __name__ == "__main__":
    unittest.main()
