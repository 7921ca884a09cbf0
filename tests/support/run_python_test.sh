#!/usr/bin/env bash
# Runs a Python test under Bazel with the system's interpreter, the one that has Debian's gRPC package.
set -euo pipefail
# The folder of the tests may not be writable, and need not be littered.
export PYTHONDONTWRITEBYTECODE=1
exec /usr/bin/python3 tests/support/python_test_runner.py "$@"
