#!/usr/bin/env bash
# Runs every bench, one after the other, and prints its table. `make bench` builds what it needs.
#
# Figures are ratios taken in one run: on a busy machine they are rough, and no test reads them.
# Usage: bench/run.sh [NAME...]      BUILD=build; without names all of them
set -u
cd "$(dirname "$0")/.." || exit 2
build=${BUILD:-build}
failed=0

# Helpers of overhead.sh, audio-room and room are no benches.
names=("$@")
if [ ${#names[@]} -eq 0 ]; then
    names=(overhead audio-room room signaling)
    for source in bench/*.c; do
        name=$(basename "$source" .c)
        case $name in floor | quality | audio_floor | audio_load | picture_load) ;; *) names+=("$name") ;; esac
    done
fi

echo "$(nproc) cores, $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1)," \
    "load $(cut -d' ' -f1 /proc/loadavg)"
for name in "${names[@]}"; do
    printf '\n== %s ==\n' "$name"
    case $name in
        overhead) timeout -k 10 1800 bench/overhead.sh "$build" ;;
        audio-room) timeout -k 10 600 node bench/audio/audio-room.mjs "$build" ;;
        room) timeout -k 10 600 node bench/picture/room.mjs "$build" ;;
        signaling) (ulimit -n "$(ulimit -Hn)" && timeout -k 10 600 node bench/signaling/signaling.mjs "$build") ;;
        latency) timeout -k 10 600 "$build/bench/latency" "$build/mixdown" ;;
        *) timeout -k 10 600 "$build/bench/$name" ;;
    esac </dev/null || {
        echo "bench/$name failed (status $?)"
        failed=1
    }
done
exit "$failed"
