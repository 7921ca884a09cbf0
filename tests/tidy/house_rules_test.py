"""Goal: each rule of the house catches what it forbids and nothing else. Method: planted files, good and bad."""

import os
import tempfile
import unittest

import house_rules
from house_rules import SourceFile


class RuleTestCase(unittest.TestCase):
    def findings(self, rule, path, text):
        return [(finding.line, finding.message) for finding in house_rules.check(SourceFile(path, text), [rule])]

    def assert_caught(self, rule, path, text, line=1):
        lines = [line for line, _ in self.findings(rule, path, text)]
        self.assertEqual(lines, [line], "%s in %s" % (text, path))

    def assert_clean(self, rule, path, text):
        self.assertEqual(self.findings(rule, path, text), [], "%s in %s" % (text, path))


class LayerRulesTest(RuleTestCase):
    def test_layers(self):
        for path, include in (
            ("storage/store.h", "grpcpp/grpcpp.h"),
            ("storage/store.h", "google/protobuf/message.h"),
            ("storage/store.h", "hiredis/hiredis.h"),
            ("storage/store.cc", "sync/event_ring.h"),
            ("sync/mirror.cc", "grpcpp/grpcpp.h"),
            ("sync/mirror.cc", "dunlin/v1/kv.pb.h"),
            ("sync/mirror.cc", "server/limits.h"),
            ("server/main.cc", "client/client.h"),
            ("client/client.cc", "storage/store.h"),
            ("client/client.cc", "sync/relay.h"),
        ):
            self.assert_caught(house_rules.layers, path, '// x\n#include "%s"\n' % include, line=2)

    def test_layers_let_pass_what_points_downwards(self):
        for path, include in (
            ("storage/store.h", "storage/record.h"),
            ("sync/mirror.cc", "storage/store.h"),
            ("server/main.cc", "sync/replicator.h"),
            ("client/client.cc", "dunlin/v1/kv.grpc.pb.h"),
            ("client/client.cc", "storage/mutex.h"),
            ("client/local_reader.cc", "storage/store.h"),
            ("tests/sync/mirror_test.cc", "server/limits.h"),
        ):
            self.assert_clean(house_rules.layers, path, '#include "%s"\n' % include)

    def test_wrapped_libraries(self):
        self.assert_caught(house_rules.wrapped_libraries, "storage/store.cc", "#include <lmdb.h>\n")
        self.assert_caught(house_rules.wrapped_libraries, "tests/sync/x_test.cc", "#include <hiredis/hiredis.h>\n")
        self.assert_caught(house_rules.wrapped_libraries, "storage/lmdb_error.h", "#include <lmdb.h>\n")
        self.assert_clean(house_rules.wrapped_libraries, "storage/lmdb_env.cc", "#include <lmdb.h>\n")
        self.assert_clean(house_rules.wrapped_libraries, "storage/lmdb_error.cc", "#include <lmdb.h>\n")
        self.assert_clean(house_rules.wrapped_libraries, "storage/page_check.cc", "#include <lmdb.h>\n")
        self.assert_clean(house_rules.wrapped_libraries, "sync/redis_connection.cc", "#include <hiredis/hiredis.h>\n")

    def test_storage_internals(self):
        include = '#include "storage/tables.h"\n'
        self.assert_caught(house_rules.storage_internals, "server/main.cc", include)
        self.assert_caught(house_rules.storage_internals, "tests/server/main_test.cc", include)
        self.assert_clean(house_rules.storage_internals, "storage/store.cc", include)
        self.assert_clean(house_rules.storage_internals, "tests/storage/tables_test.cc", include)

    def test_precompiled_includes(self):
        rule, path = house_rules.precompiled_includes, "tests/sync/x_test.cc"
        for header, use in (
            ("gtest/gtest.h", "TEST_F(Suite, Case) {"),
            ("gmock/gmock.h", "  EXPECT_THAT(a, b);"),
            ("absl/strings/str_cat.h", "  return absl::StrCat(a);"),
        ):
            self.assert_caught(rule, path, "// x\n%s\n" % use, line=2)
            self.assert_clean(rule, path, '#include "%s"\n%s\n' % (header, use))
            self.assert_caught(rule, "tests/support/x.cc", "%s\n" % use)
            # Other sources are read as they stand, and may get it through a header of ours.
            self.assert_clean(rule, "sync/x.cc", "%s\n" % use)
            self.assert_clean(rule, "tests/simulation/x.cc", "%s\n" % use)

    def test_top_level(self):
        self.assert_caught(house_rules.top_level, "utils/strings.h", "")
        self.assert_caught(house_rules.top_level, "notes.txt", "")
        for path in ("storage/store.h", "README.md", ".ci/run", ".bazelrc"):
            self.assert_clean(house_rules.top_level, path, "")


class SizeRulesTest(RuleTestCase):
    def test_file_length(self):
        self.assert_caught(house_rules.file_length, "storage/store.cc", "\n" * 401, line=401)
        self.assert_caught(house_rules.file_length, "deploy/up", "#!/usr/bin/env bash\n" + "\n" * 400, line=401)
        self.assert_clean(house_rules.file_length, "storage/store.cc", "\n" * 400)
        self.assert_clean(house_rules.file_length, "docs/API.md", "\n" * 1000)

    def test_line_length(self):
        self.assert_caught(house_rules.line_length, "storage/store.cc", "x" * 121)
        self.assert_clean(house_rules.line_length, "storage/store.cc", "x" * 120)
        self.assert_clean(house_rules.line_length, "storage/store.cc", "// https://" + "x" * 120)


