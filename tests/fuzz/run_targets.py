"""Runs fuzzers of libFuzzer, two at a time, and tells what each came to.

    run_targets.py SECONDS PROGRAMS_DIR CORPUS_DIR TARGET...

The fuzzer of a target is PROGRAMS_DIR/TARGET_fuzz, what it begins with lies in CORPUS_DIR/TARGET and stays as it is.
One line a target; of those that failed also the end of their log and the input, which is kept. The last line is
`N passed, N failed`; the exit code is 0 only if all passed.
"""

import collections
import concurrent.futures
import os
import re
import shutil
import subprocess
import sys
import tempfile

# Two cores are what a change is held to everywhere (.ci/run); each fuzzer keeps one busy.
PARALLEL = 2
# For one input: a thousand times what the slowest takes.
INPUT_TIMEOUT_S = 20
MEMORY_MAX_MB = 2048
# For reading what is kept and for the end, beside the time of fuzzing.
SPARE_TIME_S = 120

LOG_TAIL_LINES = 60
HEX_MAX_BYTES = 2048

# The settings of --config=asan in .bazelrc.
ENVIRONMENT = {
    "ASAN_OPTIONS": "detect_leaks=1:detect_stack_use_after_return=1:strict_string_checks=1",
    "ASAN_SYMBOLIZER_PATH": "/usr/bin/llvm-symbolizer-16",
    "UBSAN_OPTIONS": "print_stacktrace=1",
    "UBSAN_SYMBOLIZER_PATH": "/usr/bin/llvm-symbolizer-16",
}

# `problem` is empty when the target passed; `inputs` are the paths of those that ended it.
Result = collections.namedtuple("Result", ["target", "executions", "rate", "edges", "new", "inputs", "problem", "log"])


def run(target, seconds, programs, corpus, folder):
    """Fuzzes one target; what it writes goes into `folder`."""
    found = os.path.join(folder, target, "new")
    broken = os.path.join(folder, target, "broken")
    for path in (found, broken):
        os.makedirs(path)
    command = [
        os.path.join(programs, target + "_fuzz"),
        "-max_total_time=%d" % seconds,
        "-timeout=%d" % INPUT_TIMEOUT_S,
        "-rss_limit_mb=%d" % MEMORY_MAX_MB,
        "-print_final_stats=1",
        "-artifact_prefix=%s/" % broken,
        found,
        os.path.join(corpus, target),
    ]
    log_path = os.path.join(folder, target, "log")
    with open(log_path, "wb") as log:
        try:
            exit_code = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **ENVIRONMENT},
                timeout=seconds + SPARE_TIME_S,
                check=False,
            ).returncode
        except subprocess.TimeoutExpired:
            exit_code = None
    with open(log_path, encoding="utf-8", errors="replace") as log:
        text = log.read()
    inputs = sorted(os.path.join(broken, name) for name in os.listdir(broken))
    return result_of_log(target, exit_code, text, inputs)


def result_of_log(target, exit_code, log, inputs):
    """Reads libFuzzer's own account. `exit_code` is None when it did not end by itself."""
    numbers = {
        name: int((re.findall(pattern, log) or ["0"])[-1])
        for name, pattern in (
            ("executions", r"stat::number_of_executed_units:\s+(\d+)"),
            ("rate", r"stat::average_exec_per_sec:\s+(\d+)"),
            ("edges", r"\bcov: (\d+)"),
            ("new", r"stat::new_units_added:\s+(\d+)"),
        )
    }
    problem = ""
    if exit_code is None:
        problem = "did not end in time"
    elif exit_code != 0:
        problem = "ended with exit code %d" % exit_code
    elif not numbers["executions"] or not numbers["edges"]:
        problem = "ran without a count of executions and edges"
    return Result(target=target, inputs=inputs, problem=problem, log=log, **numbers)


def line_of(result):
    return "%-7s %s: %s executions, %s/s, %s edges, %s new inputs, %d crashes" % (
        "failed" if result.problem else "passed",
        result.target,
        format(result.executions, ","),
        format(result.rate, ","),
        format(result.edges, ","),
        format(result.new, ","),
        len(result.inputs),
    )


def details_of(result):
    """Yields what somebody needs who wants to mend it."""
    yield "  %s; the end of its log:" % result.problem
    for line in result.log.splitlines()[-LOG_TAIL_LINES:]:
        yield "  | " + line
    for path in result.inputs:
        with open(path, "rb") as file:
            content = file.read()
        yield "  %s (%d bytes)" % (path, len(content))
        yield "  hex: %s%s" % (content[:HEX_MAX_BYTES].hex(), " ..." if len(content) > HEX_MAX_BYTES else "")


def main(arguments):
    seconds, programs, corpus, *targets = arguments
    folder = tempfile.mkdtemp(prefix="dunlin-fuzz-")
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(PARALLEL) as pool:
        runs = [pool.submit(run, target, int(seconds), programs, corpus, folder) for target in targets]
        for future in concurrent.futures.as_completed(runs):
            result = future.result()
            print(line_of(result), flush=True)
            if result.problem:
                failed += 1
                print("\n".join(details_of(result)), flush=True)
    if failed:
        print("Inputs and logs are kept in %s." % folder)
    else:
        shutil.rmtree(folder)
    print("%d passed, %d failed" % (len(targets) - failed, failed))
    return 1 if failed or not targets else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
