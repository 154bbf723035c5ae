#!/usr/bin/env bash
# Runs the whole product on free ports with fresh data and drives it in headless
# Chromium: a thing on the pavement becomes a closed work order, an outside
# application is approved and revoked, a day goes by without a mouse. E2E names
# other scripts of center/web/e2e (a11y looks at every page). OUT takes the
# screenshots (default .local/e2e/screens).
set -euo pipefail
cd "$(dirname "$0")/../.."
export JIEXUN_LOCAL=${JIEXUN_LOCAL:-$PWD/.local}
data=$(mktemp -d "${TMPDIR:-/tmp}/jiexun-e2e.XXXXXX")
out=${OUT:-$JIEXUN_LOCAL/e2e/screens}
mkdir -p "$out"
bin/stack --free-ports --data "$data" --ready "$data/ready.json" >"$data/stack.log" 2>&1 &
stack=$!
cleanup() {
  kill -TERM $stack 2>/dev/null || true
  wait $stack 2>/dev/null || true
  rm -rf "$data"
}
trap cleanup EXIT
for _ in $(seq 600); do
  [ -f "$data/ready.json" ] && break
  kill -0 $stack 2>/dev/null || { cat "$data/stack.log"; exit 1; }
  sleep 0.5
done
[ -f "$data/ready.json" ] || { cat "$data/stack.log"; echo "e2e: not ready in 5 minutes" >&2; exit 1; }
base=$(node -p "JSON.parse(require('fs').readFileSync('$data/ready.json')).console")
rc=0
for journey in ${E2E:-journey interfaces keyboard orders notice}; do
  echo "-- $journey"
  BASE_URL=$base OUT=$out node "center/web/e2e/$journey.mjs" || rc=$?
done
if [ $rc != 0 ]; then
  for log in "$data"/logs/*.log; do echo "-- $log"; tail -n 20 "$log"; done
fi
exit $rc
