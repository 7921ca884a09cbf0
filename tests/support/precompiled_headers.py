"""Compiles the headers that most sources begin with ahead, and prints the options that make Bazel's compilers use them.

    precompiled_headers.py CACHE_DIR OPTION OF BAZEL...

For clang alone, which reads such a file in no time: half of what it does for a source is to read these headers. What it
makes depends on its flags; they come from Bazel, for one source of each kind that .bazelrc compiles in its own way. The
result lies in CACHE_DIR under a name that tells of all it was made from, so that Bazel compiles anew when that changes.
With another compiler, nothing is printed.

gcc's builds, and clang-tidy, read every source as it stands: a source that forgets a header is found there. Run from
the root of the checkout.
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

Kind = collections.namedtuple("Kind", ["sources", "target", "headers"])

_LIBRARY_HEADERS = """
    algorithm atomic functional map memory string thread utility vector
    absl/status/status.h absl/status/statusor.h absl/strings/match.h absl/strings/str_cat.h absl/strings/string_view.h
    absl/synchronization/mutex.h absl/time/clock.h absl/time/time.h
""".split()

# The sources, as Bazel's --per_file_copt selects them; a target with one of them; and what most of them include.
KINDS = (
    Kind(
        "^(storage|sync|server|client|tests)/.*[.]cc$,-^tests/.*_test[.]cc$",
        "//storage:hybrid_clock",
        _LIBRARY_HEADERS,
    ),
    Kind(
        "^tests/.*_test[.]cc$",
        "//tests/storage:hybrid_clock_test",
        _LIBRARY_HEADERS + ["gtest/gtest.h", "gmock/gmock.h"],
    ),
)

# Of a compiler's command line, what tells of one source, with how many arguments follow.
_OF_ONE_SOURCE = {"-c": 1, "-o": 1, "-MF": 1, "-MD": 0}


def compiler_command(target, bazel_options):
    """Asks Bazel how the C++ sources of a target are compiled."""
    options = [option for option in bazel_options if option.startswith(_BUILD_OPTIONS)]
    query = ["bazel", "aquery", *options, "--ui_event_filters=-info", "--noshow_progress", "--output=jsonproto"]
    answer = subprocess.run(query + ['mnemonic("CppCompile", %s)' % target], check=True, stdout=subprocess.PIPE).stdout
    return without_source(json.loads(answer)["actions"][0]["arguments"])


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


def precompiled(cache, command, headers):
    """Returns the path of the headers as compiled by a command, which is run if it has not been yet."""
    version = subprocess.run([command[0], "--version"], check=True, stdout=subprocess.PIPE).stdout
    key = hashlib.sha256(version + "\0".join(command + headers).encode()).hexdigest()
    path = os.path.join(cache, key[:16] + ".pch")
    if not os.path.exists(path) or not _is_current(path, command):
        os.makedirs(cache, exist_ok=True)
        # Under another name first: somebody else's build may be reading it.
        with tempfile.TemporaryDirectory(dir=cache) as folder:
            made = os.path.join(folder, "made.pch")
            text = "".join("#include <%s>\n" % header for header in headers)
            make = command + ["-fpch-instantiate-templates", "-x", "c++-header", "-", "-o", made]
            subprocess.run(make, check=True, input=text.encode())
            os.rename(made, path)
    return path


def _is_current(path, command):
    # clang refuses it itself if one of its headers has changed.
    use = command + ["-include-pch", path, "-fsyntax-only", "-x", "c++", os.devnull]
    return subprocess.run(use, check=False, stderr=subprocess.DEVNULL).returncode == 0


def main(arguments):
    cache, *bazel_options = arguments
    for kind in KINDS:
        command = compiler_command(kind.target, bazel_options)
        if "clang" not in os.path.basename(command[0]):
            break
        path = precompiled(cache, command, kind.headers)
        print("--per_file_copt=%s@-include-pch,%s" % (kind.sources, path))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
