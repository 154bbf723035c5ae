#!/usr/bin/env bash
# Sixteen misbehaving cameras against one agent for SECONDS (default 600).
set -euo pipefail
cd "$(dirname "$0")/../.."
export JIEXUN_LOCAL=${JIEXUN_LOCAL:-$PWD/.local}
tools/scripts/setup.sh demo
go build -trimpath -o bin/ ./tools/soak
exec bin/soak --for "${1:-600}s" --out "$JIEXUN_LOCAL/soak.json"
