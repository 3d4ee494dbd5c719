#!/usr/bin/env bash
# Runs the fuzz targets that `make` built (build/fuzz, or FUZZ_BUILD).
#
#   tests/fuzz/run.sh replay          every target once over its corpus in tests/fuzz/corpus/NAME
#   tests/fuzz/run.sh fuzz SECONDS    fuzz each for so long; new inputs go to build/fuzz/corpus/NAME
#
# A target without a corpus, or no target at all, is a failure.
set -u
cd "$(dirname "$0")/../.." || exit 2
mode=${1:-}
seconds=${2:-60}
build=${FUZZ_BUILD:-build/fuzz}
if [ "$mode" != replay ] && [ "$mode" != fuzz ]; then
    echo "usage: tests/fuzz/run.sh replay | fuzz SECONDS" >&2
    exit 2
fi
export ASAN_OPTIONS=detect_leaks=1:allocator_may_return_null=1
export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
passed=0
failed=0
log=$(mktemp)
trap 'rm -f "$log"' EXIT

run_target() { # program name corpus
    if [ "$mode" = replay ]; then
        timeout -k 5 300 "$1" -runs=0 "$3"
    else
        mkdir -p "$build/corpus/$2" "$build/crashes"
        timeout -k 5 $((seconds + 120)) "$1" -max_total_time="$seconds" -timeout=10 \
            -artifact_prefix="$build/crashes/$2-" "$build/corpus/$2" "$3"
    fi
}

for source in tests/fuzz/fuzz_*.c; do
    name=$(basename "$source" .c)
    name=${name#fuzz_}
    program=$(find "$build" -type f -perm -u+x -name "fuzz_$name" -print -quit 2>/dev/null)
    corpus=tests/fuzz/corpus/$name
    inputs=$(find "$corpus" -type f 2>/dev/null | wc -l)
    if [ -n "$program" ] && [ "$inputs" -gt 0 ] && run_target "$program" "$name" "$corpus" >"$log" 2>&1; then
        passed=$((passed + 1))
        echo "ok $name ($inputs inputs)"
    else
        failed=$((failed + 1))
        echo "FAIL $name (program: ${program:-none}, $inputs inputs)"
        tail -n 40 "$log"
    fi
    : >"$log"
done
echo "fuzz: $passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
