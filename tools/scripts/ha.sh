#!/usr/bin/env bash
# Kills either of two centers on one PostgreSQL database under load.
set -euo pipefail
cd "$(dirname "$0")/../.."
if [ -z "${CENTER_TEST_PG:-}" ]; then
  pg=$(mktemp -d)
  chmod 755 "$pg"
  # shellcheck disable=SC2064
  trap "tools/scripts/pg.sh stop '$pg/c'; rm -rf '$pg'" EXIT
  CENTER_TEST_PG=$(tools/scripts/pg.sh start "$pg/c")
  export CENTER_TEST_PG
fi
go build -o bin/ ./center/cmd/center
go run ./tools/hadrill "$@"
