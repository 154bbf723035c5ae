#!/usr/bin/env bash
# Runs the tests: "test.sh" all of them, "test.sh go|web|e2e|lint" one part.
# Go tests run with the race detector, on SQLite and on a private PostgreSQL.
set -euo pipefail
cd "$(dirname "$0")/../.."
part=${1:-all}
export JIEXUN_LOCAL=${JIEXUN_LOCAL:-$PWD/.local}
s=$PWD/tools/scripts
results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT

run_lint() {
  echo "== lint"
  local unformatted
  unformatted=$(git ls-files '*.go' | xargs gofmt -l)
  [ -z "$unformatted" ] || { echo "not gofmt-ed:"; echo "$unformatted"; return 1; }
  go vet ./...
  go run ./tools/lint
  go build -o bin/ ./center/cmd/center
  bin/center openapi | diff -u api/openapi/center.yaml - ||
    { echo "the interface changed: bin/center openapi > api/openapi/center.yaml"; return 1; }
  "$s/golangci.sh"
}

run_go() {
  echo "== go tests (race detector, SQLite and PostgreSQL)"
  local pg
  pg=$(mktemp -d)
  # shellcheck disable=SC2064
  trap "'$s/pg.sh' stop '$pg/c'; rm -rf '$pg' '$results'" EXIT
  chmod 755 "$pg"
  CENTER_TEST_PG=$("$s/pg.sh" start "$pg/c")
  export CENTER_TEST_PG
  # Pure arithmetic on pixels has no goroutine to race; it runs plain, which
  # is ten times faster.
  local rc=0 all plain raced
  all=$(go list ./...)
  plain=$(grep -E '/(analytic/(still|stacking|frontage)|diagnosis|internal/scene|internal/event)$' <<<"$all")
  raced=$(grep -vxF "$plain" <<<"$all")
  # shellcheck disable=SC2086
  go test -race -timeout 20m -json $raced >"$results/go.json" || rc=$?
  # shellcheck disable=SC2086
  go test -timeout 10m -json $plain >>"$results/go.json" || rc=$?
  node "$s/gotest-summary.mjs" "$results/go.json"
  "$s/pg.sh" stop "$pg/c"
  return $rc
}

run_web() {
  echo "== web: types, lint, unit tests"
  (cd center/web && npm run --silent typecheck && npm run --silent lint && npm run --silent test)
}

run_e2e() {
  echo "== end-to-end journey in Chromium"
  "$s/e2e.sh"
}

case $part in
all) run_lint; run_web; run_go; run_e2e ;;
lint|go|web|e2e) "run_$part" ;;
*) echo "test.sh: unknown part $part" >&2; exit 2 ;;
esac
echo "== passed: $part"
