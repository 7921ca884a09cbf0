"""Goal: what the README tells a person to type into grpcurl works, without a .proto file and without base64.

Method: the real grpcurl against three real replicas. Skipped where there is no grpcurl, as Debian has none: tests/run
takes the one on PATH, the one that GRPCURL names, or the one that .ci/run has fetched with Go.
"""

import json
import os
import shutil
import subprocess
import unittest

import fleet as fleets

GRPCURL = os.environ.get("GRPCURL") or shutil.which("grpcurl")


def field(message, name):
    """Returns a field, however this grpcurl spells it: newer ones do it as the .proto does."""
    first, *others = name.split("_")
    camel_case = first + "".join(word.capitalize() for word in others)
    return message[name] if name in message else message.get(camel_case)


@unittest.skipUnless(GRPCURL, "grpcurl is not on PATH and GRPCURL is not set")
class GrpcurlTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.fleet = fleets.Fleet(replicas=3)
        cls.addClassCleanup(cls.fleet.close)

    def command(self, replica, arguments, request=None):
        data = ["-d", json.dumps(request)] if request is not None else []
        timeout = ["-max-time", str(fleets.PATIENCE_SECONDS)]
        return [GRPCURL, "-plaintext"] + timeout + data + [self.fleet.addresses[replica]] + arguments

    def run_grpcurl(self, replica, arguments, request=None):
        command = self.command(replica, arguments, request)
        return subprocess.run(command, capture_output=True, text=True, timeout=2 * fleets.PATIENCE_SECONDS)

    def call(self, method, request, replica=0):
        run = self.run_grpcurl(replica, [method], request)
        self.assertEqual(run.returncode, 0, run.stderr)
        return json.loads(run.stdout)

    def fail_to_call(self, method, request, replica=0):
        """Returns what grpcurl says of the error."""
        run = self.run_grpcurl(replica, [method], request)
        self.assertNotEqual(run.returncode, 0, run.stdout)
        return run.stderr

    def open_watch(self, replica, request):
        """Opens a watch; returns a function that waits for its next message."""
        command = self.command(replica, ["dunlin.v1.KVService/Watch"], request)
        watch = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.addCleanup(watch.stdout.close)
        self.addCleanup(watch.wait)
        self.addCleanup(watch.kill)

        def next_message():
            text = ""
            # An object that grpcurl has printed whole ends with a brace in the first column.
            for line in watch.stdout:
                text += line
                if line == "}\n":
                    return json.loads(text)
            self.fail("the watch ended:\n" + text)

        return next_message

    def test_a_put_on_the_first_is_seen_by_a_watch_on_the_second_and_a_get_on_the_third(self):
        next_message = self.open_watch(1, {"prefix": "greet", "as_text": True})
        self.assertEqual(next_message()["marker"], "MARKER_SYNCED")
        put = self.call("dunlin.v1.KVService/Put", {"key": "greeting", "text": "hello"}, replica=0)
        event = next_message()["events"][0]
        self.assertEqual(event["type"], "TYPE_PUT")
        self.assertEqual(event["entry"]["key"], "greeting")
        self.assertEqual(event["entry"]["text"], "hello")
        self.assertEqual(event["entry"]["version"], put["version"])

        def read():
            run = self.run_grpcurl(2, ["dunlin.v1.KVService/Get"], {"key": "greeting", "as_text": True})
            return run.returncode == 0 and json.loads(run.stdout)

        entry = fleets.wait_until(read, "the entry on the third replica")["entry"]
        self.assertEqual(entry["text"], "hello")
        self.assertEqual(entry["value"], "aGVsbG8=")
        self.assertEqual(entry["version"], put["version"])

    def test_services_are_listed(self):
        listed = self.run_grpcurl(1, ["list"]).stdout.split()
        expected = {
            "dunlin.v1.KVService",
            "dunlin.v1.ReplicaService",
            "grpc.channelz.v1.Channelz",
            "grpc.health.v1.Health",
        }
        self.assertLessEqual(expected, set(listed))
        methods = self.run_grpcurl(1, ["list", "dunlin.v1.KVService"]).stdout.split()
        calls = ["BatchGet", "BatchWrite", "Delete", "Get", "List", "Put", "Watch"]
        self.assertEqual(sorted(methods), ["dunlin.v1.KVService." + call for call in calls])

    def test_services_and_messages_are_described(self):
        service = self.run_grpcurl(0, ["describe", "dunlin.v1.KVService"]).stdout
        self.assertRegex(service, r"rpc Put \( *\.dunlin\.v1\.PutRequest *\) returns \( *\.dunlin\.v1\.PutResponse")
        self.assertRegex(service, r"rpc Watch .* returns \( *stream \.dunlin\.v1\.WatchResponse *\);")
        message = self.run_grpcurl(0, ["describe", "dunlin.v1.PutRequest"]).stdout
        for field in ("string key", "bytes value", "string text", ".google.protobuf.Duration ttl", "ack"):
            self.assertIn(field, message)
        unknown = self.run_grpcurl(0, ["describe", "dunlin.v1.Nothing"])
        self.assertNotEqual(unknown.returncode, 0)

    def test_errors_have_a_code_and_a_message_that_names_what_to_change(self):
        absent = self.fail_to_call("dunlin.v1.KVService/Get", {"key": "absent"})
        self.assertIn("Code: NotFound", absent)
        self.assertIn('"absent"', absent)
        empty = self.fail_to_call("dunlin.v1.KVService/Put", {"key": "", "text": "v"})
        self.assertIn("Code: InvalidArgument", empty)
        self.assertRegex(empty, r"Message: .*key.*empty")
        self.call("dunlin.v1.KVService/Put", {"key": "taken", "text": "v"})
        taken = self.fail_to_call(
            "dunlin.v1.KVService/Put", {"key": "taken", "text": "w", "precondition": {"if_absent": True}}
        )
        self.assertIn("Code: FailedPrecondition", taken)
        self.assertIn('Message: key "taken" exists with version', taken)

    def test_health_and_status_are_readable(self):
        for replica in range(3):
            for service in ("", "dunlin.v1.KVService", "dunlin.v1.ReplicaService"):
                health = self.call("grpc.health.v1.Health/Check", {"service": service}, replica)
                self.assertEqual(health, {"status": "SERVING"})
        status = self.call("dunlin.v1.ReplicaService/GetStatus", {}, replica=2)["status"]
        self.assertEqual(field(status, "sync_state"), "SYNC_STATE_LIVE")
        self.assertEqual(field(status, "replica_id"), "r3")
        self.assertTrue(status["serving"])

    def test_channelz_shows_the_server_and_its_calls(self):
        self.call("dunlin.v1.KVService/Put", {"key": "counted", "text": "v"})
        servers = self.call("grpc.channelz.v1.Channelz/GetServers", {})["server"]
        self.assertEqual(len(servers), 1, servers)
        self.assertGreater(int(field(servers[0]["data"], "calls_succeeded") or 0), 0, servers)
        server_id = field(servers[0]["ref"], "server_id")
        sockets = self.call("grpc.channelz.v1.Channelz/GetServerSockets", {"server_id": server_id})
        self.assertTrue(sockets, "this very call has a connection")


if __name__ == "__main__":
    unittest.main()
