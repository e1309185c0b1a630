#!/usr/bin/env bash
# Installs the system programs that the test suite starts for itself, only those that are missing, and starts none of them.
#
#   deploy/install-test-services.sh           install what is missing (Debian or Ubuntu, as root or with sudo -n)
#   deploy/install-test-services.sh --check   only say what is missing; exit 1 if anything is
#
# What is installed is judged by what works (a program that runs, a font that fontconfig finds), not by package names,
# so that a machine that has them from elsewhere is left alone.
set -euo pipefail

#: package | the command that succeeds when its content is there
needs() {
  cat <<'LIST'
postgresql|ls /usr/lib/postgresql/*/bin/initdb
rabbitmq-server|test -x /usr/lib/rabbitmq/bin/rabbitmq-server
php-cli|php --version
php-soap|php -r 'exit(extension_loaded("soap") ? 0 : 1);'
nodejs|node --version
npm|npm --version
chromium|command -v chromium
chromium-driver|command -v chromedriver
fontconfig|fc-list --version
fonts-noto-cjk|fc-list :charset=3d14 file | grep -q .
LIST
}

missing() {
  while IFS='|' read -r package works; do
    bash -o pipefail -c "$works" </dev/null >/dev/null 2>&1 || printf '%s\n' "$package"
  done < <(needs)
}

mapfile -t packages < <(missing)
if [ ${#packages[@]} -eq 0 ]; then
  exit 0
fi
if [ "${1:-}" = --check ]; then
  echo "missing: ${packages[*]}"
  exit 1
fi
by_hand="Install them by hand, without starting their services: ${packages[*]}"
if ! command -v apt-get >/dev/null; then
  echo "The tests need programs that this machine lacks, and it has no apt-get. $by_hand" >&2
  exit 1
fi
as_root=()
if [ "$(id -u)" -ne 0 ]; then
  if command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
    as_root=(sudo -n)
  else
    echo "The tests need Debian packages that are missing, and installing needs root. Run once as root:" >&2
    echo "  apt-get update && apt-get install --no-install-recommends ${packages[*]}" >&2
    exit 1
  fi
fi

# While packages are being configured no service may start: the tests start private ones. A policy that is there already
# and forbids it too is left alone; another one is set aside and put back.
policy=/usr/sbin/policy-rc.d
set_aside=$policy.before-hub-tests
restore_policy() {
  "${as_root[@]}" rm -f "$policy"
  if [ -e "$set_aside" ]; then
    "${as_root[@]}" mv "$set_aside" "$policy"
  fi
}
refused=0
if [ -x "$policy" ]; then
  "$policy" rabbitmq-server start >/dev/null 2>&1 || refused=$?
fi
if [ "$refused" -ne 101 ]; then
  if [ -e "$policy" ]; then
    "${as_root[@]}" mv "$policy" "$set_aside"
  fi
  trap restore_policy EXIT
  trap 'exit 130' INT TERM HUP
  printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
  "${as_root[@]}" chmod 755 "$policy"
fi

install() {
  "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -q --no-install-recommends -o Dpkg::Use-Pty=0 "${packages[@]}"
}
log=$(mktemp)
echo "Installing for the tests: ${packages[*]}"
# The package lists may be absent or old; only then are they fetched again.
if ! install >"$log" 2>&1; then
  if ! { "${as_root[@]}" apt-get update -q && install; } >"$log" 2>&1; then
    tail -n 40 "$log" >&2
    echo "apt-get could not install what the tests need; its log is $log. $by_hand" >&2
    exit 1
  fi
fi
mapfile -t still < <(missing)
if [ ${#still[@]} -gt 0 ]; then
  echo "Installed, and yet these do not work: ${still[*]}; apt-get's log is $log." >&2
  exit 1
fi
rm -f "$log"
