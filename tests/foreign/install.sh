#!/usr/bin/env bash
# Installs what the foreign SOAP stacks need: PHP with its SOAP extension, and npm's soap. Quick when all is there.
# Ends with 3 and says what is missing where it may not install it.
set -euo pipefail
cd "$(dirname "$0")"

missing() {
  echo "tests/foreign: $1" >&2
  exit 3
}

have_php() {
  command -v php >/dev/null && php -r 'exit(array_diff(["soap", "dom", "iconv", "pcntl"], get_loaded_extensions()) ? 1 : 0);'
}

have_node() {
  command -v npm >/dev/null && command -v node >/dev/null && node -e 'process.exit(process.versions.node.split(".")[0] >= 20 ? 0 : 1)'
}

packages=()
have_php || packages+=(php-cli php-soap php-xml)
command -v node >/dev/null || packages+=(nodejs)
command -v npm >/dev/null || packages+=(npm)
if ((${#packages[@]})); then
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    missing "the Debian packages ${packages[*]} are missing, and only root may install them: apt-get install ${packages[*]}"
  fi
  export DEBIAN_FRONTEND=noninteractive
  apt-get install -qq -y --no-install-recommends "${packages[@]}" >/dev/null 2>&1 ||
    { apt-get update -qq && apt-get install -qq -y --no-install-recommends "${packages[@]}" >/dev/null; } ||
    missing "apt-get could not install ${packages[*]}"
fi
have_php || missing "PHP is there, but not its extensions soap, dom, iconv and pcntl (Debian: php-cli php-soap php-xml)"
have_node || missing "Node.js 20 or later with npm is needed; found $(node --version 2>/dev/null || echo none)"

wanted=$(sha256sum node/package-lock.json | cut -d' ' -f1)
if [ "$(cat node/node_modules/.installed 2>/dev/null)" != "$wanted" ]; then
  (cd node && npm ci --ignore-scripts --prefer-offline --no-audit --no-fund --loglevel=error >&2) ||
    missing "npm could not install what node/package-lock.json names"
  echo "$wanted" >node/node_modules/.installed
fi
