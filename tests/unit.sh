#!/usr/bin/env bash
# Runs every unit test program below BUILD/tests/unit, each in its own process with a time limit, as
# many at once as there are cores: most of them wait for clocks and sockets.
# Usage: tests/unit.sh BUILD
set -u
build=$1
export UNIT_BUILD=$build
export ASAN_OPTIONS=detect_leaks=1:abort_on_error=0
export UBSAN_OPTIONS=print_stacktrace=1
export TSAN_OPTIONS="halt_on_error=1 suppressions=$(realpath "$(dirname "$0")")/tsan.supp"
UNIT_LOGS=$(mktemp -d)
export UNIT_LOGS
trap 'rm -rf "$UNIT_LOGS"' EXIT

run_one() {
    local name=${1#"$UNIT_BUILD"/tests/unit/}
    local log=$UNIT_LOGS/${name//\//-}
    timeout -k 5 180 "$1" </dev/null >"$log" 2>&1
    local status=$?
    if [ "$status" -eq 0 ]; then
        printf 'ok    %s (%s tests)\n' "$name" "$(grep -c '\[       OK' "$log")"
        grep '^skipped:' "$log" || true
        return 0
    fi
    printf 'FAIL  %s (status %d)\n%s\n' "$name" "$status" "$(tail -n 60 "$log")"
    touch "$log.failed"
}
export -f run_one

programs=$(find "$build/tests/unit" -type f -perm -u+x -name 'test_*' ! -name '*.d' | sort)
echo "$programs" | xargs -r -P "$(nproc)" -I{} bash -c 'run_one {}'
failed=$(find "$UNIT_LOGS" -name '*.failed' | wc -l)
passed=$(($(echo "$programs" | grep -c .) - failed))
echo "unit ($build): $passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
