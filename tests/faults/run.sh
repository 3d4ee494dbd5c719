#!/usr/bin/env bash
# Nonsense, floods and kills against the front. BUILD (build) must have tests/tools/fake_room: `make tools`.
# Usage: tests/faults/run.sh
set -eu
cd "$(dirname "$0")/../.."
export BUILD=${BUILD:-build}
if [ ! -x "$BUILD/tests/tools/fake_room" ]; then
    echo "faults: $BUILD/tests/tools/fake_room is not there; run \`make tools\`" >&2
    exit 1
fi
exec timeout -k 10 600 node --test --test-reporter=spec tests/faults/*.mjs
