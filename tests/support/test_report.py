"""Tells, test by test, what a run of `bazel test` came to.

    test_report.py EVENTS_FILE BAZEL_EXIT_CODE

EVENTS_FILE is what --build_event_json_file wrote. It names the targets that were built and the test.xml of every test
that ran, so results of earlier runs can't slip in. The last line is `N passed, N failed[, N skipped]`; the exit code is
0 only if something ran and nothing failed.
"""

import collections
import json
import os
import sys
import urllib.parse
import xml.etree.ElementTree

PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"

# One test case, or a target that has no cases to speak for it.
Result = collections.namedtuple("Result", ["outcome", "name", "detail"])


def read_events(path):
    if not os.path.exists(path):  # Bazel did not get as far as that.
        return []
    with open(path, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines if line.strip()]


def results_of_events(events):
    """Returns a Result for every test case and for every target that could not be built."""
    results = []
    last_attempts = {}
    for event in events:
        identity = event.get("id", {})
        if "testResult" in event:
            run = identity["testResult"]
            # Attempts of a flaky test come one after another; the last one decides.
            last_attempts[run["label"], run.get("run", 1), run.get("shard", 1)] = event["testResult"]
        elif "completed" in event and not event["completed"].get("success"):
            results.append(Result(FAILED, identity["targetCompleted"]["label"], "did not build"))
        elif "aborted" in event and event["aborted"].get("reason") != "SKIPPED":
            results.append(_aborted(identity, event["aborted"]))
    for (label, _, _), attempt in last_attempts.items():
        results.extend(_results_of_test(label, attempt))
    return _without_repeats(results)


def _aborted(identity, aborted):
    details = next(iter(identity.values()), {})
    name = details.get("label") or " ".join(details.get("pattern", [])) or "bazel"
    description = aborted.get("description") or aborted.get("reason", "aborted")
    return Result(FAILED, name, description.splitlines()[0])


def _without_repeats(results):
    # One broken target is reported by several events; runs of one test case are each counted.
    seen = set()
    kept = []
    for result in results:
        is_target = result.outcome == FAILED and " " not in result.name
        if is_target and result.name in seen:
            continue
        seen.add(result.name)
        kept.append(result)
    return kept


def _results_of_test(label, attempt):
    status = attempt.get("status", "NO_STATUS")
    cases = []
    for output in attempt.get("testActionOutput", []):
        if output.get("name") == "test.xml":
            path = urllib.parse.unquote(urllib.parse.urlparse(output.get("uri", "")).path)
            cases = results_of_xml(label, path)
    if status == "PASSED":
        return cases
    if status == "FAILED" and any(case.outcome == FAILED for case in cases):
        return cases
    # It ran out of time, or crashed or leaked after its last case: the cases alone would look well.
    cases = [case for case in cases if case.name != label]
    return cases + [Result(FAILED, label, status.lower().replace("_", " "))]


def results_of_xml(label, path):
    """Returns a Result for every test case of a test.xml; a file that can't be read is one failure."""
    try:
        root = xml.etree.ElementTree.parse(path).getroot()
    except (OSError, xml.etree.ElementTree.ParseError) as error:
        return [Result(FAILED, label, "no readable test.xml: %s" % error)]
    return [_result_of_case(label, case) for case in root.iter("testcase")]


def _result_of_case(label, case):
    suite = case.get("classname")
    # A test without cases of its own gets one from Bazel, named after the target.
    is_whole_target = suite is None or case.get("name", "").endswith(label.rpartition(":")[2])
    name = label if is_whole_target else "%s %s.%s" % (label, suite, case.get("name"))
    for tag in ("failure", "error"):
        problem = case.find(tag)
        if problem is not None:
            return Result(FAILED, name, _summary(problem))
    skipped = case.find("skipped")
    if skipped is not None:
        return Result(SKIPPED, name, _summary(skipped) or "no reason given")
    if case.get("status") == "notrun":
        return Result(SKIPPED, name, "disabled")
    return Result(PASSED, name, "%s s" % case.get("time", "?"))


def _summary(problem):
    # GoogleTest puts the place on the first line and what happened there on the second.
    text = problem.get("message") or problem.text or ""
    return ": ".join([line.strip() for line in text.splitlines() if line.strip()][:2])


def closing_line(results):
    counts = collections.Counter(result.outcome for result in results)
    line = "%d passed, %d failed" % (counts[PASSED], counts[FAILED])
    return line + (", %d skipped" % counts[SKIPPED] if counts[SKIPPED] else "")


def report(results, bazel_exit_code):
    """Prints the results, failures last, and returns the exit code."""
    failed = [result for result in results if result.outcome == FAILED]
    if bazel_exit_code != 0 and not failed:
        failed = [Result(FAILED, "bazel", "ended with exit code %d; its message stands above" % bazel_exit_code)]
        results = results + failed
    for result in sorted(results, key=lambda r: (r.outcome == FAILED, r.name)):
        print("%-7s %s (%s)" % (result.outcome, result.name, result.detail))
    ran = any(result.outcome != SKIPPED for result in results)
    if not ran:
        print("No test ran: no target or no test case matches what was asked for.")
    print(closing_line(results))
    return 0 if ran and not failed else 1


def main(arguments):
    events_path, bazel_exit_code = arguments
    return report(results_of_events(read_events(events_path)), int(bazel_exit_code))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
