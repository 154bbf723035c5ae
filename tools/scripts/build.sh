#!/usr/bin/env bash
# Builds the product's programs and the tools of the demo into bin/.
set -euo pipefail
cd "$(dirname "$0")/../.."
version=$(git describe --tags --always --dirty 2>/dev/null || echo unknown)
mkdir -p bin
echo "go: building center, edge-agent, camsim"
go build -trimpath -ldflags "-s -w -X main.version=$version" -o bin/ \
  ./center/cmd/center ./edge-agent/cmd/edge-agent ./tools/camsim ./tools/stack ./models/cmd/models
