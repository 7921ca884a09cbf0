"""The rules of the house that no other tool checks: who may include whom, how long a file is, what is not said.

    house_rules.py [ROOT]

Prints `path:line: [rule] what is wrong and what to do` for each violation and ends with exit code 1 if there is one.
Each rule is one function that yields (line number, message) and stands in RULES. A rule that has to be broken is
changed here, with the reason, not silenced where it hurts.
"""

import collections
import os
import re
import sys

Finding = collections.namedtuple("Finding", ["path", "line", "rule", "message"])

LINES_MAX = 400
COLUMNS_MAX = 120

# What may lie at the top: design by rooms, so that a newcomer knows where to look.
TOP_LEVEL = frozenset(
    "proto storage server sync client tests deploy third_party docs WORKSPACE BUILD.bazel README.md LICENSE".split()
)

# Not ours, made by a build, or data of a running fleet.
IGNORED_FOLDERS = re.compile(r"^(\.git|\.dunlin|__pycache__|bazel-.*)$")

CODE = (".h", ".cc", ".py", ".sh", ".lua", ".bzl", ".bazel", ".proto")
LIMITED_IN_LENGTH = (".h", ".cc", ".py", ".sh", ".lua")

# These two spell out what they forbid.
RULE_FILES = ("tests/tidy/house_rules.py", "tests/tidy/house_rules_test.py")

# Layer -> what its files may not include, and why. Libraries by the start of their include path.
GRPC = ("grpcpp/", "grpc/", "grpc++/")
PROTOBUF = ("google/protobuf/", "dunlin/v1/")
LAYERS = {
    "storage": (GRPC + PROTOBUF + ("hiredis", "sync/", "server/", "client/"), "storage knows no gRPC, Protobuf, Redis"),
    "sync": (GRPC + PROTOBUF + ("server/", "client/"), "sync knows no gRPC and nothing above it"),
    "server": (("client/",), "the server does not call itself"),
    "client": (("storage/", "sync/", "server/"), "a client sees the public API alone"),
}
# Start of a path -> what it may include all the same.
LAYER_EXCEPTIONS = {
    # Headers without a store behind them; a client would only write them again.
    "client/": ("storage/limits.h", "storage/mutex.h", "storage/status_macros.h", "storage/utf8.h"),
    # What a program says of its build is the same for all programs.
    "client/cli/": ("server/build_info.h",),
    # Reads of a local replica's disk need the read-only part of storage.
    "client/local_reader.": ("storage/",),
}

# C library -> the files that wrap it: one calls it; if its errors are many, another says what they mean.
WRAPPED_LIBRARIES = {
    "lmdb.h": ("storage/lmdb_env.cc", "storage/lmdb_error.cc", "storage/page_check.cc"),
    "hiredis/": ("sync/redis_connection.cc",),
}

# A later store has a journal in front of LMDB: nobody else may have learnt what the tables look like.
STORAGE_INTERNALS = ("storage/lmdb_env.h", "storage/tables.h")

# Words that are wrong wherever they stand: (pattern, files it holds for, what is wrong and what to do).
BANNED_WORDS = (
    (re.compile(r"\b(TODO|FIXME|XXX|HACK)\b"), r".*", "unfinished work is an issue, not a comment"),
    # A decision record has a date, so that there it has a meaning.
    (re.compile(r"\bfor now\b", re.IGNORECASE), r"(?!docs/decisions/).*", "say what holds and why; plans are issues"),
    (re.compile(r"(?<![\w.])/(work|root|home)/"), r".*", "a path of one machine"),
)

# The same for code; a comment may name a function that it explains.
BANNED_CODE = (
    (re.compile(r"\busing namespace std\b"), r".*\.(h|cc)", "name what is used"),
    (
        re.compile(r"std::(\w*mutex|lock_guard|unique_lock|scoped_lock|condition_variable\w*)\b"),
        r"(?!storage/mutex\.h).*\.(h|cc)",
        "use dunlin::Mutex of storage/mutex.h: clang checks what it guards",
    ),
    (
        re.compile(r"\babsl::(Mutex|MutexLock|CondVar|Notification|BlockingCounter)\b"),
        r".*\.(h|cc)",
        "use storage/mutex.h: ThreadSanitizer cannot see what Abseil's locks order",
    ),
    (
        re.compile(r"\b(sleep_for|sleep_until|SleepFor|usleep|nanosleep|sleep)\s*\("),
        # These two poll, with a deadline, so that nobody else has to.
        r"tests/(?!support/|interop/fleet\.py).*\.(h|cc|py)",
        "wait for the condition itself, with the helpers of tests/support",
    ),
    (
        re.compile(r"(?<![\w:])(std::)?(printf|fprintf|puts|cout|cerr)\b"),
        r"(storage|sync|server)/(?!main\.cc).*\.(h|cc)",
        "the log is the one voice of a library; only main.cc speaks before there is one",
    ),
)

