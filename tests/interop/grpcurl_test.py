"""Goal: what the README tells a person to type into grpcurl works, without a .proto file and without base64.

Method: the real grpcurl against a real replica. Skipped where there is no grpcurl: it is not in Debian. The variable
GRPCURL names one that is not on PATH: bazel test --test_env=GRPCURL=$HOME/go/bin/grpcurl //tests/interop/...
"""

import json
import os
import shutil
import subprocess
import unittest

import fleet as fleets

GRPCURL = os.environ.get("GRPCURL") or shutil.which("grpcurl")


@unittest.skipUnless(GRPCURL, "grpcurl is not on PATH and GRPCURL is not set")
class GrpcurlTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.fleet = fleets.Fleet(replicas=2)
        cls.addClassCleanup(cls.fleet.close)

    def run_grpcurl(self, method, request=None, replica=0):
        data = ["-d", json.dumps(request)] if request is not None else []
        address = self.fleet.addresses[replica]
        command = [GRPCURL, "-plaintext", "-max-time", str(fleets.PATIENCE_SECONDS)] + data + [address, method]
        return subprocess.run(command, capture_output=True, text=True, timeout=2 * fleets.PATIENCE_SECONDS)

    def call(self, method, request, replica=0):
        run = self.run_grpcurl(method, request, replica)
        self.assertEqual(run.returncode, 0, run.stderr)
        return json.loads(run.stdout)

    def test_services_are_listed_and_described(self):
        self.assertIn("dunlin.v1.KVService", self.run_grpcurl("list").stdout)
        run = subprocess.run(
            [GRPCURL, "-plaintext", self.fleet.addresses[0], "describe", "dunlin.v1.KVService"],
            capture_output=True,
            text=True,
            timeout=fleets.PATIENCE_SECONDS,
        )
        self.assertIn("rpc Put", run.stdout)

    def test_text_is_put_on_one_replica_and_read_on_the_other(self):
        put = self.call("dunlin.v1.KVService/Put", {"key": "greeting", "text": "hello"})
        self.assertIn("version", put)

        def read():
            run = self.run_grpcurl("dunlin.v1.KVService/Get", {"key": "greeting", "asText": True}, replica=1)
            return run.returncode == 0 and json.loads(run.stdout)

        entry = fleets.wait_until(read, "the entry on the other replica")["entry"]
        self.assertEqual(entry["text"], "hello")
        self.assertEqual(entry["version"], put["version"])

    def test_errors_have_a_code_and_a_message(self):
        run = self.run_grpcurl("dunlin.v1.KVService/Get", {"key": "absent"})
        self.assertIn("NotFound", run.stderr)
        run = self.run_grpcurl("dunlin.v1.KVService/Put", {"key": "", "text": "v"})
        self.assertIn("InvalidArgument", run.stderr)
        self.assertIn("key", run.stderr)

    def test_status_and_health_are_readable(self):
        status = self.call("dunlin.v1.ReplicaService/GetStatus", {})["status"]
        # Newer versions of grpcurl print field names as the .proto spells them.
        sync_state = status.get("sync_state") or status.get("syncState")
        self.assertEqual(sync_state, "SYNC_STATE_LIVE")
        self.assertTrue(status["serving"])
        self.assertEqual(self.call("grpc.health.v1.Health/Check", {})["status"], "SERVING")


if __name__ == "__main__":
    unittest.main()
