#!/usr/bin/env bash
# Runs golangci-lint at the pinned version; builds it the first time.
set -euo pipefail
cd "$(dirname "$0")/../.."
local=${JIEXUN_LOCAL:-$PWD/.local}
version=v2.15.0
bin=$local/bin/golangci-lint-$version
if [ ! -x "$bin" ]; then
  echo "golangci-lint: building $version (a few minutes the first time)"
  GOBIN=$local/build/golangci go install "github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$version"
  mkdir -p "$local/bin"
  mv "$local/build/golangci/golangci-lint" "$bin"
fi
exec "$bin" run --timeout 15m ./...