# The sources for which tests/support/precompiled_headers.py compiles headers ahead under every compiler; and such a
# header -> what needs it. No compiler would notice that one of them forgets it.
PRECOMPILED_FOR = re.compile(r"tests/(.*_test|(chaos|client|integration|server|support)/.*)[.]cc")
NAMES_OF_HEADERS = {
    "gtest/gtest.h": re.compile(r"^TEST(_F|_P)?\("),
    "gmock/gmock.h": re.compile(r"\b(EXPECT|ASSERT)_THAT\("),
    "absl/strings/str_cat.h": re.compile(r"\babsl::Str(Cat|Append)\("),
}

INCLUDE = re.compile(r'^\s*#\s*include\s*["<]([^">]+)[">]')
# Attributes such as ABSL_LOCKABLE may stand before the name.
CLASS = re.compile(r"^class\s+(?:\w+(?:\([^)]*\))?\s+)*?(\w+)\s*(?:final\s*)?(?::[^:].*)?\{")
PROTO_NAMED = re.compile(r"^\s*(message|enum|service|rpc|oneof)\s+(\w+)")
PROTO_FIELD = re.compile(r"^\s*(?:(?:repeated|optional)\s+)?(?:map<.*>|[\w.]+)\s+(\w+)\s*=\s*\d+\b.*;")
PROTO_VALUE = re.compile(r"^\s*([A-Z][A-Z0-9_]*)\s*=\s*\d+\b.*;")


class SourceFile:
    """A file of the tree: `path` relative to the root with forward slashes, `lines` without line ends."""

    def __init__(self, path, text):
        self.path = path
        self.text = text
        self.lines = text.splitlines()

    def includes(self):
        """Yields (line number, included path)."""
        for number, line in enumerate(self.lines, 1):
            match = INCLUDE.match(line)
            if match:
                yield number, match.group(1)

    def has_suffix(self, suffixes):
        """True if the name ends so; a script without an ending counts as .sh or .py, by its first line."""
        if "." in os.path.basename(self.path)[1:]:
            return self.path.endswith(suffixes)
        first = self.lines[0] if self.lines else ""
        return (".sh" in suffixes and first.endswith("bash")) or (".py" in suffixes and first.endswith("python3"))

    @property
    def layer(self):
        return self.path.partition("/")[0]

    @property
    def is_cpp(self):
        return self.path.endswith((".h", ".cc"))


def top_level(file):
    if file.layer not in TOP_LEVEL and not file.layer.startswith("."):
        yield 1, "'%s' is not one of the rooms: %s" % (file.layer, ", ".join(sorted(TOP_LEVEL)))


def layers(file):
    forbidden, reason = LAYERS.get(file.layer, ((), ""))
    allowed = [path for start, paths in LAYER_EXCEPTIONS.items() if file.path.startswith(start) for path in paths]
    if not file.is_cpp:
        return
    for number, include in file.includes():
        if include.startswith(forbidden) and not include.startswith(tuple(allowed)):
            yield number, "%s may not include %s: %s" % (file.layer, include, reason)


def wrapped_libraries(file):
    for number, include in file.includes():
        for library, wrappers in WRAPPED_LIBRARIES.items():
            if file.is_cpp and include.startswith(library) and file.path not in wrappers:
                yield number, "%s is included in %s alone; use what that offers" % (include, " and ".join(wrappers))


def storage_internals(file):
    if not file.is_cpp or file.path.startswith(("storage/", "tests/storage/")):
        return
    for number, include in file.includes():
        if include in STORAGE_INTERNALS:
            yield number, "%s is storage's own; use storage/store.h or storage/committer.h" % include


def precompiled_includes(file):
    if not PRECOMPILED_FOR.fullmatch(file.path):
        return
    included = {include for _, include in file.includes()}
    for number, line in enumerate(file.lines, 1):
        for header, names in NAMES_OF_HEADERS.items():
            if header not in included and names.search(re.sub(r"(^|\s)//.*", "", line)):
                yield number, "include %s: it is compiled ahead, so that the compiler does not ask for it" % header


