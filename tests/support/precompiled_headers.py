"""Compiles the headers that most sources begin with ahead, and prints the options that make Bazel's compilers use them.

    precompiled_headers.py CACHE_DIR OPTION OF BAZEL...

Half of what a compiler does for a source is to read these headers. What it makes of them depends on its flags; they
come from Bazel, for one source of each kind that .bazelrc compiles in its own way. The result lies in CACHE_DIR under a
name that tells of all it was made from, so that Bazel compiles anew when that changes. gcc, which gains little for
optimised sources, gets them for tests and what they share alone: all other sources are still read as they stand, so
that one that forgets a header is found, and tests/tidy/house_rules.py looks at the tests. Run from the root of the
checkout.
"""

import collections
import hashlib
import json
import os
import subprocess
import sys
import tempfile

# The options that tell how to compile; aquery does not know those of tests.
_BUILD_OPTIONS = tuple(
    "--%s=" % name for name in "config compilation_mode copt cxxopt define disk_cache repo_env".split()
)

# The files that say how Bazel compiles.
_SOURCES_OF_FLAGS = (".bazelrc", "third_party/system_libraries.bzl", "WORKSPACE")

Kind = collections.namedtuple("Kind", ["sources", "target", "headers"])

_TEST_HEADERS = "gtest/gtest.h gmock/gmock.h absl/status/statusor.h absl/strings/str_cat.h absl/time/time.h".split()
_HEADERS = """
    algorithm atomic functional map memory string thread utility vector
    absl/status/status.h absl/status/statusor.h absl/strings/match.h absl/strings/str_cat.h absl/strings/string_view.h
    absl/synchronization/mutex.h absl/time/clock.h absl/time/time.h
""".split()

# The sources, as Bazel's --per_file_copt selects them; a target with one of them; and what most of them include.
_TEST_SOURCES = "^tests/(.*_test|(chaos|client|integration|server|support)/.*)[.]cc$"
TESTS = Kind(_TEST_SOURCES, "//tests/storage:hybrid_clock_test", _TEST_HEADERS)
OTHERS = Kind(
    "^(storage|sync|server|client|tests)/.*[.]cc$,-" + _TEST_SOURCES, "//storage:hybrid_clock", _HEADERS
)

# Of a compiler's command line, what tells of one source, with how many arguments follow.
_OF_ONE_SOURCE = {"-c": 1, "-o": 1, "-MF": 1, "-MD": 0}


def compiler_command(target, bazel_options, cache):
    """Tells how the C++ sources of a target are compiled: asks Bazel, once for what it tells it by."""
    options = [option for option in bazel_options if option.startswith(_BUILD_OPTIONS)]
    # Asking costs seconds, and Bazel all that it has analysed with other options before.
    key = hashlib.sha256("\0".join([target] + options).encode())
    for source in _SOURCES_OF_FLAGS:
        with open(source, "rb") as file:
            key.update(file.read())
    path = os.path.join(cache, key.hexdigest()[:16] + ".json")
    if not os.path.exists(path):
        command = _ask_bazel(target, options)
        _write(path, lambda made: _write_text(made, json.dumps(command)))
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def _ask_bazel(target, options):
    query = ["bazel", "aquery", *options, "--ui_event_filters=-info", "--noshow_progress", "--output=jsonproto"]
    answer = subprocess.run(query + ['mnemonic("CppCompile", %s)' % target], check=True, stdout=subprocess.PIPE).stdout
    return without_source(json.loads(answer)["actions"][0]["arguments"])


def _write(path, make):
    """Has a file made under another name first: somebody else's build may be reading it."""
    with tempfile.TemporaryDirectory(dir=os.path.dirname(path)) as folder:
        made = os.path.join(folder, "made")
        make(made)
        os.rename(made, path)


def _write_text(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def without_source(arguments):
    """Keeps what a command line has in common with those of other sources."""
    kept, rest = [], iter(arguments)
    for argument in rest:
        if argument in _OF_ONE_SOURCE:
            for _ in range(_OF_ONE_SOURCE[argument]):
                next(rest)
        elif not argument.startswith("-frandom-seed="):
            kept.append(argument)
    return kept


class Clang:
    """How clang makes and uses such a file, which can stand in the place of any header.

    It wants the file that it was made from to be there as long as it is used, unless there was none.
    """

    kinds = (TESTS, OTHERS)
    suffix = ".pch"

    @staticmethod
    def make(command, text, path):
        options = ["-fpch-instantiate-templates", "-x", "c++-header", "-", "-o", path]
        subprocess.run(command + options, check=True, input=text.encode())

    @staticmethod
    def using_options(path):
        return ["-include-pch", path]


class Gcc:
    """How gcc makes and uses such a file: it takes one for a header that has its name but for the ending."""

    kinds = (TESTS,)
    suffix = ".gch"

    @staticmethod
    def make(command, text, path):
        source = path + ".h"
        _write_text(source, text)
        subprocess.run(command + ["-x", "c++-header", source, "-o", path], check=True)

    @staticmethod
    def using_options(path):
        return ["-include", path[: -len(Gcc.suffix)]]


def compiler_of(command):
    return Clang if "clang" in os.path.basename(command[0]) else Gcc


def precompiled(cache, command, headers):
    """Returns the options with which a command uses the headers, which are compiled first if they have not been yet."""
    compiler = compiler_of(command)
    version = subprocess.run([command[0], "--version"], check=True, stdout=subprocess.PIPE).stdout
    key = hashlib.sha256(version + "\0".join(command + headers).encode()).hexdigest()
    path = os.path.join(cache, key[:16] + ".h" + compiler.suffix)
    use = compiler.using_options(path)
    if not os.path.exists(path) or not _is_current(command + use):
        text = "".join("#include <%s>\n" % header for header in headers)
        _write(path, lambda made: compiler.make(command, text, made))
        if not _is_current(command + use):
            raise RuntimeError("%s refuses %s, which it has just made" % (command[0], path))
    return use


def _is_current(command):
    # The compiler refuses it itself if one of its headers has changed.
    reading_nothing = command + ["-fsyntax-only", "-x", "c++", os.devnull]
    return subprocess.run(reading_nothing, check=False, stderr=subprocess.DEVNULL).returncode == 0


def main(arguments):
    cache, *bazel_options = arguments
    os.makedirs(cache, exist_ok=True)
    compiler = compiler_of(compiler_command(TESTS.target, bazel_options, cache))
    for kind in compiler.kinds:
        use = precompiled(cache, compiler_command(kind.target, bazel_options, cache), kind.headers)
        print("--per_file_copt=%s@%s" % (kind.sources, ",".join(use)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
