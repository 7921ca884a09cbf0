"""Goal: the closing line of tests/run is true. Method: made-up events and test.xml files, each with one way to fail."""

import contextlib
import io
import os
import tempfile
import unittest

import test_report

LABEL = "//tests/storage:record_test"


def build_failed(label):
    return {"id": {"targetCompleted": {"label": label}}, "completed": {"failureDetail": {"message": "no"}}}


def test_result(status, xml_path, attempt=1, shard=1):
    return {
        "id": {"testResult": {"label": LABEL, "run": 1, "shard": shard, "attempt": attempt}},
        "testResult": {
            "status": status,
            "testActionOutput": [{"name": "test.log", "uri": "file:///x"}, {"name": "test.xml", "uri": "file://" + xml_path}],
        },
    }


class TestReportTest(unittest.TestCase):
    def setUp(self):
        self._scratch = tempfile.TemporaryDirectory(prefix="test report ")
        self.addCleanup(self._scratch.cleanup)

    def write_xml(self, cases):
        path = os.path.join(self._scratch.name, "%d.xml" % len(os.listdir(self._scratch.name)))
        with open(path, "w", encoding="utf-8") as file:
            file.write("<testsuites><testsuite name='Record'>%s</testsuite></testsuites>" % cases)
        return path.replace(" ", "%20")

    def closing_line(self, *events):
        return test_report.closing_line(test_report.results_of_events(list(events)))

    def test_counts_every_case(self):
        xml = self.write_xml("<testcase classname='Record' name='A'/><testcase classname='Record' name='B'/>")
        self.assertEqual(self.closing_line(test_result("PASSED", xml)), "2 passed, 0 failed")

    def test_counts_failed_and_skipped_cases(self):
        xml = self.write_xml(
            "<testcase classname='Record' name='A'><failure message='expected 1'/></testcase>"
            "<testcase classname='Record' name='B'><skipped message='no grpcurl'/></testcase>"
            "<testcase classname='Record' name='DISABLED_C' status='notrun'/>"
        )
        self.assertEqual(self.closing_line(test_result("FAILED", xml)), "0 passed, 1 failed, 2 skipped")

    def test_a_target_that_did_not_build_counts_once(self):
        self.assertEqual(self.closing_line(build_failed(LABEL), build_failed(LABEL)), "0 passed, 1 failed")

    def test_a_crash_after_the_last_case_counts(self):
        xml = self.write_xml("<testcase classname='Record' name='A'/>")
        self.assertEqual(self.closing_line(test_result("FAILED", xml)), "1 passed, 1 failed")

    def test_a_timeout_without_xml_counts(self):
        self.assertEqual(self.closing_line(test_result("TIMEOUT", "/absent.xml")), "0 passed, 1 failed")

    def test_a_timeout_is_called_by_its_name(self):
        xml = self.write_xml("<testcase name='tests/storage/record_test'><error message='exited with 142'/></testcase>")
        results = test_report.results_of_events([test_result("TIMEOUT", xml)])
        self.assertEqual(results, [test_report.Result(test_report.FAILED, LABEL, "timeout")])

    def test_a_pass_without_readable_xml_counts_as_failed(self):
        self.assertEqual(self.closing_line(test_result("PASSED", "/absent.xml")), "0 passed, 1 failed")

    def test_the_last_attempt_decides(self):
        bad = self.write_xml("<testcase classname='Record' name='A'><failure message='late'/></testcase>")
        good = self.write_xml("<testcase classname='Record' name='A'/>")
        events = test_result("FAILED", bad, attempt=1), test_result("PASSED", good, attempt=2)
        self.assertEqual(self.closing_line(*events), "1 passed, 0 failed")

    def test_shards_add_up(self):
        first = self.write_xml("<testcase classname='Record' name='A'/>")
        second = self.write_xml("<testcase classname='Record' name='B'/>")
        events = test_result("PASSED", first, shard=1), test_result("PASSED", second, shard=2)
        self.assertEqual(self.closing_line(*events), "2 passed, 0 failed")

    def test_an_unknown_target_counts(self):
        event = {"id": {"pattern": {"pattern": ["//nowhere"]}}, "aborted": {"reason": "LOADING_FAILURE"}}
        self.assertEqual(self.closing_line(event), "0 passed, 1 failed")


class ReportTest(unittest.TestCase):
    def report(self, results, bazel_exit_code):
        output = io.StringIO()
        with contextlib.redirect_stdout(output):
            exit_code = test_report.report(results, bazel_exit_code)
        return exit_code, output.getvalue().splitlines()[-1]

    def test_success(self):
        passed = test_report.Result(test_report.PASSED, LABEL, "0.1 s")
        self.assertEqual(self.report([passed], 0), (0, "1 passed, 0 failed"))

    def test_nothing_ran_is_a_failure(self):
        self.assertEqual(self.report([], 0), (1, "0 passed, 0 failed"))

    def test_an_error_of_bazel_itself_is_a_failure(self):
        passed = test_report.Result(test_report.PASSED, LABEL, "0.1 s")
        self.assertEqual(self.report([passed], 37), (1, "1 passed, 1 failed"))


if __name__ == "__main__":
    unittest.main()
