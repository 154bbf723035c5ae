#!/usr/bin/env bash
# Installs what is missing for "demo" or "test". Each step says what it does
# and does nothing the second time.
set -euo pipefail
cd "$(dirname "$0")/../.."
what=${1:-test}
export JIEXUN_LOCAL=${JIEXUN_LOCAL:-$PWD/.local}
s=tools/scripts
mkdir -p "$JIEXUN_LOCAL/bin" "$JIEXUN_LOCAL/media"

for tool in go node npm git; do
  command -v "$tool" >/dev/null || { echo "setup: $tool is missing; install Go 1.26, Node 20 or newer, and git first" >&2; exit 1; }
done

packages=(gcc libc6-dev pkg-config ffmpeg libavcodec-dev libavformat-dev libavutil-dev libswscale-dev
  opencv-doc fonts-noto-cjk curl procps)
[ "$what" = test ] && packages+=(postgresql chromium openssl)
$s/apt.sh "${packages[@]}"

clip=$JIEXUN_LOCAL/media/vtest.avi
if [ ! -s "$clip" ]; then
  cp /usr/share/doc/opencv-doc/examples/data/vtest.avi "$clip.new"
  mv "$clip.new" "$clip"
fi

if [ ! -f "$JIEXUN_LOCAL/go.stamp" ] || ! cmp -s go.sum "$JIEXUN_LOCAL/go.stamp"; then
  echo "go: fetching modules"
  go mod download
  cp go.sum "$JIEXUN_LOCAL/go.stamp"
fi

if [ ! -x bin/models ] || [ -n "$(find models api go.sum -newer bin/models -type f -print -quit)" ]; then
  echo "models: building the fetcher"
  go build -trimpath -o bin/models ./models/cmd/models
fi
bin/models fetch

$s/mediamtx.sh
$s/web.sh
$s/build.sh
