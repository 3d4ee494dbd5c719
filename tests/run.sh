#!/usr/bin/env bash
# `make test`: every suite, one after the other, each with its own closing line, and a sum at the end.
# A suite that cannot run is a failure; SUITES="unit-asan e2e" runs only those.
set -u
cd "$(dirname "$0")/.."
jobs=$(nproc)
suites=${SUITES:-web-check unit-asan unit-tsan fuzz-replay rig golden faults e2e}
passed=0
failed=()
report=()

run_suite() {
    case $1 in
    web-check) web/check.sh ;;
    unit-asan) make --no-print-directory -s -j"$jobs" unit-asan ;;
    unit-tsan) make --no-print-directory -s -j"$jobs" unit-tsan ;;
    fuzz-replay) make --no-print-directory -s -j"$jobs" fuzz-replay ;;
    golden) tests/golden/run.sh ;;
    faults) tests/faults/run.sh ;;
    rig) tests/rig/run.sh ;;
    e2e) tests/e2e/run.sh ;;
    *) echo "no suite '$1'"; return 2 ;;
    esac
}

for suite in $suites; do
    echo "=== $suite"
    began=$SECONDS
    if run_suite "$suite"; then
        passed=$((passed + 1))
        report+=("ok    $suite ($((SECONDS - began)) s)")
    else
        failed+=("$suite")
        report+=("FAIL  $suite ($((SECONDS - began)) s)")
    fi
done

echo
echo "=== suites"
printf '%s\n' "${report[@]}"
echo "$passed passed, ${#failed[@]} failed"
[ ${#failed[@]} -eq 0 ] && [ "$passed" -gt 0 ]
