"""Goal: headers compiled ahead are never those of other flags, another compiler or an older system.

Method: a stand-in for the compiler, which notes how it is called and refuses a file if it is told to.
"""

import os
import re
import stat
import subprocess
import tempfile
import unittest
from unittest import mock

import precompiled_headers

COMPILER = """#!/bin/sh
cd "%s"
echo "$*" >>calls
case "$*" in
  --version) cat version ;;
  *-fsyntax-only*) [ ! -e refuses ] || { rm refuses; exit 1; } ;;
  *) while [ $# -gt 3 ]; do shift; done; cat "$1" >"$3" ;;
esac
"""


class PrecompiledTest(unittest.TestCase):
    NAME, USE, ENDING = "clang", "-include-pch", ""

    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.folder = scratch.name
        self.compiler = os.path.join(self.folder, self.NAME)
        self.write(self.NAME, COMPILER % self.folder)
        os.chmod(self.compiler, stat.S_IRWXU)
        self.write("version", "16")

    def write(self, name, text):
        with open(os.path.join(self.folder, name), "w", encoding="utf-8") as file:
            file.write(text)

    def precompiled(self, *flags, headers=("string",)):
        cache = os.path.join(self.folder, "cache")
        os.makedirs(cache, exist_ok=True)
        option, path = precompiled_headers.precompiled(cache, [self.compiler, *flags], list(headers))
        self.assertEqual(option, self.USE)
        return path + self.ENDING

    def times_made(self):
        with open(os.path.join(self.folder, "calls"), encoding="utf-8") as calls:
            return sum("c++-header" in line for line in calls)

    def test_is_made_once_from_the_headers(self):
        path = self.precompiled("-O1", headers=("string", "absl/time/time.h"))
        with open(path, encoding="utf-8") as made:
            self.assertEqual(made.read(), "#include <string>\n#include <absl/time/time.h>\n")
        self.assertEqual(self.precompiled("-O1", headers=("string", "absl/time/time.h")), path)
        self.assertEqual(self.times_made(), 1)

    def test_has_another_name_for_other_flags_headers_and_compilers(self):
        paths = [self.precompiled("-O1"), self.precompiled("-O0"), self.precompiled("-O1", headers=("vector",))]
        self.write("version", "17")
        paths.append(self.precompiled("-O1"))
        self.assertEqual(len(set(paths)), 4)
        self.assertEqual(self.times_made(), 4)

    def test_is_made_anew_where_the_compiler_refuses_it(self):
        path = self.precompiled("-O1")
        self.write("refuses", "")
        self.assertEqual(self.precompiled("-O1"), path)
        self.assertEqual(self.times_made(), 2)


class PrecompiledByGccTest(PrecompiledTest):
    NAME, USE, ENDING = "gcc", "-include", ".gch"


class RealCompilerTest(unittest.TestCase):
    """What a stand-in does not know: what the compilers themselves want of such a file."""

    def use(self, command):
        with tempfile.TemporaryDirectory() as cache:
            options = precompiled_headers.precompiled(cache, command, ["string"])
            source = os.path.join(cache, "source.cc")
            with open(source, "w", encoding="utf-8") as file:
                file.write("std::string Text() { return {}; }\n")
            # Not before it is used: a file that it was made from may be wanted then.
            subprocess.run(command + options + ["-fsyntax-only", source], check=True)
            made = self.inode(cache)
            self.assertEqual(precompiled_headers.precompiled(cache, command, ["string"]), options)
            self.assertEqual(self.inode(cache), made, "it is made anew each time")

    def inode(self, cache):
        (made,) = (entry for entry in os.scandir(cache) if entry.name.endswith((".pch", ".gch")))
        return made.inode()

    def test_gcc(self):
        self.use(["/usr/bin/g++", "-std=c++17"])

    def test_clang(self):
        if not os.path.exists("/usr/bin/clang++-16"):
            self.skipTest("clang is installed with what .ci/run needs")
        self.use(["/usr/bin/clang++-16", "-std=c++17"])


class CompilerCommandTest(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(scratch.name)
        os.mkdir("third_party")
        for name in (".bazelrc", "WORKSPACE", "third_party/system_libraries.bzl"):
            self.change(name)
        self.questions = []

    def change(self, name):
        with open(name, "a", encoding="utf-8") as file:
            file.write("# changed\n")

    def command(self, *options):
        def answer(target, asked_options):
            self.questions.append(asked_options)
            return ["gcc", target]

        with mock.patch.object(precompiled_headers, "_ask_bazel", answer):
            self.assertEqual(precompiled_headers.compiler_command("//a", options, "."), ["gcc", "//a"])

    def test_bazel_is_asked_once_for_the_options_that_matter(self):
        for options in (["--config=asan", "--test_filter=X"], ["--config=asan"], ["--config=tsan"]):
            self.command(*options)
        self.assertEqual(self.questions, [["--config=asan"], ["--config=tsan"]])

    def test_bazel_is_asked_again_once_a_file_that_tells_of_flags_has_changed(self):
        for name in (".bazelrc", "WORKSPACE", "third_party/system_libraries.bzl"):
            self.command()
            self.change(name)
        self.command()
        self.assertEqual(len(self.questions), 4)


class WithoutSourceTest(unittest.TestCase):
    def test_keeps_what_holds_for_other_sources_too(self):
        command = "clang -O1 -frandom-seed=a.o -iquote . -MD -MF a.d -c a.cc -o a.o".split()
        self.assertEqual(precompiled_headers.without_source(command), "clang -O1 -iquote .".split())


class KindsTest(unittest.TestCase):
    def kinds_of(self, path):
        """Returns the kinds that Bazel would count a source to."""
        return [kind for kind in precompiled_headers.Clang.kinds if self.selects(kind.sources.split(","), path)]

    def selects(self, patterns, path):
        wanted = [pattern for pattern in patterns if not pattern.startswith("-")]
        unwanted = [pattern[1:] for pattern in patterns if pattern.startswith("-")]
        return any(re.search(one, path) for one in wanted) and not any(re.search(one, path) for one in unwanted)

    def test_a_source_is_of_one_kind(self):
        for path in ("storage/a.cc", "client/cli/b.cc", "tests/sync/c.cc", "tests/sync/c_test.cc"):
            self.assertEqual(len(self.kinds_of(path)), 1, path)
        self.assertEqual(self.kinds_of("bazel-out/k8-opt/bin/proto/dunlin/v1/kv.pb.cc"), [])


if __name__ == "__main__":
    unittest.main()
