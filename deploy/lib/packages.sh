# shellcheck shell=bash
# The one list of the Debian packages that Dunlin needs, and how they are installed. Source messages.sh first.

readonly DEBIAN_VERSION=12

# To build the binaries and to run them beside a Redis of their own.
readonly BUILD_PACKAGES=(
  bazel-bootstrap
  bazel-platforms
  bazel-rules-java
  bazel-rules-proto
  bazel-skylib
  ca-certificates
  g++
  git
  libabsl-dev
  libcli11-dev
  libedit-dev
  libgrpc++-dev
  libhiredis-dev
  liblmdb-dev
  libprotobuf-dev
  libspdlog-dev
  libxxhash-dev
  nlohmann-json3-dev
  pkg-config
  protobuf-compiler
  protobuf-compiler-grpc
  redis-server
)

# To build and run the tests as well.
readonly TEST_PACKAGES=(
  libbenchmark-dev
  libboost-dev
  libgmock-dev
  libgtest-dev
  libnats-dev
  libreaderwriterqueue-dev
  librapidcheck-dev
  python3
  python3-grpc-tools
  python3-grpcio
)

# For faults that need more than the tests themselves; what is missing is left out then, with the reason. Nothing is
# linked with it, so that the fingerprint below does not count it.
# shellcheck disable=SC2034  # Used by those who source this.
readonly CHAOS_PACKAGES=(
  libfaketime
)

# For the sanitizers and tests/tidy/check.
readonly CHECK_PACKAGES=(
  clang-16
  clang-format-16
  clang-tidy-16
  libclang-rt-16-dev
  lld-16
  llvm-16
  lua5.1
  shellcheck
)

# What the running image of deploy/Dockerfile needs; everything else stays in its build stage.
# shellcheck disable=SC2034  # Read by the Dockerfile.
readonly RUNTIME_PACKAGES=(
  libabsl20220623
  libatomic1
  libedit2
  libfmt9
  libgrpc++1.51
  libhiredis0.14
  liblmdb0
  libprotobuf32
  libspdlog1.10
)

# install_packages PACKAGE...: installs those that are missing and says so; silent when there is nothing to do.
install_packages() {
  require_debian
  local missing
  mapfile -t missing < <(missing_packages "$@")
  [[ ${#missing[@]} -eq 0 ]] && return
  local as_root=()
  if [[ $EUID -ne 0 ]]; then
    command -v sudo >/dev/null || fail_without_root "${missing[@]}"
    as_root=(sudo)
  fi
  say "Installing ${#missing[@]} Debian packages: ${missing[*]}"
  # A process of its own, so that its clean-up cannot get in the way of the caller's.
  "${as_root[@]}" bash "${BASH_SOURCE[0]%/*}/apt_install.sh" "${missing[@]}" </dev/null ||
    fail "$EXIT_FAILED" "the packages could not be installed; apt's own message stands above." \
      "Once its cause is gone (network, disk space, another apt at work), run this again."
}

require_debian() {
  local id version
  id="$(os_release_field ID)"
  version="$(os_release_field VERSION_ID)"
  [[ "$id" == debian && "$version" == "$DEBIAN_VERSION" ]] && return
  fail "$EXIT_USAGE" "this is ${id:-an unknown system} ${version}, not Debian $DEBIAN_VERSION." \
    "Dunlin is built with the libraries of Debian $DEBIAN_VERSION (docs/decisions/0001-libraries-from-debian.md)." \
    "Use a Debian $DEBIAN_VERSION machine or container, or build the image: docker build -f deploy/Dockerfile ."
}

os_release_field() {
  # shellcheck source=/dev/null
  (. /etc/os-release 2>/dev/null && printf '%s' "${!1:-}") || true
}

missing_packages() {
  local package
  for package in "$@"; do
    [[ "$(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null)" == installed ]] ||
      printf '%s\n' "$package"
  done
}

fail_without_root() {
  fail "$EXIT_USAGE" "packages are missing, and installing them needs root or sudo. Have this run as root:" \
    "apt-get update && apt-get install --no-install-recommends $*"
}

# Names the state of the system's libraries: Bazel does not see them change, so what is cached must be told apart by it.
packages_fingerprint() {
  # Packages that are not installed make it fail, after it has told of those that are.
  { dpkg-query --show --showformat='${Package} ${Version}\n' "${BUILD_PACKAGES[@]}" "${TEST_PACKAGES[@]}" \
    "${CHECK_PACKAGES[@]}" 2>/dev/null || true; } | sha256sum | cut -c 1-12
}
