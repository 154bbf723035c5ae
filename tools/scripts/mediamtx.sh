#!/usr/bin/env bash
# Builds MediaMTX from its Go module into .local/bin/mediamtx. Two files that
# its own release process generates are supplied here: the version and the
# HLS player script (from npm). Does nothing when the binary is up to date.
set -euo pipefail
cd "$(dirname "$0")/../.."
local=${JIEXUN_LOCAL:-$PWD/.local}
version=v1.20.1
hls=1.7.4
out=$local/bin/mediamtx
stamp=$local/bin/mediamtx.$version
[ -x "$out" ] && [ -f "$stamp" ] && exit 0

echo "mediamtx: building $version (one to three minutes the first time)"
build=$local/build/mediamtx
rm -rf "$build"
mkdir -p "$build" "$local/bin"
cp tools/mediamtx/go.mod tools/mediamtx/go.sum tools/mediamtx/tool.go "$build/"
cd "$build"
go mod vendor -e >vendor.log 2>&1 || { cat vendor.log; exit 1; }
npm pack --silent "hls.js@$hls" >/dev/null
tar -xzf "hls.js-$hls.tgz" package/dist/hls.min.js
printf %s "$version" >VERSION
core=$build/vendor/github.com/bluenviron/mediamtx/internal
cat >overlay.json <<JSON
{"Replace": {
 "$core/core/VERSION": "$build/VERSION",
 "$core/servers/hls/hls.min.js": "$build/package/dist/hls.min.js"
}}
JSON
CGO_ENABLED=0 go build -mod=vendor -overlay overlay.json -trimpath -ldflags='-s -w' -o "$out.new" github.com/bluenviron/mediamtx
mv "$out.new" "$out"
rm -f "$local"/bin/mediamtx.v*
: >"$stamp"
cd "$local" && rm -rf "$build"
echo "mediamtx: ready"
