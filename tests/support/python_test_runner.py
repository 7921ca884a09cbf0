"""Runs one file of unittest cases under Bazel and reports each case in test.xml, as the C++ tests do.

    python_test_runner.py TEST_FILE

Honours `bazel test --test_filter=PATTERN` (shell patterns against Class.method). The file can import its neighbours.
"""

import fnmatch
import importlib.util
import os
import sys
import time
import unittest
import xml.etree.ElementTree


class RecordingResult(unittest.TextTestResult):
    """Keeps what became of each case, in order."""

    def __init__(self, *args):
        super().__init__(*args)
        self.cases = []

    def startTest(self, test):
        super().startTest(test)
        self._started = time.monotonic()

    def _record(self, test, tag=None, message=""):
        duration = time.monotonic() - getattr(self, "_started", time.monotonic())
        # Not every entry is a method: a failing setUpClass is reported under a name of its own.
        class_name, _, method = test.id().rpartition(".")
        self.cases.append((class_name.rpartition(".")[2], method, duration, tag, message))

    def addSuccess(self, test):
        super().addSuccess(test)
        self._record(test)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self._record(test, "failure", str(err[1]))

    def addError(self, test, err):
        super().addError(test, err)
        self._record(test, "error", repr(err[1]))

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self._record(test, "skipped", reason)

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            self._record(test, "failure", "%s: %s" % (subtest, err[1]))


def load(path):
    name = os.path.splitext(os.path.basename(path))[0]
    sys.path.insert(0, os.path.dirname(os.path.abspath(path)))
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def select(suite, pattern):
    """Returns the cases of a suite whose Class.method matches the pattern."""
    selected = unittest.TestSuite()
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            selected.addTests(select(test, pattern))
        elif fnmatch.fnmatchcase(".".join(test.id().split(".")[-2:]), pattern):
            selected.addTest(test)
    return selected


def write_xml(path, name, cases):
    suite = xml.etree.ElementTree.Element("testsuite", name=name)
    for class_name, method, duration, tag, message in cases:
        case = xml.etree.ElementTree.SubElement(
            suite, "testcase", classname=class_name, name=method, time="%.3f" % duration
        )
        if tag:
            xml.etree.ElementTree.SubElement(case, tag, message=message)
    xml.etree.ElementTree.ElementTree(suite).write(path, encoding="utf-8", xml_declaration=True)


def main(arguments):
    (path,) = arguments
    suite = unittest.defaultTestLoader.loadTestsFromModule(load(path))
    suite = select(suite, os.environ.get("TESTBRIDGE_TEST_ONLY") or "*")
    result = unittest.TextTestRunner(verbosity=2, resultclass=RecordingResult).run(suite)
    if "XML_OUTPUT_FILE" in os.environ:
        write_xml(os.environ["XML_OUTPUT_FILE"], os.path.basename(path), result.cases)
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
