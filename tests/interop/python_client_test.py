"""Goal: a gRPC client that is not ours can do with a fleet all that the API says.

Method: Python's own gRPC library with stubs generated from proto/, against three real replicas and a real Redis.
"""

import tempfile
import unittest

import grpc

import fleet as fleets
import stubs as generated

# Every call has a deadline; only a failing test meets it.
TIMEOUT = fleets.PATIENCE_SECONDS


class PythonClientTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        directory = tempfile.TemporaryDirectory(prefix="dunlin-stubs-")
        cls.addClassCleanup(directory.cleanup)
        cls.stubs = generated.Stubs(directory.name)
        cls.fleet = fleets.Fleet(replicas=3)
        cls.addClassCleanup(cls.fleet.close)
        cls.channels = [fleets.open_channel(address) for address in cls.fleet.addresses]
        for channel in cls.channels:
            cls.addClassCleanup(channel.close)
        cls.kvs = [cls.stubs.kv_grpc.KVServiceStub(channel) for channel in cls.channels]

    def put(self, key, value, replica=0, **fields):
        request = self.stubs.kv.PutRequest(key=key, value=value, **fields)
        return self.kvs[replica].Put(request, timeout=TIMEOUT)

    def get(self, key, replica=0, **fields):
        return self.kvs[replica].Get(self.stubs.kv.GetRequest(key=key, **fields), timeout=TIMEOUT).entry

    def get_once_there(self, key, replica):
        """Reads an entry that is on its way from another replica."""

        def entry():
            found = self.kvs[replica].BatchGet(self.stubs.kv.BatchGetRequest(keys=[key]), timeout=TIMEOUT).entries
            return found and found[0]

        return fleets.wait_until(entry, "%s on replica %d" % (key, replica))

    def open_watch(self, replica, **fields):
        """Opens a watch stream and reads it up to SYNCED: whatever happens from then on is seen."""
        stream = self.kvs[replica].Watch(
            self.stubs.kv.WatchRequest(initial_state=True, **fields), timeout=TIMEOUT
        )
        self.addCleanup(stream.cancel)
        for message in stream:
            if message.marker == self.stubs.kv.MARKER_SYNCED:
                return stream
        self.fail("the stream ended before SYNCED")

    def next_event(self, stream):
        for message in stream:
            if message.events:
                return message.events[0]
        self.fail("the stream ended before an event")

    def assert_code(self, code, call, *arguments):
        with self.assertRaises(grpc.RpcError) as raised:
            call(*arguments, timeout=TIMEOUT)
        self.assertEqual(raised.exception.code(), code, raised.exception.details())
        return raised.exception.details()

    def test_put_on_the_first_is_seen_by_a_watch_on_the_second_and_a_get_on_the_third(self):
        stream = self.open_watch(1, key="turn")
        answer = self.put("turn", b"as one")
        event = self.next_event(stream)
        self.assertEqual(event.type, self.stubs.kv.Event.TYPE_PUT)
        self.assertEqual(event.entry.value, b"as one")
        self.assertEqual(event.entry.version, answer.version)
        entry = self.get_once_there("turn", replica=2)
        self.assertEqual(entry.value, b"as one")
        self.assertEqual(entry.version, answer.version)

    def test_a_delete_is_seen_elsewhere(self):
        self.put("doomed", b"v")
        self.get_once_there("doomed", replica=1)
        stream = self.open_watch(1, prefix="doo")
        request = self.stubs.kv.DeleteRequest(key="doomed")
        self.assertTrue(self.kvs[0].Delete(request, timeout=TIMEOUT).existed)
        event = self.next_event(stream)
        self.assertEqual(event.type, self.stubs.kv.Event.TYPE_DELETE)
        self.assertEqual(event.entry.key, "doomed")
        self.assertFalse(self.kvs[0].Delete(request, timeout=TIMEOUT).existed)

    def test_binary_values_arrive_byte_for_byte(self):
        value = bytes(range(256)) * 256
        self.put("binary", value)
        self.assertEqual(self.get_once_there("binary", replica=2).value, value)

    def test_an_empty_value_is_a_value(self):
        self.put("empty", b"")
        self.assertEqual(self.get("empty").value, b"")

    def test_text_goes_in_and_out_without_base64(self):
        text = "Alpenstrandläufer 🐦"
        request = self.stubs.kv.PutRequest(key="text", text=text)
        self.kvs[0].Put(request, timeout=TIMEOUT)
        self.assertEqual(self.get("text", as_text=True).text, text)
        self.assertFalse(self.get("text").HasField("text"))
        self.put("not text", b"\xff")
        self.assertFalse(self.get("not text", as_text=True).HasField("text"))

    def test_an_entry_expires_everywhere(self):
        stream = self.open_watch(1, key="short-lived")
        request = self.stubs.kv.PutRequest(key="short-lived", value=b"v")
        request.ttl.FromSeconds(3)  # Longer than the entry takes to the other replica.
        self.kvs[0].Put(request, timeout=TIMEOUT)
        event = self.next_event(stream)
        self.assertEqual(event.type, self.stubs.kv.Event.TYPE_PUT)
        self.assertTrue(event.entry.HasField("expire_time"))
        self.assertEqual(self.next_event(stream).type, self.stubs.kv.Event.TYPE_EXPIRE)
        for kv in self.kvs:
            # An entry is gone on every replica at the same instant, except for what separates their clocks.
            fleets.wait_until(lambda: self.is_absent(kv, "short-lived"), "the expiry")

    def is_absent(self, kv, key):
        return not kv.BatchGet(self.stubs.kv.BatchGetRequest(keys=[key]), timeout=TIMEOUT).entries

    def test_absent_keys_are_not_found(self):
        for kv in self.kvs:
            self.assert_code(grpc.StatusCode.NOT_FOUND, kv.Get, self.stubs.kv.GetRequest(key="absent"))

    def test_what_breaks_a_limit_is_an_invalid_argument_that_says_so(self):
        kv = self.kvs[0]
        messages = self.stubs.kv
        negative_ttl = messages.PutRequest(key="k", value=b"v")
        negative_ttl.ttl.FromMilliseconds(-1)
        too_many = messages.BatchGetRequest(keys=[str(i) for i in range(1001)])
        twice = messages.BatchWriteRequest(writes=[messages.Write(delete=messages.Write.Delete(key="k"))] * 2)
        cases = [
            (kv.Get, messages.GetRequest(key=""), "key"),
            (kv.Put, messages.PutRequest(key="", value=b"v"), "key"),
            (kv.Delete, messages.DeleteRequest(key=""), "key"),
            (kv.Get, messages.GetRequest(key="k" * 481), "480"),
            (kv.Put, messages.PutRequest(key="k"), "value"),
            (kv.Put, messages.PutRequest(key="k", value=bytes((1 << 20) + 1)), "1048576"),
            (kv.Put, negative_ttl, "ttl"),
            (kv.Put, messages.PutRequest(key="k", value=b"v", ack=77), "ack"),
            (kv.BatchGet, messages.BatchGetRequest(), "keys"),
            (kv.BatchGet, too_many, "1000"),
            (kv.BatchWrite, twice, "k"),
            (kv.List, messages.ListRequest(page_token=b"nonsense"), "page_token"),
        ]
        for call, request, mentioned in cases:
            with self.subTest(mentioned=mentioned, request=type(request).__name__):
                details = self.assert_code(grpc.StatusCode.INVALID_ARGUMENT, call, request)
                self.assertIn(mentioned, details)

    def test_a_key_that_is_not_utf8_is_an_invalid_argument(self):
        # Python's messages cannot hold such a key; a client in another language can send it.
        raw_get = self.channels[0].unary_unary("/dunlin.v1.KVService/Get")
        details = self.assert_code(grpc.StatusCode.INVALID_ARGUMENT, raw_get, b"\x0a\x01\xff")
        self.assertIn("UTF-8", details)

    def test_a_malformed_resume_token_is_an_invalid_argument(self):
        stream = self.kvs[0].Watch(self.stubs.kv.WatchRequest(resume_token=b"nonsense"), timeout=TIMEOUT)
        with self.assertRaises(grpc.RpcError) as raised:
            next(stream)
        self.assertEqual(raised.exception.code(), grpc.StatusCode.INVALID_ARGUMENT)

    def test_one_of_two_conditional_puts_wins_whichever_replica_they_reach(self):
        first = self.put("lock", b"a", replica=0, precondition=self.stubs.kv.Precondition(if_absent=True))
        request = self.stubs.kv.PutRequest(key="lock", value=b"b")
        request.precondition.if_absent = True
        self.assert_code(grpc.StatusCode.FAILED_PRECONDITION, self.kvs[1].Put, request)
        request.precondition.if_version.CopyFrom(first.version)
        self.kvs[1].Put(request, timeout=TIMEOUT)
        self.assert_code(grpc.StatusCode.FAILED_PRECONDITION, self.kvs[2].Put, request)

    def test_a_mirrored_put_is_answered(self):
        self.put("mirrored", b"v", ack=self.stubs.kv.ACK_MIRRORED)
        self.assertEqual(self.get_once_there("mirrored", replica=1).value, b"v")

    def test_a_batch_is_written_and_listed_page_by_page(self):
        messages = self.stubs.kv
        puts = [messages.Write.Put(key="batch/%02d" % i, text=str(i)) for i in range(25)]
        request = messages.BatchWriteRequest(writes=[messages.Write(put=put) for put in puts])
        answer = self.kvs[0].BatchWrite(request, timeout=TIMEOUT)
        self.assertEqual(len(answer.versions), 25)
        fleets.wait_until(lambda: not self.is_absent(self.kvs[1], "batch/24"), "the batch on replica 1")
        keys, token = [], b""
        while True:
            page = self.kvs[1].List(
                messages.ListRequest(prefix="batch/", page_size=10, page_token=token, keys_only=True), timeout=TIMEOUT
            )
            keys += [entry.key for entry in page.entries]
            token = page.next_page_token
            if not token:
                break
        self.assertEqual(keys, [put.key for put in puts])

    def test_a_watch_resumes_after_the_token_of_a_write(self):
        token = self.put("resume/a", b"1").token
        self.put("resume/b", b"2")
        stream = self.kvs[0].Watch(
            self.stubs.kv.WatchRequest(prefix="resume/", resume_token=token), timeout=TIMEOUT
        )
        self.addCleanup(stream.cancel)
        self.assertEqual(self.next_event(stream).entry.key, "resume/b")

    def test_the_replicas_end_with_the_same_digest(self):
        for i, kv in enumerate(self.kvs):
            kv.Put(self.stubs.kv.PutRequest(key="digest/%d" % i, text="v"), timeout=TIMEOUT)

        def converged():
            statuses = [self.status(channel) for channel in self.channels]
            return len({(s.digest, s.entries) for s in statuses}) == 1 and statuses[0].entries >= 3

        fleets.wait_until(converged, "one digest")

    def status(self, channel):
        stub = self.stubs.replica_grpc.ReplicaServiceStub(channel)
        return stub.GetStatus(self.stubs.replica.GetStatusRequest(), timeout=TIMEOUT).status

    def test_status_tells_who_and_how(self):
        status = self.status(self.channels[1])
        self.assertEqual(status.replica_id, "r2")
        self.assertEqual(status.namespace, "t")
        self.assertEqual(status.sync_state, self.stubs.replica.SYNC_STATE_LIVE)
        self.assertTrue(status.serving)
        self.assertEqual(len(status.digest), 16)

    def test_health_says_serving(self):
        public = self.stubs.public
        for channel in self.channels:
            check = channel.unary_unary(
                "/grpc.health.v1.Health/Check",
                request_serializer=public.HealthCheckRequest.SerializeToString,
                response_deserializer=public.HealthCheckResponse.FromString,
            )
            for service in ["", "dunlin.v1.KVService"]:
                answer = check(public.HealthCheckRequest(service=service), timeout=TIMEOUT)
                self.assertEqual(answer.status, public.HealthCheckResponse.SERVING, service)
            self.assert_code(grpc.StatusCode.NOT_FOUND, check, public.HealthCheckRequest(service="nobody.Knows"))

    def test_reflection_lists_and_describes_the_services(self):
        public = self.stubs.public
        reflect = self.channels[0].stream_stream(
            "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
            request_serializer=public.ServerReflectionRequest.SerializeToString,
            response_deserializer=public.ServerReflectionResponse.FromString,
        )
        requests = [
            public.ServerReflectionRequest(list_services="*"),
            public.ServerReflectionRequest(file_containing_symbol="dunlin.v1.KVService"),
        ]
        listed, described = list(reflect(iter(requests), timeout=TIMEOUT))
        names = {service.name for service in listed.list_services_response.service}
        self.assertLessEqual({"dunlin.v1.KVService", "dunlin.v1.ReplicaService", "grpc.health.v1.Health"}, names)
        self.assertTrue(described.file_descriptor_response.file_descriptor_proto)


if __name__ == "__main__":
    unittest.main()
