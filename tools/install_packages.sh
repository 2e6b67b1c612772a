#!/usr/bin/env bash
# Installs the groups of tools/packages.txt named on the command line; only what is missing, so
# that a second run asks dpkg once and ends. --list prints the packages instead.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

fail() {
  printf 'install_packages.sh: %s\n' "$1" >&2
  exit "${2:-4}"
}

packages_of() {  # group
  awk -v want="[$1]" '/^[[:space:]]*(#|$)/ {next} /^\[/ {on = ($1 == want); next} on {print $1}' \
    "${SYOLO_PACKAGES:-$here/packages.txt}"
}

list_only=false
if [ "${1:-}" = --list ]; then list_only=true; shift; fi
[ $# -gt 0 ] || fail "expected one or more groups of packages.txt (detection, testing, peers)" 2

wanted=()
for group in "$@"; do
  mapfile -t found < <(packages_of "$group")
  [ ${#found[@]} -gt 0 ] || fail "packages.txt has no group \"$group\"" 2
  wanted+=("${found[@]}")
done
if $list_only; then printf '%s\n' "${wanted[@]}"; exit 0; fi

command -v dpkg-query >/dev/null && command -v apt-get >/dev/null ||
  fail "expected Debian 12 (dpkg and apt-get); elsewhere install the counterparts of: ${wanted[*]}"

# Unknown packages make dpkg-query fail; the known ones are printed all the same.
installed=$(dpkg-query -W -f='${Package} ${db:Status-Status}\n' "${wanted[@]}" 2>/dev/null || true)
missing=()
for package in "${wanted[@]}"; do
  grep -qx "$package installed" <<<"$installed" || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

as_root=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null ||
    fail "these packages are missing and need root or sudo: run as root: apt-get install ${missing[*]}"
  as_root=(sudo)
  # Without a terminal sudo could only wait for a password that nobody types.
  [ -t 0 ] || as_root=(sudo -n)
fi
as_root+=(env DEBIAN_FRONTEND=noninteractive)
apt=(apt-get -y -qq --no-install-recommends -o Dpkg::Use-Pty=0)

printf 'installing %d packages: %s\n' "${#missing[@]}" "${missing[*]}" >&2
install_missing() {
  "${as_root[@]}" "${apt[@]}" install "${missing[@]}" </dev/null >&2
}
# A package list may be absent (new machine) or older than the archive: then fetch it, once.
known() {
  local package
  for package in "${missing[@]}"; do
    apt-cache show --no-all-versions "$package" >/dev/null 2>&1 || return 1
  done
}
if ! known || ! install_missing; then
  printf 'fetching the package lists\n' >&2
  "${as_root[@]}" apt-get -qq update </dev/null >&2 || fail "apt-get update failed: no network?"
  install_missing || fail "apt-get could not install: ${missing[*]}"
fi
