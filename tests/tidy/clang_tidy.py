"""Runs clang-tidy over every C++ source that a target compiles, and reports what it finds.

    clang_tidy.py CACHE_DIR [--fix] [--background FILE] [OPTION OF BAZEL...]

Flags come from Bazel, so that clang-tidy sees what the compiler sees. A source is looked at again only when it, a
header of ours below it, its flags or .clang-tidy changed: CACHE_DIR remembers by content which ones were clean. Sources
that get along are read as one, which takes an eighth of the time; where such a group is not clean, its parts are looked
at, down to the single source. FILE is created once Bazel is free for others, who have precedence from then on. Run
from the root of the checkout. Exit code 1 if anything was found.
"""

import argparse
import collections
import concurrent.futures
import hashlib
import itertools
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import source_groups

CLANG_TIDY = "clang-tidy-16"
LOWEST_PRIORITY = 19
INCLUDE = re.compile(rb'^\s*#\s*include\s*"([^"]+)"', re.MULTILINE)
# Of the compiler's flags these matter for reading the source; gcc's warnings and code generation mean nothing to clang.
FLAGS_WITH_VALUE = ("-iquote", "-isystem", "-I", "-D")


def flags_by_source(bazel_options):
    """Asks Bazel how each of our sources is compiled."""
    query = ["bazel", "aquery", *bazel_options, "--output=jsonproto", 'mnemonic("CppCompile", //...)']
    actions = json.loads(subprocess.run(query, check=True, stdout=subprocess.PIPE).stdout).get("actions", [])
    flags = {}
    for action in actions:
        arguments = action["arguments"]
        source = arguments[arguments.index("-c") + 1]
        if os.path.exists(source) and not source.startswith(("bazel-out/", "external/")):
            flags[source] = reading_flags(arguments)
    return flags


def reading_flags(arguments):
    """Keeps the standard, the definitions and the include paths of a compiler's command line."""
    kept = ["-std=c++17"]
    for position, argument in enumerate(arguments):
        if argument in FLAGS_WITH_VALUE:
            kept += [argument, arguments[position + 1]]
        elif argument.startswith(("-I", "-D")) and "redacted" not in argument and "FORTIFY" not in argument:
            kept.append(argument)
    return kept


def sources_without_target(flags):
    """Returns the .cc files that no target compiles: nobody would notice if they broke."""
    found = []
    for room in ("storage", "sync", "server", "client", "tests"):
        for folder, _, names in os.walk(room):
            found += [os.path.join(folder, name) for name in names if name.endswith(".cc")]
    return sorted(set(found) - set(flags))


def content_key(source, flags, common):
    """Names all that clang-tidy's verdict on a source depends on."""
    key = hashlib.sha256(common + "\0".join(flags).encode())
    seen, todo = set(), [source]
    while todo:
        path = todo.pop()
        if path in seen or not os.path.exists(path):
            continue
        seen.add(path)
        with open(path, "rb") as file:
            content = file.read()
        key.update(path.encode() + b"\0" + content)
        todo += sorted(_source_of(include.decode()) for include in INCLUDE.findall(content))
    return key.hexdigest()


def _source_of(include):
    # Generated headers change when their .proto does.
    generated = re.match(r"(dunlin/v1/\w+?)(\.grpc)?\.pb\.h$", include)
    return "proto/%s.proto" % generated.group(1) if generated else include


def common_key():
    """What every verdict depends on: the program and its configuration."""
    version = subprocess.run([CLANG_TIDY, "--version"], check=True, stdout=subprocess.PIPE).stdout
    with open(".clang-tidy", "rb") as file:
        return version + file.read()


def run(source, flags, fix=False):
    """Returns clang-tidy's findings on one source, empty when it is clean."""
    command = [CLANG_TIDY, "--quiet", "--config-file=.clang-tidy"] + (["--fix"] if fix else []) + [source, "--"] + flags
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    # Standard error only counts suppressed warnings, unless clang-tidy itself failed.
    return result.stdout.strip() if result.returncode == 0 else (result.stdout or result.stderr).strip()


def run_as_one(group, flags):
    """Returns clang-tidy's findings on several sources that one file includes."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "group.cc")
        with open(path, "w", encoding="utf-8") as file:
            file.writelines('#include "%s"  // NOLINT(bugprone-suspicious-include)\n' % source for source in group)
        return run(path, flags)


def verdicts(group, flags):
    """Yields (source, findings) for each source of a group; what is found is always found in a source by itself."""
    if len(group) == 1:
        yield group[0], run(group[0], flags)
    elif not run_as_one(group, flags):
        yield from ((source, "") for source in group)
    else:
        middle = len(group) // 2
        yield from verdicts(group[:middle], flags)
        yield from verdicts(group[middle:], flags)


def groups_of(sources):
    """Returns (sources, flags) for each group of those that may be read as one: with the same definitions."""
    alike = collections.defaultdict(list)
    for source, flags in sources.items():
        alike[frozenset(flag for flag in flags if flag.startswith("-D"))].append(source)
    for members in alike.values():
        for group in source_groups.grouped({source: _read(source) for source in members}):
            yield group, _flags_of_all(sources[source] for source in group)


def _flags_of_all(flags_of_each):
    """Returns what any of them has, with include paths as single arguments, each once."""
    joined = (pair for flags in flags_of_each for pair in _paths_joined(flags))
    return list(dict.fromkeys(joined))


def _paths_joined(flags):
    flags = iter(flags)
    return [flag + next(flags) if flag in FLAGS_WITH_VALUE else flag for flag in flags]


def _read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def check(sources, cache, fix):
    """Looks at all sources, on all cores, and returns how many had findings."""
    common = common_key()
    os.makedirs(cache, exist_ok=True)
    stamps = {source: os.path.join(cache, content_key(source, sources[source], common)) for source in sources}
    unknown = {source: sources[source] for source in sources if not os.path.exists(stamps[source])}
    if fix:
        # One by one: two fixes of one header at the same time would spoil it.
        results = ([(source, run(source, unknown[source], fix=True))] for source in sorted(unknown))
    else:
        pool = concurrent.futures.ThreadPoolExecutor(os.cpu_count())
        results = pool.map(lambda group: list(verdicts(*group)), groups_of(unknown))
    found = 0
    for source, findings in itertools.chain.from_iterable(results):
        if findings:
            found += 1
            print(findings.replace(os.getcwd() + "/", ""), flush=True)
        else:
            with open(stamps[source], "wb"):
                pass
    return found


def main(arguments):
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("cache")
    parser.add_argument("--fix", action="store_true")
    parser.add_argument("--background", type=pathlib.Path)
    options, bazel_options = parser.parse_known_args(arguments)
    sources = flags_by_source(bazel_options)
    if options.background:
        os.nice(LOWEST_PRIORITY)
        options.background.touch()
    orphans = sources_without_target(sources)
    for orphan in orphans:
        print("%s:1: no target compiles this file: name it in its BUILD.bazel" % orphan)
    return 1 if check(sources, options.cache, options.fix) or orphans else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
