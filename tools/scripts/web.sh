#!/usr/bin/env bash
# Builds the web console and the phone pages into center/web/dist when a
# source is newer than the last build.
set -euo pipefail
cd "$(dirname "$0")/../../center/web"
if [ ! -f node_modules/.stamp ] || ! cmp -s package-lock.json node_modules/.stamp; then
  echo "npm: installing the console's packages"
  npm ci --ignore-scripts --no-audit --no-fund --loglevel=error
  cp package-lock.json node_modules/.stamp
fi
if [ ! -f dist/index.html ] || [ -n "$(find src public *.html *.ts *.json -newer dist/index.html -type f -print -quit 2>/dev/null)" ]; then
  echo "web: building the console"
  npm run --silent build >"$PWD/node_modules/.build.log" 2>&1 || { cat "$PWD/node_modules/.build.log"; exit 1; }
fi
