#!/usr/bin/env bash
# Nonsense, floods, kills and too little CPU. BUILD (build) must have tests/tools/fake_room and rtp_faces: `make tools`.
# Usage: tests/faults/run.sh
set -eu
cd "$(dirname "$0")/../.."
export BUILD=${BUILD:-build}
for tool in fake_room rtp_faces; do
    if [ ! -x "$BUILD/tests/tools/$tool" ]; then
        echo "faults: $BUILD/tests/tools/$tool is not there; run \`make tools\`" >&2
        exit 1
    fi
done
exec timeout -k 10 1800 node --test --test-reporter=spec tests/faults/*.mjs
