#!/usr/bin/env bash
# Installs Debian packages without starting the services that some of them bring. Needs root; called by packages.sh.
#
#   apt_install.sh PACKAGE...
set -euo pipefail

# Asked by every package's scripts before they start a service; 101 means "not now".
readonly POLICY=/usr/sbin/policy-rc.d
# Other users of apt, such as unattended upgrades, are waited for instead of failing on their lock.
readonly APT=(apt-get -o DPkg::Lock::Timeout=300)

export DEBIAN_FRONTEND=noninteractive

# The redis-server package starts a Redis on port 6379 and at every boot. Dunlin runs its own on another port, and an
# open port nobody asked for is a bad guest.
forbid_service_start() {
  [[ -e "$POLICY" ]] && return
  # shellcheck disable=SC2064  # Only what was made here may be removed.
  trap "rm -f '$POLICY'" EXIT
  printf '#!/bin/sh\nexit 101\n' >"$POLICY"
  chmod +x "$POLICY"
}

forbid_start_at_boot() {
  local package
  for package in "$@"; do
    [[ "$package" == redis-server ]] && update-rc.d redis-server disable
  done
  return 0
}

# A bare machine has no package lists, a long-lived one has lists of versions that are no longer served; a machine with
# good lists need not load them again.
lists_are_usable() { "${APT[@]}" install --simulate --no-install-recommends "$@" >/dev/null 2>&1; }

install() { "${APT[@]}" install --yes --no-install-recommends "$@"; }

main() {
  forbid_service_start
  if lists_are_usable "$@"; then
    install "$@" || { "${APT[@]}" update && install "$@"; }
  else
    "${APT[@]}" update
    install "$@"
  fi
  forbid_start_at_boot "$@"
}

main "$@"