class WordRulesTest(RuleTestCase):
    def test_banned(self):
        for path, text in (
            ("storage/store.cc", "// TODO: more"),
            ("docs/API.md", "FIXME"),
            ("deploy/up", "# XXX"),
            ("server/main.cc", "// a HACK"),
            ("README.md", "Only one, for now."),
            ("deploy/up", "cd /work/dunlin"),
            ("tests/x.py", "path = '/home/me/x'"),
            ("sync/mirror.cc", "using namespace std;"),
            ("sync/mirror.h", "  std::mutex mutex_;"),
            ("sync/mirror.h", "  std::shared_mutex mutex_;"),
            ("sync/mirror.cc", "  std::lock_guard lock(mutex_);"),
            ("sync/mirror.h", "  absl::Mutex mutex_;"),
            ("tests/sync/mirror_test.cc", "std::this_thread::sleep_for(1s);"),
            ("tests/sync/mirror_test.cc", "absl::SleepFor(absl::Seconds(1));"),
            ("tests/sync/mirror_test.cc", "usleep(1);"),
            ("tests/interop/x_test.py", "time.sleep(1)"),
            ("storage/store.cc", 'printf("here");'),
            ("storage/store.cc", 'std::cerr << "here";'),
        ):
            self.assert_caught(house_rules.banned, path, text + "\n")

    def test_banned_lets_pass(self):
        for path, text in (
            ("deploy/up", "mktemp -d dunlin.XXXXXX"),
            ("storage/mutex.h", "  std::mutex mutex_;"),
            ("storage/record.cc", "  // std::mutex would do as well"),
            ("storage/record.cc", 'snprintf(buffer, sizeof(buffer), "%d", x);'),
            ("server/main.cc", 'std::cerr << "dunlind: no such directory";'),
            ("client/cli/main.cc", 'std::cout << "OK";'),
            ("tests/support/wait.cc", "absl::SleepFor(step);"),
            ("docs/OPERATIONS.md", "https://example.com/work/x"),
        ):
            self.assert_clean(house_rules.banned, path, text + "\n")

    def test_skip_reasons(self):
        self.assert_caught(house_rules.skip_reasons, "tests/x_test.cc", "\nGTEST_SKIP();\n", line=2)
        self.assert_clean(house_rules.skip_reasons, "tests/x_test.cc", 'GTEST_SKIP()\n    << "no grpcurl";\n')


class HeaderRulesTest(RuleTestCase):
    def test_header_guard(self):
        good = "#ifndef DUNLIN_SYNC_EVENT_RING_H_\n#define DUNLIN_SYNC_EVENT_RING_H_\n#endif\n"
        self.assert_clean(house_rules.header_guard, "sync/event_ring.h", good)
        self.assert_caught(house_rules.header_guard, "sync/ring.h", good)
        self.assert_caught(house_rules.header_guard, "sync/ring.h", "#pragma once\n")

    def test_header_contract(self):
        rule, path = house_rules.header_contract, "sync/ring.h"
        self.assert_clean(rule, path, "// A ring.\n//\n// Thread-safety: none.\ntemplate <typename T>\nclass Ring {\n")
        self.assert_clean(rule, path, "class Ring;\nstruct Options {\n")
        self.assert_clean(rule, "tests/support/fake.h", "class Fake {\n")
        self.assert_caught(rule, path, "// A ring.\nclass Ring {\n", line=2)
        self.assert_caught(rule, path, "// Thread-safety: none.\n\nclass Ring {\n", line=3)
        self.assert_caught(rule, path, "// A lock.\nclass ABSL_LOCKABLE Lock : public Base {\n", line=2)


class ProtoRulesTest(RuleTestCase):
    def test_proto_comments(self):
        for declaration in (
            "message Entry {",
            "  enum Type {",
            "service KVService {",
            "  rpc Get(GetRequest) returns (GetResponse);",
            "  oneof content {",
            "  string key = 1;",
            "  repeated Event events = 1;",
            "  google.protobuf.Duration ttl = 4;",
            "  map<string, string> labels = 4 [deprecated = true];",
            "  TYPE_PUT = 1;",
        ):
            self.assert_caught(house_rules.proto_comments, "proto/x.proto", "\n" + declaration + "\n", line=2)
            self.assert_clean(house_rules.proto_comments, "proto/x.proto", "  // Why.\n" + declaration + "\n")

    def test_proto_comments_leave_options_alone(self):
        text = 'syntax = "proto3";\npackage x.v1;\noption go_package = "x";\nreserved 4;\n}\n'
        self.assert_clean(house_rules.proto_comments, "proto/x.proto", text)


class TreeReadingTest(unittest.TestCase):
    def test_reads_what_is_ours(self):
        with tempfile.TemporaryDirectory() as root:
            for path in ("storage/a.h", ".git/b.h", "bazel-bin/c.h", ".ci/run", "storage/__pycache__/d.py"):
                os.makedirs(os.path.join(root, os.path.dirname(path)), exist_ok=True)
                with open(os.path.join(root, path), "w", encoding="utf-8") as file:
                    file.write("x\n")
            with open(os.path.join(root, "storage/image.bin"), "wb") as file:
                file.write(b"\0\1")
            os.symlink("a.h", os.path.join(root, "storage/link.h"))
            paths = [file.path for file in house_rules.read_tree(root)]
        self.assertEqual(sorted(paths), [".ci/run", "storage/a.h"])

    def test_every_rule_has_a_test_here(self):
        tests = "".join(name for case in RuleTestCase.__subclasses__() for name in dir(case))
        for rule in house_rules.RULES:
            self.assertIn("test_" + rule.__name__, tests)


if __name__ == "__main__":
    unittest.main()
