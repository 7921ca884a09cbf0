"""Goal: a remembered verdict is never a stale one. Method: a small tree of its own, changed one file at a time."""

import os
import tempfile
import unittest
from unittest import mock

import clang_tidy


class ReadingFlagsTest(unittest.TestCase):
    def test_keeps_what_changes_the_reading(self):
        arguments = ["gcc", "-O2", "-Wall", "-DNDEBUG", "-D_FORTIFY_SOURCE=1", '-D__DATE__="redacted"', "-iquote", "."]
        arguments += ["-Ibazel-bin/x", "-isystem", "/opt/y", "-fno-canonical-system-headers", "-c", "a.cc"]
        self.assertEqual(
            clang_tidy.reading_flags(arguments),
            ["-std=c++17", "-DNDEBUG", "-iquote", ".", "-Ibazel-bin/x", "-isystem", "/opt/y"],
        )


class InATree(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(scratch.name)
        self.write("storage/a.cc", '#include "storage/a.h"\n')
        self.write("storage/a.h", '#include "storage/b.h"\n#include "dunlin/v1/kv.grpc.pb.h"\n#include <string>\n')
        self.write("storage/b.h", '#include "storage/a.h"  // a circle must not hang\n')
        self.write("proto/dunlin/v1/kv.proto", "")

    def write(self, path, text):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)


class ContentKeyTest(InATree):
    def key(self, flags=("-std=c++17",), common=b"16"):
        return clang_tidy.content_key("storage/a.cc", list(flags), common)

    def test_the_key_stays_while_nothing_changes(self):
        self.write("storage/unrelated.h", "int x;\n")
        self.assertEqual(self.key(), self.key())

    def test_the_key_changes_with_everything_that_is_read(self):
        for path in ("storage/a.cc", "storage/a.h", "storage/b.h", "proto/dunlin/v1/kv.proto"):
            before = self.key()
            with open(path, "a", encoding="utf-8") as file:
                file.write("// changed\n")
            self.assertNotEqual(self.key(), before, path)

    def test_the_key_changes_with_flags_and_configuration(self):
        self.assertNotEqual(self.key(), self.key(flags=("-std=c++20",)))
        self.assertNotEqual(self.key(), self.key(common=b"17"))


class SourcesWithoutTargetTest(InATree):
    def test_a_source_without_a_target_is_named(self):
        self.write("sync/lost.cc", "")
        self.assertEqual(clang_tidy.sources_without_target({"storage/a.cc": []}), ["sync/lost.cc"])


class VerdictsTest(unittest.TestCase):
    """With a clang-tidy that finds something in what includes certain sources."""

    def verdicts(self, group, bad):
        self.calls = []

        def finds(sources, _):
            self.calls.append(list(sources))
            return " ".join(source for source in sources if source in bad)

        with mock.patch.object(clang_tidy, "run_as_one", finds):
            with mock.patch.object(clang_tidy, "run", lambda source, flags: finds([source], flags)):
                return dict(clang_tidy.verdicts(group, []))

    def test_a_clean_group_is_read_once(self):
        self.assertEqual(self.verdicts(["a", "b", "c"], ""), {"a": "", "b": "", "c": ""})
        self.assertEqual(self.calls, [["a", "b", "c"]])

    def test_what_is_found_is_found_in_the_source_alone(self):
        self.assertEqual(self.verdicts(["a", "b", "c", "d"], "c"), {"a": "", "b": "", "c": "c", "d": ""})
        self.assertIn(["a", "b"], self.calls)

    def test_a_group_that_does_not_get_along_is_read_in_parts(self):
        def do_not_get_along(sources, _):
            return "error" if len(sources) > 1 else self.fail("one source is not a group")

        with mock.patch.object(clang_tidy, "run_as_one", do_not_get_along):
            with mock.patch.object(clang_tidy, "run", lambda source, flags: ""):
                self.assertEqual(dict(clang_tidy.verdicts(["a", "b", "c"], [])), {"a": "", "b": "", "c": ""})


class GroupsOfTest(InATree):
    def test_only_what_is_compiled_alike_is_read_as_one_with_the_paths_of_all(self):
        self.write("storage/b.cc", "int b;\n")
        self.write("storage/c.cc", "int c;\n")
        flags = ["-std=c++17", "-DX"]
        sources = {
            "storage/a.cc": flags + ["-iquote", "."],
            "storage/b.cc": flags + ["-iquote", ".", "-isystem", "/opt/y"],
            "storage/c.cc": ["-std=c++17", "-DX=2", "-iquote", "."],
        }
        self.assertEqual(
            sorted(clang_tidy.groups_of(sources)),
            [
                (["storage/a.cc", "storage/b.cc"], flags + ["-iquote.", "-isystem/opt/y"]),
                (["storage/c.cc"], ["-std=c++17", "-DX=2", "-iquote."]),
            ],
        )


if __name__ == "__main__":
    unittest.main()
