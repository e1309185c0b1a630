#!/usr/bin/env bash
# Makes a Python environment in the folder named (for `make`: .venv), with the newest suitable Python found.
#
#   deploy/make-venv.sh .venv
#
# PYTHON=/path/to/python3 chooses another interpreter. Needs Python 3.11 or newer with venv, or virtualenv.
set -euo pipefail
folder=${1:?name the folder of the environment}

is_new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

python=
for candidate in "${PYTHON:-python3}" python3.14 python3.13 python3.12 python3.11; do
  if is_new_enough "$candidate"; then
    python=$candidate
    break
  fi
done
if [ -z "$python" ]; then
  found=$("${PYTHON:-python3}" --version 2>/dev/null || echo "none called ${PYTHON:-python3}")
  echo "The hub needs Python 3.11 or newer; this machine has: $found. Name another one: make PYTHON=/path/to/python3" >&2
  exit 1
fi

rm -rf "$folder"
if "$python" -c 'import ensurepip, venv' 2>/dev/null; then
  "$python" -m venv "$folder"
elif "$python" -m virtualenv --version >/dev/null 2>&1; then
  "$python" -m virtualenv -q "$folder"
elif command -v virtualenv >/dev/null; then
  virtualenv -q -p "$python" "$folder"
else
  version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
  echo "This Python $version cannot make an environment: its venv module is missing, and so is virtualenv." >&2
  echo "On Debian and Ubuntu: apt-get install python$version-venv   (or: apt-get install virtualenv), then again." >&2
  exit 1
fi
