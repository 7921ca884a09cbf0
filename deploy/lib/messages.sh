# shellcheck shell=bash
# How Dunlin's scripts speak: progress on standard output, errors on standard error, each with a remedy.

# Exit codes shared by all scripts: 1 means that something failed, 2 that the caller has to change something first.
# shellcheck disable=SC2034  # Used by those who source this.
readonly EXIT_FAILED=1 EXIT_USAGE=2

# Output may be a pipe whose reader has gone (`deploy/up | head`); that must never keep a script from cleaning up.
say() { printf '%s\n' "$*" || true; }

warn() { printf '%s\n' "$*" >&2 || true; }

# fail EXIT_CODE LINE...: prints the lines, the first one headed by the script, and ends the script.
fail() {
  local exit_code="$1"
  shift
  warn "$0: $1"
  shift
  local line
  for line in "$@"; do
    warn "  $line"
  done
  exit "$exit_code"
}
