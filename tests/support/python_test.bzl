"""Tests written in Python with unittest."""

def python_test(name, src, data = [], **kwargs):
    """A Python test whose cases show one by one in the test report.

    Bazel's own py_test starts `python`, which Debian does not have.

    Args:
      name: the test.
      src: the file with the unittest cases.
      data: modules beside it that it imports, and files and programs that it needs when it runs.
      **kwargs: passed on to sh_test.
    """
    native.sh_test(
        name = name,
        srcs = ["//tests/support:run_python_test.sh"],
        args = ["$(location %s)" % src],
        data = [src, "//tests/support:python_test_runner.py"] + data,
        **kwargs
    )
