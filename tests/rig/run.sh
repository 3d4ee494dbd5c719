#!/usr/bin/env bash
# Proves the bad network of the tests (tests/tools/netrig.c) before anything is proved with it. Needs root, network
# namespaces and /dev/net/tun; without them it says so and passes, but not as root in CI.
# Usage: tests/rig/run.sh, with BUILD (build)
set -u
cd "$(dirname "$0")/../.."
tools=${BUILD:-build}/tests/tools
if [ ! -x "$tools/netrig" ] || [ ! -x "$tools/netrig_proof" ]; then
    echo "rig: $tools/netrig is not there; run \`make tools\`" >&2
    exit 1
fi
timeout -k 10 300 "$tools/netrig_proof" "$tools/netrig"
status=$?
[ "$status" -eq 77 ] || exit "$status"
if [ "${CI:-}" = true ] && [ "$(id -u)" -eq 0 ]; then
    echo "rig: not permitted here (reason above); as root in CI that is a failure"
    exit 1
fi
echo "skipped: rig: not permitted here (reason above)"
