#!/usr/bin/env bash
# Kills box, center and network N times (default 100) while events are made,
# and compares what the box made with what the center stored. It runs on
# SQLite and, when CENTER_TEST_PG names a server, half as often on PostgreSQL.
# LOSS_SEED repeats a choice of faults.
set -euo pipefail
cd "$(dirname "$0")/../.."
rounds=${1:-100}
LOSS_ROUNDS=$rounds exec go test -count=1 -timeout "$((rounds + 10))m" -v -run TestNothingIsLostOrDoubled ./edge-agent/internal/losstest
