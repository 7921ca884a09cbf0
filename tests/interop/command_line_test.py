"""Goal: `dunlin` does with real replicas what it promises to people and scripts: answers, exit codes, Ctrl-C, a prompt.

Method: the built program as a process of its own, at a pipe and at a pseudo-terminal, against two replicas.
"""

import json
import os
import pty
import select
import signal
import subprocess
import tempfile
import time
import unittest

import fleet as fleets

DUNLIN = "client/dunlin"

# For a program built with AddressSanitizer: what it is to know of libedit. Only its slow way to read the stack finds
# the name of a library that was built without frame pointers.
SANITIZER_OPTIONS = {
    "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":fast_unwind_on_malloc=0",
    "LSAN_OPTIONS": "print_suppressions=0:suppressions=" + os.path.abspath("tests/interop/known_leaks.txt"),
}


class CommandLineTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.fleet = fleets.Fleet(replicas=2)
        cls.addClassCleanup(cls.fleet.close)

    def command(self, *arguments, replica=0):
        return [DUNLIN, "--server", self.fleet.addresses[replica], "--timeout", "1m", *arguments]

    def run_dunlin(self, *arguments, replica=0, stdin=b""):
        return subprocess.run(
            self.command(*arguments, replica=replica),
            input=stdin,
            capture_output=True,
            timeout=2 * fleets.PATIENCE_SECONDS,
        )

    def read_json(self, *arguments, replica=0):
        run = self.run_dunlin("--output", "json", *arguments, replica=replica)
        self.assertEqual(run.returncode, 0, run.stderr)
        return json.loads(run.stdout)

    def test_a_value_put_on_one_replica_is_read_on_the_other(self):
        value = bytes(range(256))
        self.assertEqual(self.run_dunlin("put", "binary", "-", stdin=value).returncode, 0)

        def read():
            run = self.run_dunlin("get", "binary", replica=1)
            return run.returncode == 0 and run.stdout

        self.assertEqual(fleets.wait_until(read, "the value on the other replica"), value)

    def test_scripts_can_tell_failures_apart(self):
        version = self.read_json("put", "k", "v")["version"]
        cases = [
            (3, ["get", "absent"]),
            (4, ["put", "k", "w", "--if-absent"]),
            (4, ["put", "absent", "v", "--if-version", version]),
            (2, ["get", ""]),
            (2, ["get", "k" * 481]),
            (2, ["put", "k", "v", "--ttl", "-5s"]),
            (2, ["get"]),
            (0, ["put", "k", "w", "--if-version", version]),
            (0, ["delete", "absent"]),
        ]
        for code, arguments in cases:
            with self.subTest(arguments=arguments):
                run = self.run_dunlin(*arguments)
                self.assertEqual(run.returncode, code, run.stderr)
                self.assertEqual(len(run.stderr.splitlines()), 0 if code == 0 else 1, run.stderr)

    def test_a_replica_that_is_not_there_is_five(self):
        with tempfile.TemporaryDirectory() as directory:
            run = subprocess.run([DUNLIN, "--server", "unix:%s/nobody" % directory, "status"], capture_output=True)
        self.assertEqual(run.returncode, 5, run.stderr)

    def test_status_is_for_people_and_programs(self):
        self.assertIn(b"sync state           live\n", self.run_dunlin("status").stdout)
        status = self.read_json("status")
        self.assertEqual(status["replica_id"], "r1")
        self.assertIs(status["serving"], True)
        self.assertEqual(status["sync_state"], "live")
        self.assertEqual(len(status["digest"]), 32)

    def test_a_version_names_the_store_that_status_names(self):
        version = self.read_json("put", "origin", "v")["version"]
        self.assertEqual(version.partition("-")[2], self.read_json("status")["store_id"])

    def start_watch(self, *arguments, replica=0):
        process = subprocess.Popen(
            self.command("watch", *arguments, replica=replica), stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def test_watch_prints_each_change_at_once_and_ends_cleanly_on_ctrl_c(self):
        watch = self.start_watch("--prefix", "w/", "--initial-state", replica=1)
        self.assertEqual(watch.stdout.readline(), b"SYNCED\n")
        self.run_dunlin("put", "w/1", "a\tb")
        self.assertEqual(watch.stdout.readline(), b"PUT\tw/1\ta\\tb\n")
        self.run_dunlin("delete", "w/1")
        self.assertEqual(watch.stdout.readline(), b"DELETE\tw/1\n")
        watch.send_signal(signal.SIGINT)
        self.assertEqual(watch.wait(timeout=fleets.PATIENCE_SECONDS), 0)
        self.assertEqual(watch.stderr.read(), b"")

    def test_watch_goes_on_where_a_token_says(self):
        token = self.read_json("put", "resume/1", "v")["token"]
        self.run_dunlin("put", "resume/2", "v")
        event = self.read_json("watch", "--prefix", "resume/", "--resume", token, "--count", "1")
        self.assertEqual(event["key"], "resume/2")

    def test_list_prints_more_than_a_page(self):
        script = "".join("PUT many/%04d v\n" % i for i in range(1200))
        self.assertEqual(self.run_dunlin("shell", stdin=script.encode()).returncode, 0)
        listed = self.run_dunlin("list", "many/", "--keys-only").stdout.decode().split()
        self.assertEqual(listed, ["many/%04d" % i for i in range(1200)])

    def test_a_full_disk_behind_standard_output_is_an_error(self):
        self.run_dunlin("put", "k", "v")
        with open("/dev/full", "wb") as full:
            run = subprocess.run(self.command("get", "k"), stdout=full, stderr=subprocess.PIPE)
        self.assertEqual(run.returncode, 1)
        self.assertIn(b"standard output", run.stderr)


class Terminal:
    """A pseudo-terminal with a program in it."""

    def __init__(self, command, environment):
        self._fd, program_side = pty.openpty()
        # setsid makes the terminal the program's own, so that Ctrl-C becomes its signal. It is not done by a function
        # between fork and exec, because gRPC's threads in this process may hold locks there.
        self._process = subprocess.Popen(
            ["setsid", "--ctty", *command],
            stdin=program_side,
            stdout=program_side,
            stderr=program_side,
            env=dict(os.environ, TERM="xterm", **SANITIZER_OPTIONS, **environment),
        )
        os.close(program_side)
        self._seen = b""

    def close(self):
        self._process.kill()
        self._process.wait()
        os.close(self._fd)

    def type(self, keys):
        os.write(self._fd, keys)

    def _read(self, deadline):
        """Returns what the program wrote next; nothing once it has ended."""
        ready, _, _ = select.select([self._fd], [], [], max(0, deadline - time.monotonic()))
        if not ready:
            raise TimeoutError("the terminal stayed silent after %r" % self._seen)
        try:
            return os.read(self._fd, 4096)
        except OSError:
            return b""  # The other side is closed: Linux says so with EIO.

    def expect(self, text):
        """Reads until `text` has appeared since the last expect()."""
        deadline = time.monotonic() + fleets.PATIENCE_SECONDS
        while text not in self._seen:
            chunk = self._read(deadline)
            if not chunk:
                raise EOFError("the program ended without %r, after %r" % (text, self._seen))
            self._seen += chunk
        self._seen = self._seen.partition(text)[2]

    def wait(self):
        """Reads to the end and returns the exit code, and what was read."""
        deadline = time.monotonic() + fleets.PATIENCE_SECONDS
        while chunk := self._read(deadline):
            self._seen += chunk
        return self._process.wait(timeout=fleets.PATIENCE_SECONDS), self._seen


class TerminalTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.fleet = fleets.Fleet(replicas=1)
        cls.addClassCleanup(cls.fleet.close)

    def setUp(self):
        state = tempfile.TemporaryDirectory(prefix="dunlin-state-")
        self.addCleanup(state.cleanup)
        self.state = state.name

    def open_shell(self):
        address = self.fleet.addresses[0]
        shell = Terminal([DUNLIN, "--server", address, "shell"], {"XDG_STATE_HOME": self.state, "HOME": self.state})
        self.addCleanup(shell.close)
        self.prompt = ("dunlin %s> " % address).encode()
        shell.expect(self.prompt)
        return shell

    def ask(self, shell, line, answer):
        """Types a line at the prompt, and waits for the answer and the next prompt."""
        shell.type(line + b"\r")
        shell.expect(answer)
        # What is typed before it would be the terminal's to handle, not the shell's.
        shell.expect(self.prompt)

    def leave(self, shell, keys):
        shell.type(keys)
        exit_code, last_words = shell.wait()
        self.assertEqual(exit_code, 0, last_words)

    def test_commands_are_answered_at_the_prompt(self):
        shell = self.open_shell()
        self.ask(shell, b'PUT k "two words"', b"revision=")
        self.ask(shell, b"GET k", b"\ntwo words")
        self.ask(shell, b"GET absent", b"dunlin: ")
        self.leave(shell, b"QUIT\r")

    def test_ctrl_c_forgets_the_line_and_ctrl_d_leaves(self):
        shell = self.open_shell()
        shell.type(b"PUT forgotten ")
        shell.expect(b"PUT forgotten ")
        shell.type(b"\x03")
        shell.expect(self.prompt)
        self.ask(shell, b"HELP", b"STATUS")
        self.leave(shell, b"\x04")

    def test_ctrl_c_ends_a_watch_but_not_the_shell(self):
        shell = self.open_shell()
        self.ask(shell, b"PUT watched v", b"revision=")
        shell.type(b"WATCH watched\r")
        shell.expect(b"SYNCED")
        shell.type(b"\x03")
        shell.expect(self.prompt)
        self.ask(shell, b"GET watched", b"\nv")
        self.leave(shell, b"QUIT\r")

    def test_the_history_outlives_the_shell_and_is_the_users_alone(self):
        shell = self.open_shell()
        self.ask(shell, b"PUT remembered v", b"revision=")
        self.leave(shell, b"QUIT\r")
        history = os.path.join(self.state, "dunlin", "history")
        with open(history, encoding="utf-8") as file:
            self.assertIn("remembered", file.read())
        self.assertEqual(os.stat(history).st_mode & 0o077, 0)
        self.assertEqual(os.stat(os.path.dirname(history)).st_mode & 0o077, 0)
        shell = self.open_shell()
        shell.type(b"\x1b[A\x1b[A")  # Twice up: past QUIT.
        shell.expect(b"PUT remembered v")
        self.ask(shell, b"", b"revision=")
        self.leave(shell, b"QUIT\r")


if __name__ == "__main__":
    unittest.main()