def file_length(file):
    if file.has_suffix(LIMITED_IN_LENGTH) and len(file.lines) > LINES_MAX:
        yield LINES_MAX + 1, "%d lines; above %d a file holds two ideas: split it" % (len(file.lines), LINES_MAX)


def line_length(file):
    if not file.has_suffix(CODE):
        return
    for number, line in enumerate(file.lines, 1):
        # What can't be wrapped: an address, or an import of a path.
        if len(line) > COLUMNS_MAX and "://" not in line:
            yield number, "%d columns; the limit is %d" % (len(line), COLUMNS_MAX)


def banned(file):
    if file.path in RULE_FILES:
        return
    for pattern, holds_for, message in BANNED_WORDS + BANNED_CODE:
        if not re.fullmatch(holds_for, file.path):
            continue
        is_code = (pattern, holds_for, message) in BANNED_CODE
        for number, line in enumerate(file.lines, 1):
            match = pattern.search(re.sub(r"(^|\s)//.*", "", line) if is_code else line)
            if match:
                yield number, "'%s': %s" % (match.group(0), message)


def skip_reasons(file):
    if not file.is_cpp or file.path in RULE_FILES:
        return
    for match in re.finditer(r"\bGTEST_SKIP\(\)\s*;", file.text):
        yield file.text.count("\n", 0, match.start()) + 1, "print the reason: GTEST_SKIP() << ..."


def header_guard(file):
    if not file.path.endswith(".h"):
        return
    guard = "DUNLIN_" + re.sub(r"[^A-Za-z0-9]", "_", file.path).upper() + "_"
    code = [line for line in file.lines if line.strip()]
    if code[:2] != ["#ifndef " + guard, "#define " + guard]:
        yield 1, "the header does not open with its guard %s" % guard


def header_contract(file):
    if not file.path.endswith(".h") or file.layer not in LAYERS:
        return
    for number, line in enumerate(file.lines, 1):
        match = CLASS.match(line)
        if not match:
            continue
        if not _has_comment_above(file.lines, number - 1):
            yield number, "%s has no comment that says what it is" % match.group(1)
        if "Thread-safety:" not in file.text:
            yield number, "%s has no sentence that starts with 'Thread-safety:'" % match.group(1)


def _has_comment_above(lines, index):
    while index > 0 and lines[index - 1].lstrip().startswith("template <"):
        index -= 1
    return index > 0 and lines[index - 1].lstrip().startswith("//")


def proto_comments(file):
    if not file.path.startswith("proto/") or not file.path.endswith(".proto"):
        return
    for index, line in enumerate(file.lines):
        if line.lstrip().startswith(("option ", "syntax", "package ", "import ", "reserved ")):
            continue
        match = PROTO_NAMED.match(line)
        name = match.group(2) if match else None
        for pattern in (PROTO_FIELD, PROTO_VALUE):
            match = pattern.match(line)
            name = name or (match.group(1) if match else None)
        if name and not _has_comment_above(file.lines, index):
            yield index + 1, "%s has no comment" % name


RULES = (
    top_level,
    layers,
    wrapped_libraries,
    storage_internals,
    precompiled_includes,
    file_length,
    line_length,
    banned,
    skip_reasons,
    header_guard,
    header_contract,
    proto_comments,
)


def check(file, rules=RULES):
    """Returns the findings in one file."""
    return [Finding(file.path, line, rule.__name__, message) for rule in rules for line, message in rule(file)]


def read_tree(root):
    """Yields every text file below `root` that is ours."""
    for folder, subfolders, names in os.walk(root):
        subfolders[:] = sorted(name for name in subfolders if not IGNORED_FOLDERS.match(name))
        for name in sorted(names):
            path = os.path.join(folder, name)
            if os.path.islink(path):
                continue
            with open(path, "rb") as file:
                content = file.read()
            if b"\0" not in content:
                yield SourceFile(os.path.relpath(path, root), content.decode("utf-8", "replace"))


def root_of_tree():
    """The checkout that holds this file, also where a test runs it through links."""
    return os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))


def main(arguments):
    root = arguments[0] if arguments else root_of_tree()
    findings = [finding for file in read_tree(root) for finding in check(file)]
    for finding in findings:
        print("%s:%d: [%s] %s" % finding)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
