#!/usr/bin/env bash
# Runs the demonstration; Ctrl-C ends all of it.
set -euo pipefail
cd "$(dirname "$0")/../.."
exec bin/stack "$@"
