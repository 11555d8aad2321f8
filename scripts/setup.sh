#!/bin/sh
# Makes what a fresh clone lacks: the system's tools, the dependencies, the build. Silent when nothing is missing.
# Started by start.sh and test.sh; two at once wait for each other. Ends with 4 when the system lacks something that
# this user may not install, after saying which one command installs it. `setup.sh tests` adds what only tests use and
# can do without: a Docker of Debian's, which is installed but not started.
set -eu

root=$(cd "$(dirname -- "$0")/.." && pwd -P)
cd "$root"
PATH="$root/node_modules/.bin:$PATH:/usr/local/sbin:/usr/sbin:/sbin"
export PATH
platform=$(uname -s)-$(uname -m)

say() { echo "bridgekeeper: $*" >&2; }

missing_packages() {
  command -v ip >/dev/null || printf ' iproute2'
  command -v iptables-restore >/dev/null || printf ' iptables'
  command -v nft >/dev/null || printf ' nftables'
  command -v ping >/dev/null || printf ' iputils-ping'
  # On Debian these two are always there; elsewhere they may not be.
  { command -v unshare && command -v nsenter; } >/dev/null || printf ' util-linux'
}

# A real dockerd to compare with, which only root can run in a namespace. A container engine is nothing to install unasked on
# somebody's machine: continuous integration (CI=true) gets Debian's, elsewhere these tests are skipped where there is none.
missing_test_packages() {
  [ "${CI:-}" = true ] && [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null || return 0
  command -v dockerd >/dev/null || printf ' docker.io'
  command -v busybox >/dev/null || printf ' busybox-static'
  command -v ufw >/dev/null || printf ' ufw'
}

# Debian starts a service when its package is installed, and at every boot from then on, unless told otherwise. Nothing
# that is there makes room for these packages: then their tests are skipped, as on other systems.
install_test_packages() (
  say "installing Debian packages for tests:$1"
  policy=/usr/sbin/policy-rc.d
  if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
  fi
  # shellcheck disable=SC2086
  apt_install --no-remove $1 || say "apt-get failed: tests that need a real dockerd are skipped"
  case $1 in *docker.io*)
    if command -v systemctl >/dev/null; then
      systemctl --quiet disable docker.service docker.socket containerd.service >&2 || true
    fi
  esac
)

apt_install() {
  DEBIAN_FRONTEND=noninteractive
  export DEBIAN_FRONTEND
  { apt-get -qq update && apt-get -qq -y --no-install-recommends install "$@"; } >&2
}

install_packages() {
  if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    say "the system lacks tools. As root, install them with:"
    echo "  apt-get update && apt-get install -y$1" >&2
    exit 4
  fi
  say "installing Debian packages:$1"
  # The package names are words of our own, one argument each.
  # shellcheck disable=SC2086
  if ! apt_install $1; then
    say "apt-get failed; install by hand:$1"
    exit 4
  fi
}

dependencies_stale() {
  [ ! -f node_modules/.package-lock.json ] ||
    [ -n "$(find package-lock.json -newer node_modules/.package-lock.json)" ]
}

install_dependencies() {
  if ! command -v npm >/dev/null; then
    say "npm is not installed. As root, install it with: apt-get update && apt-get install -y nodejs npm"
    exit 4
  fi
  say "installing dependencies (npm ci)"
  set -- --no-audit --no-fund --no-update-notifier --loglevel=error
  # The pinned runtime is a package for one platform; elsewhere the system's node is used.
  [ "$platform" = Linux-x86_64 ] || set -- "$@" --force
  # An account without a home of its own, as services have: npm's cache goes to a place of its own for this once.
  cache=
  if ! mkdir -p "${npm_config_cache:-${HOME:-/nonexistent}/.npm}" 2>/dev/null; then
    cache=$(mktemp -d)
    trap 'rm -rf "$cache"' EXIT
    npm_config_cache=$cache
    export npm_config_cache
  fi
  npm ci "$@" >&2
  [ "$platform" = Linux-x86_64 ] || rm -f node_modules/.bin/node
  if [ -n "$cache" ]; then rm -rf "$cache"; trap - EXIT; fi
}

build_stale() {
  [ ! -f dist/.built ] || [ ! -f dist/cli/start.js ] ||
    [ -n "$(find src tsconfig.json tsconfig.build.json package.json -newer dist/.built ! -name '*.test.ts' | head -n 1)" ]
}

# The build is made beside and then moved in, so that a program that starts meanwhile finds a whole one. Its time is
# that of its beginning: what is edited while it runs is newer.
build() {
  say "building"
  rm -rf node_modules/.build
  mkdir node_modules/.build
  touch node_modules/.build/.built
  tsc -p tsconfig.build.json --outDir node_modules/.build
  rm -rf dist
  mv node_modules/.build dist
}

packages=$(missing_packages)
test_packages=
if [ "${1:-}" = tests ]; then test_packages=$(missing_test_packages); fi
if [ -n "$packages$test_packages" ] || dependencies_stale || build_stale; then
  # One set-up at a time in this clone; whoever waited finds the work done.
  exec 9<package.json
  if command -v flock >/dev/null; then flock 9; fi
  packages=$(missing_packages)
  [ -z "$packages" ] || install_packages "$packages"
  if [ -n "$test_packages" ]; then test_packages=$(missing_test_packages); fi
  [ -z "$test_packages" ] || install_test_packages "$test_packages"
  if dependencies_stale; then install_dependencies; fi
  if build_stale; then build; fi
fi
