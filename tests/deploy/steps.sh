# shellcheck shell=bash
# The steps of a trial that is run by hand: each is named, timed and counted. Source messages.sh of deploy/lib first.

steps_passed=0
steps_failed=0

# step NAME COMMAND...: runs the command, shows what it prints, and goes on whatever comes of it. Not in a subshell:
# what it starts and sets is there for the next step.
step() {
  local name="$1" started="$SECONDS" result=passed
  shift
  say "--- $name"
  if "$@"; then
    steps_passed=$((steps_passed + 1))
  else
    steps_failed=$((steps_failed + 1))
    result=FAILED
  fi
  say "--- $result: $name ($((SECONDS - started)) s)"
}

# Prints the sum as the last line; true if nothing failed.
close_steps() {
  say "$steps_passed passed, $steps_failed failed"
  [[ $steps_failed -eq 0 && $steps_passed -gt 0 ]]
}
