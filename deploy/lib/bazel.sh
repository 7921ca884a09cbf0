# shellcheck shell=bash
# How Dunlin's scripts call Bazel. Source messages.sh and packages.sh first.

# Options that every build of a script gets. A fresh clone starts with an empty output base; with the user's disk cache
# it is quick again, and nothing depends on it. It is never cleaned up by itself: remove the folder when it has grown.
bazel_options() {
  local fingerprint
  fingerprint="$(packages_fingerprint)"
  printf '%s\n' "--disk_cache=$(dunlin_cache_dir)/bazel/$fingerprint"
  # third_party/system_libraries.bzl asks the system again when this has changed.
  printf '%s\n' "--repo_env=DUNLIN_PACKAGES=$fingerprint"
  # Without a terminal Bazel would print a line for every step.
  [[ -t 2 ]] || printf '%s\n' --curses=no --color=no --show_progress_rate_limit=15
}

# read_bazel_options ARRAY: puts them into the array of that name. A process substitution would hide that they could not
# be told.
read_bazel_options() {
  # Not a name that the caller's array may have.
  local one_each_line
  one_each_line="$(bazel_options)" || return
  mapfile -t "$1" <<<"$one_each_line"
}

dunlin_cache_dir() {
  # Not $HOME, which is not always set for a script that a service runs.
  local home=~
  printf '%s' "${XDG_CACHE_HOME:-$home/.cache}/dunlin"
}
