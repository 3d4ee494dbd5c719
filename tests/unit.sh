#!/usr/bin/env bash
# Runs every unit test program below BUILD/tests/unit, each in its own process with a time limit, as
# many at once as there are cores: most of them wait for clocks and sockets. What fails is run once more,
# alone: if it passes then, it is called FLAKY with the log of the failure, to be mended; if it fails
# again the suite fails.
# Usage: tests/unit.sh BUILD
set -u
build=$1
export UNIT_BUILD=$build
export ASAN_OPTIONS=detect_leaks=1:abort_on_error=0
export UBSAN_OPTIONS=print_stacktrace=1
tests=$(realpath "$(dirname "$0")")
export TSAN_OPTIONS="halt_on_error=1 suppressions=$tests/tsan.supp"
export LSAN_OPTIONS="suppressions=$tests/lsan.supp print_suppressions=0"
UNIT_LOGS=$(mktemp -d)
export UNIT_LOGS
trap 'rm -rf "$UNIT_LOGS"' EXIT

# Usage: run_one WORD PROGRAM; WORD is printed when it fails.
run_one() {
    local name=${2#"$UNIT_BUILD"/tests/unit/}
    local log=$UNIT_LOGS/${name//\//-} began=$SECONDS
    timeout -k 5 180 "$2" </dev/null >"$log" 2>&1
    local status=$?
    if [ "$status" -eq 0 ]; then
        printf 'ok    %s (%s tests, %s s)\n' "$name" "$(grep -c '\[       OK' "$log")" "$((SECONDS - began))"
        grep '^skipped:' "$log" || true
        return 0
    fi
    printf '%s %s (status %d)\n%s\n' "$1" "$name" "$status" "$(tail -n 60 "$log")"
    echo "$2" >"$log.failed"
    return 1
}
export -f run_one

programs=$(find "$build/tests/unit" -type f -perm -u+x -name 'test_*' ! -name '*.d' | sort)
echo "$programs" | xargs -r -P "$(nproc)" -I{} bash -c 'run_one "fail " {} || true'
failed=0
for mark in $(find "$UNIT_LOGS" -name '*.failed' | sort); do
    program=$(cat "$mark")
    if run_one FAIL "$program"; then
        echo "FLAKY ${program#"$build"/tests/unit/}: failed beside others (log above), passed alone"
    else
        failed=$((failed + 1))
    fi
done
passed=$(($(echo "$programs" | grep -c .) - failed))
echo "unit ($build): $passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
