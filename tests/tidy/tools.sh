# shellcheck shell=bash
# The two checkers that Debian does not have, at pinned versions, in the user's cache. Source messages.sh and bazel.sh
# of deploy/lib first.

readonly BUILDIFIER_VERSION=v0.0.0-20240918101019-be1c24cc9a44
readonly BUF_VERSION=1.50.0
# An unreachable registry may not answer at all.
readonly DOWNLOAD_TIMEOUT_S=300

buildifier_path() { printf '%s' "$(dunlin_cache_dir)/buildifier-$BUILDIFIER_VERSION/buildifier"; }

buf_path() { printf '%s' "$(dunlin_cache_dir)/buf-$BUF_VERSION/node_modules/.bin/buf"; }

have_buildifier() {
  [[ -x "$(buildifier_path)" ]] && return
  if ! command -v go >/dev/null; then
    say "--- buildifier: skipped, it is built with Go, and there is no 'go' on the PATH"
    return 1
  fi
  # Built by the Go that is there: a matching toolchain would be one more download.
  GOBIN="$(dirname "$(buildifier_path)")" GOTOOLCHAIN=local GOFLAGS=-mod=mod timeout "$DOWNLOAD_TIMEOUT_S" \
    go install "github.com/bazelbuild/buildtools/buildifier@$BUILDIFIER_VERSION" && return
  say "--- buildifier: skipped, 'go install' could not get it; its message stands above"
  return 1
}

have_buf() {
  [[ -x "$(buf_path)" ]] && return
  if ! command -v npm >/dev/null; then
    say "--- buf: skipped, it is installed with npm, and there is no 'npm' on the PATH"
    return 1
  fi
  local folder
  folder="$(dunlin_cache_dir)/buf-$BUF_VERSION"
  mkdir -p "$folder"
  timeout "$DOWNLOAD_TIMEOUT_S" npm install --silent --no-fund --no-audit --prefix "$folder" \
    "@bufbuild/buf@$BUF_VERSION" && return
  say "--- buf: skipped, 'npm install' could not get it; its message stands above"
  return 1
}
