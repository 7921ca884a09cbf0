#!/usr/bin/env bash
# Tells Bazel which commit is being built, for `dunlind --version`. DUNLIN_COMMIT names it where there is no repository.
set -euo pipefail
commit="${DUNLIN_COMMIT:-$(git describe --always --dirty --abbrev=12 2>/dev/null || true)}"
printf 'STABLE_DUNLIN_COMMIT %s\n' "${commit:-unknown}"
