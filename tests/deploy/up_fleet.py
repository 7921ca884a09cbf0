"""A running deploy/up and what it has said, for its tests.

It runs in a checkout of its own: a folder with the real script and the real programs where a checkout has them. So what
it keeps lies there, and what it tells people to type can be typed there.
"""

import fcntl
import os
import pathlib
import pty
import re
import shutil
import signal
import socket
import subprocess
import termios
import time

DEADLINE_S = 60
# A range of its own, below the ports that the system hands out and above those that people use.
FIRST_PORT, LAST_PORT, PORTS_PER_FLEET = 20100, 20900, 10


def claim_ports():
    """Returns a port with enough free ones behind it, and a socket that keeps other tests from them until it is closed.

    It is bound to the last of them and does not listen. Ports at which another fleet is about to listen look free.
    """
    for base in range(FIRST_PORT, LAST_PORT, PORTS_PER_FLEET):
        claim = socket.socket()
        try:
            claim.bind(("127.0.0.1", base + PORTS_PER_FLEET - 1))
        except OSError:
            claim.close()
            continue
        if not any(is_listened_to(base + offset) for offset in range(PORTS_PER_FLEET)):
            return base, claim
        claim.close()
    raise RuntimeError("no %d free ports in a row" % PORTS_PER_FLEET)


def is_listened_to(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def alive(pid):
    """True while the process runs; one that has ended and is not yet collected does not."""
    try:
        return pathlib.Path("/proc/%d/stat" % pid).read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def make_checkout(folder):
    """Returns the path of a checkout in `folder` in which everything is built."""
    checkout = os.path.join(folder, "checkout")
    shutil.copytree("deploy", os.path.join(checkout, "deploy"))
    os.symlink(os.getcwd(), os.path.join(checkout, "bazel-bin"))
    return checkout


class Fleet:
    """deploy/up with its output in a file, as in a script."""

    def __init__(self, checkout, *arguments):
        self.checkout = checkout
        self.base_port, self._claim = claim_ports()
        command = ["deploy/up", "--no-install", "--no-build", "--base-port=%d" % self.base_port, *arguments]
        self.process = self._start(command)

    def _start(self, command):
        self._path = os.path.join(self.checkout, "output-%d" % time.monotonic_ns())
        with open(self._path, "wb") as output:
            return subprocess.Popen(
                command,
                cwd=self.checkout,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=self._environment(),
            )

    def _environment(self):
        temporary = os.path.join(self.checkout, "tmp")
        os.makedirs(temporary, exist_ok=True)
        return dict(os.environ, TMPDIR=temporary, PATH="/usr/bin:/bin:/usr/sbin:/sbin")

    def output(self):
        return pathlib.Path(self._path).read_text(encoding="utf-8")

    def wait_for(self, text):
        """Waits until the script has said it."""
        deadline = time.monotonic() + DEADLINE_S
        while text not in self.output():
            if time.monotonic() > deadline or self._has_ended() and text not in self.output():
                raise AssertionError("'%s' was not said, but:\n%s" % (text, self.output()))

    def _has_ended(self):
        """Also waits a little, and notices the end at once."""
        try:
            self.process.wait(timeout=0.05)
        except subprocess.TimeoutExpired:
            return False
        return True

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

    def child_pids(self):
        return [pid for pids in self.children().values() for pid in pids]

    def address(self, replica):
        return "127.0.0.1:%d" % (self.base_port + replica)

    def client_command(self, replica, *arguments):
        return ["bazel-bin/client/dunlin", "--server", self.address(replica), *arguments]

    def client(self, replica, *arguments):
        """Returns what the command line printed, whether or not it succeeded."""
        run = subprocess.run(
            self.client_command(replica, *arguments),
            cwd=self.checkout,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        return run.stdout.decode()

    def stop(self, number=signal.SIGTERM):
        """Returns the exit code."""
        self.process.send_signal(number)
        exit_code = self.process.wait(timeout=DEADLINE_S)
        self._claim.close()
        return exit_code

    def close(self):
        if self.process.poll() is None:
            self.stop()
        self._claim.close()


class TerminalFleet(Fleet):
    """deploy/up at a terminal of its own, as a person has it."""

    def _start(self, command):
        self._terminal, slave = pty.openpty()
        self._seen = b""
        process = subprocess.Popen(
            command,
            cwd=self.checkout,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=self._environment(),
            # A terminal sends its Ctrl-C to the session that it controls.
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(slave)
        os.set_blocking(self._terminal, False)
        return process

    def output(self):
        """What the terminal was told so far, with its control characters."""
        try:
            while chunk := os.read(self._terminal, 65536):
                self._seen += chunk
        except (BlockingIOError, OSError):
            pass  # Nothing more yet, or nobody left who could write.
        return self._seen.decode(errors="replace")

    def press(self, key):
        os.write(self._terminal, key)

    def close(self):
        super().close()
        os.close(self._terminal)
