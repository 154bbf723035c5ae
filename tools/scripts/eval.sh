#!/usr/bin/env bash
# Measures recognition on the test material beside the clone (../shared, or
# JIEXUN_SHARED): converters against reference conversions, signs on
# photographs, clips and composed scenes over RTSP.
set -euo pipefail
cd "$(dirname "$0")/../.."
export JIEXUN_LOCAL=${JIEXUN_LOCAL:-$PWD/.local}
export JIEXUN_SHARED=${JIEXUN_SHARED:-$PWD/../shared}
[ -d "$JIEXUN_SHARED/testdata" ] || { echo "eval: no test material at $JIEXUN_SHARED" >&2; exit 1; }
tools/scripts/setup.sh demo
echo "== converters, signs and clips on files"
go test -tags eval -count=1 -timeout 30m ./models/... ./edge-agent/internal/analytic/... ./edge-agent/internal/infer/...
echo "== clips over RTSP"
go build -trimpath -o bin/ ./tools/evalvideo
c=$JIEXUN_SHARED/testdata/clips
bin/evalvideo run --agent bin/edge-agent --local "$JIEXUN_LOCAL" --dwell 8 \
  --clips "$c/aboda_video4.avi,$c/vtest.avi,$c/car-detection.mp4" \
  --expect aboda_video4=stacking:0.625,0.766,0.073,0.102:13 --min-precision 1 --min-recall 1 --out "$JIEXUN_LOCAL/eval-clips.json"
echo "== composed scenes over RTSP"
bin/evalvideo run --agent bin/edge-agent --local "$JIEXUN_LOCAL" --dwell 8 \
  --composed 20 --min-precision 0.9 --min-recall 0.9 --out "$JIEXUN_LOCAL/eval-scenes.json"
