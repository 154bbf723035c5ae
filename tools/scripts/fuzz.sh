#!/usr/bin/env bash
# Runs every fuzz test of the module for the given time each (default 20s).
set -euo pipefail
cd "$(dirname "$0")/../.."
time=${1:-20s}
n=0
while IFS=: read -r file name; do
  pkg=./$(dirname "$file")
  echo "fuzz: $pkg $name"
  go test -run '^$' -fuzz "^$name\$" -fuzztime "$time" "$pkg" | tail -n 2
  n=$((n + 1))
done < <(git grep -oE '^func Fuzz[A-Za-z0-9_]+' -- '*_test.go' | sed 's/:func /:/')
echo "fuzz: $n tests ran"
