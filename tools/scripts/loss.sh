#!/usr/bin/env bash
# Kills box, center and network N times (default 100) on SQLite and as often on
# PostgreSQL while events are made, and compares what the box made with what
# the center stored. LOSS_SEED repeats a choice of faults.
set -euo pipefail
cd "$(dirname "$0")/../.."
rounds=${1:-100}
if [ -z "${CENTER_TEST_PG:-}" ]; then
  pg=$(mktemp -d)
  chmod 755 "$pg"
  # shellcheck disable=SC2064
  trap "tools/scripts/pg.sh stop '$pg/c'; rm -rf '$pg'" EXIT
  CENTER_TEST_PG=$(tools/scripts/pg.sh start "$pg/c")
  export CENTER_TEST_PG
fi
LOSS_ROUNDS=$rounds LOSS_PG_ROUNDS=$rounds go test -count=1 -timeout "$((2 * rounds + 20))m" -v \
  -run "TestNothingIsLostOrDoubled${LOSS_DB:+/$LOSS_DB}" ./edge-agent/internal/losstest
