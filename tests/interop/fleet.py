"""A fleet of real replicas around a real Redis, for tests of clients that are not ours.

Everything runs on free ports of 127.0.0.1 and in a temporary directory, and is gone after close(). The replicas' logs
go to Bazel's folder of undeclared outputs, where there is one.
"""

import contextlib
import os
import pathlib
import subprocess
import tempfile
import time

import grpc

# Where Bazel puts the program, from the root of the workspace.
DUNLIND = "server/dunlind"

# Long enough for a loaded machine and instrumented programs: only a test that fails waits it out.
PATIENCE_SECONDS = 60

# 1: grpc.health.v1.HealthCheckResponse.SERVING, as the bytes of a message with that one field.
_SERVING = b"\x08\x01"


def wait_until(condition, what, patience_seconds=PATIENCE_SECONDS):
    """Polls until `condition()` is true and returns what it returned."""
    deadline = time.monotonic() + patience_seconds
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() >= deadline:
            raise TimeoutError("%s did not happen within %d s" % (what, patience_seconds))
        time.sleep(0.02)


def open_channel(address):
    """Opens a channel past any HTTP proxy that the environment may name."""
    return grpc.insecure_channel(address, options=[("grpc.enable_http_proxy", 0)])


def is_serving(address):
    """Whether the replica's health check says SERVING."""
    with open_channel(address) as channel:
        check = channel.unary_unary("/grpc.health.v1.Health/Check")
        try:
            return check(b"", timeout=5) == _SERVING
        except grpc.RpcError:
            return False


class Fleet:
    """Replicas r1, r2, ... of one namespace. `addresses` holds their HOST:PORT in that order."""

    def __init__(self, replicas=3):
        self._cleanup = contextlib.ExitStack()
        try:
            directory = self._cleanup.enter_context(tempfile.TemporaryDirectory(prefix="dunlin-"))
            self._directory = pathlib.Path(directory)
            self._logs = pathlib.Path(os.environ.get("TEST_UNDECLARED_OUTPUTS_DIR", directory))
            redis = self._start_redis()
            names = ["r%d" % (i + 1) for i in range(replicas)]
            processes = [self._start_replica(name, redis) for name in names]
            self.addresses = [self._await_address(n, p) for n, p in zip(names, processes)]
            for address in self.addresses:
                wait_until(lambda: is_serving(address), "SERVING on " + address)
        except BaseException:
            self.close()
            raise

    def close(self):
        """Stops what was started, last first."""
        self._cleanup.close()

    def _start(self, name, command):
        log = self._cleanup.enter_context(open(self._logs / (name + ".log"), "ab"))
        process = subprocess.Popen(command, stdout=log, stderr=log)
        self._cleanup.callback(self._stop, process)
        return process

    @staticmethod
    def _stop(process):
        process.terminate()
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _start_redis(self):
        # A Unix socket needs no free port, which somebody else could take first.
        socket = self._directory / "redis.sock"
        self._start(
            "redis",
            ["redis-server", "--port", "0", "--unixsocket", str(socket), "--save", "", "--dir", str(self._directory)],
        )
        wait_until(socket.exists, "Redis' socket")
        return "unix://%s" % socket

    def _start_replica(self, name, redis):
        options = {
            "--data-dir": self._directory / name,
            "--listen": "127.0.0.1:0",
            "--port-file": self._port_file(name),
            "--redis": redis,
            "--namespace": "t",
            "--replica-id": name,
        }
        return self._start(name, [DUNLIND] + [str(word) for option in options.items() for word in option])

    def _port_file(self, name):
        return self._directory / (name + ".port")

    def _await_address(self, name, process):
        def port():
            if process.poll() is not None:
                log = (self._logs / (name + ".log")).read_text(errors="replace")
                raise RuntimeError("replica %s ended with code %d:\n%s" % (name, process.returncode, log))
            file = self._port_file(name)
            return file.exists() and file.read_text().strip()

        return "127.0.0.1:%s" % wait_until(port, "the port file of replica " + name)
