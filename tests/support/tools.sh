# shellcheck shell=bash
# The programs that Debian does not have, at pinned versions, in the user's cache. Source messages.sh and bazel.sh of
# deploy/lib first.
#
# have_NAME gets a program once and is true if it is there; else it has printed why not. NAME_path tells where it is.

readonly BUILDIFIER_VERSION=v0.0.0-20240918101019-be1c24cc9a44
readonly BUF_VERSION=1.50.0
readonly ETCD_VERSION=v3.7.3
readonly GRPCURL_VERSION=v1.9.3
# An unreachable registry may not answer at all.
readonly DOWNLOAD_TIMEOUT_S=300

buildifier_path() { printf '%s' "$(dunlin_cache_dir)/buildifier-$BUILDIFIER_VERSION/buildifier"; }

have_buildifier() {
  have_go_program buildifier "$(buildifier_path)" "github.com/bazelbuild/buildtools/buildifier@$BUILDIFIER_VERSION"
}

grpcurl_path() { printf '%s' "$(dunlin_cache_dir)/grpcurl-$GRPCURL_VERSION/grpcurl"; }

have_grpcurl() {
  have_go_program grpcurl "$(grpcurl_path)" "github.com/fullstorydev/grpcurl/cmd/grpcurl@$GRPCURL_VERSION"
}

# Prints the path of a grpcurl that is there already: the caller's, the system's or ours.
find_grpcurl() { first_program "${GRPCURL:-}" "$(command -v grpcurl || true)" "$(grpcurl_path)"; }

# have_go_program NAME PATH PACKAGE@VERSION
have_go_program() {
  local name="$1" path="$2" package="$3"
  [[ -x "$path" ]] && return
  if ! command -v go >/dev/null; then
    say "--- $name: skipped, it is built with Go, and there is no 'go' on the PATH"
    return 1
  fi
  (build_go_program "$path" "$package") && return
  say "--- $name: skipped, Go could not get it; its message stands above"
  return 1
}

# build_go_program PATH PACKAGE@VERSION: run it in a subshell. Only the network may keep one waiting for ever; a busy
# machine compiles for as long as it takes.
build_go_program() {
  local path="$1" package="$2" module
  module="$(mktemp -d)"
  # shellcheck disable=SC2064  # The name is known now and gone later.
  trap "rm -rf '$module'" EXIT
  cd "$module" || return
  # Built by the Go that is there: a matching toolchain would be one more download.
  export GOTOOLCHAIN=local GOFLAGS=-mod=mod
  go mod init tool 2>/dev/null && timeout "$DOWNLOAD_TIMEOUT_S" go get "$package" &&
    GOPROXY=off go build -o "$path" "${package%@*}"
}

buf_path() { printf '%s' "$(dunlin_cache_dir)/buf-$BUF_VERSION/node_modules/.bin/buf"; }

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

# Debian's etcd and NATS, unpacked and not installed: their packages would start servers of their own on this machine.
etcd_path() { printf '%s' "$(dunlin_cache_dir)/etcd-server/usr/bin/etcd"; }
nats_path() { printf '%s' "$(dunlin_cache_dir)/nats-server/usr/sbin/nats-server"; }

# Print the path of one that is there already: the caller's, the system's or ours.
find_etcd() { first_program "${DUNLIN_ETCD:-}" "$(command -v etcd || true)" "$(etcd_path)"; }
find_nats() { first_program "${DUNLIN_NATS:-}" "$(command -v nats-server || true)" "$(nats_path)"; }

have_etcd() { find_etcd >/dev/null || have_unpacked etcd-server "$(etcd_path)"; }
have_nats() { find_nats >/dev/null || have_unpacked nats-server "$(nats_path)"; }

# A current etcd, which needs a current Go.
current_etcd_path() { printf '%s' "$(dunlin_cache_dir)/etcd-$ETCD_VERSION/etcd"; }

have_current_etcd() {
  have_go_program etcd "$(current_etcd_path)" "go.etcd.io/etcd/server/v3@$ETCD_VERSION"
}

# Prints the first of the paths under which there is a program.
first_program() {
  local path
  for path in "$@"; do
    [[ -n "$path" && -x "$path" ]] || continue
    printf '%s' "$path"
    return
  done
  return 1
}

# have_unpacked PACKAGE PATH
have_unpacked() {
  local package="$1" path="$2" folder
  folder="$(dunlin_cache_dir)/$package"
  mkdir -p "$folder"
  (cd "$folder" && timeout "$DOWNLOAD_TIMEOUT_S" apt-get -qq download "$package" &&
    dpkg-deb --extract "$package"_*.deb . && rm -f "$package"_*.deb && [[ -x "$path" ]]) && return
  say "--- $package: left out, apt-get could not get Debian's package; its message stands above"
  return 1
}
