#!/usr/bin/env bash
# What mixing costs beside the library calls that nobody can do without (bench/floor.c).
#
# 4, 9 and 16 files of 640x360 at 30, VP8 and Opus, into 1280x720 H264 and AAC: `mixdown mix`, ffmpeg
# with xstack and amix, GStreamer where it is installed, and a bare C loop. One thread, the same
# preset, rate, tiles and scaling filter for all; PSNR against the unencoded picture beside each. CPU
# is user and system time; the least of ROUNDS rounds, in which the contenders take turns.
#
# Usage: bench/overhead.sh [BUILD]      ROUNDS=3 SECONDS_EACH=10 COUNTS="4 9 16" PRESET=veryfast
set -euo pipefail
cd "$(dirname "$0")/.."
build=${1:-build}
rounds=${ROUNDS:-3}
seconds=${SECONDS_EACH:-10}
counts=${COUNTS:-4 9 16}
preset=${PRESET:-veryfast}
bitrate=1500000
media=$build/bench/media
work=$(mktemp -d "$build/bench/overhead.XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir -p "$media"

for program in "$build/mixdown" "$build/bench/floor" "$build/bench/quality"; do
    [ -x "$program" ] || { echo "bench/overhead: $program is missing: run make bench" >&2; exit 1; }
done
command -v ffmpeg >/dev/null || { echo "bench/overhead: needs ffmpeg" >&2; exit 1; }

# Input i: patterns that move as calmly as people before a camera do, and a voice-like warble.
make_input() { # i file
    local i=$1 picture
    case $((i % 3)) in
        0) picture="testsrc2=s=640x360:r=30,hue=h=$((i * 23))" ;;
        1) picture="mandelbrot=s=640x360:r=30:start_scale=0.$((i + 10)):end_scale=0.0$((i + 10)):end_pts=3000" ;;
        2) picture="gradients=s=640x360:r=30:seed=$i:n=6:speed=0.0$((i % 5 + 1))" ;;
    esac
    ffmpeg -nostdin -v error -y -f lavfi -i "$picture,noise=alls=1:allf=t:all_seed=$i,format=yuv420p" \
        -f lavfi -i "sine=f=$((180 + 37 * i)):r=48000,tremolo=f=$((i % 5 + 2)):d=0.8" \
        -t "$seconds" -c:v libvpx -deadline realtime -cpu-used 8 -b:v 700k -g 300 \
        -c:a libopus -b:a 32k -ac 2 "$2.part.webm"
    mv "$2.part.webm" "$2"
}

inputs=()
for ((i = 0; i < 49 && i < $(tr ' ' '\n' <<<"$counts" | sort -n | tail -1); i++)); do
    file=$media/in-$seconds-$i.webm
    [ -s "$file" ] || { echo "making $file" >&2; make_input "$i" "$file"; }
    inputs+=("$file")
done

# CPU seconds of a command into $cpu.
measure() { # command...
    /usr/bin/time -o "$work/time" -f '%U %S' "$@" >"$work/log" 2>&1 </dev/null || {
        echo "bench/overhead: failed: $*" >&2
        tail -5 "$work/log" >&2
        return 1
    }
    cpu=$(awk '{ print $1 + $2 }' "$work/time")
}

run_mixdown() { # count
    rm -f "$work/mixdown.mp4"
    measure "$build/mixdown" mix "${inputs[@]:0:$1}" -o "$work/mixdown.mp4" --size 1280x720 --fps 30 \
        --video-bitrate ${bitrate} --audio-bitrate 128k --preset "$preset" --threads 1
}

run_ffmpeg() { # count; the grid from bench/floor
    local n=$1 cols tile_w tile_h crop_w crop_h graph="" layout="" sounds="" words=() i
    read -r cols tile_w tile_h crop_w crop_h < <("$build/bench/floor" grid "$n" 640 360)
    for ((i = 0; i < n; i++)); do
        words+=(-threads 1 -i "${inputs[i]}")
        graph+="[$i:v]crop=$crop_w:$crop_h:0:0,scale=$tile_w:$tile_h:flags=area[v$i];"
        layout+="$((i % cols * tile_w))_$((i / cols * tile_h))|"
        sounds+="[$i:a]"
    done
    for ((i = 0; i < n; i++)); do graph+="[v$i]"; done
    graph+="xstack=inputs=$n:layout=${layout%|},pad=1280:720,fps=30[v];${sounds}amix=inputs=$n[a]"
    measure ffmpeg -nostdin -v error -y "${words[@]}" -filter_complex_threads 1 \
        -filter_complex "$graph" -map '[v]' -map '[a]' -threads 1 -c:v libx264 -preset "$preset" \
        -b:v $bitrate -g 60 -c:a aac -b:a 128k -movflags +faststart "$work/ffmpeg.mp4"
}

run_gstreamer() { # count
    local n=$1 cols tile_w tile_h rest pipe="" pads="" i
    read -r cols tile_w tile_h rest < <("$build/bench/floor" grid "$n" 640 360)
    for ((i = 0; i < n; i++)); do
        pads+=" sink_$i::xpos=$((i % cols * tile_w)) sink_$i::ypos=$((i / cols * tile_h))"
        pads+=" sink_$i::width=$tile_w sink_$i::height=$tile_h"
        pipe+=" filesrc location=${inputs[i]} ! matroskademux name=d$i"
        pipe+=" d$i. ! queue ! vp8dec threads=1 ! mix.sink_$i"
        pipe+=" d$i. ! queue ! opusdec ! audioconvert ! audioresample ! sum.sink_$i"
    done
    # shellcheck disable=SC2086
    measure gst-launch-1.0 -q compositor name=mix $pads ! video/x-raw,format=I420,width=1280,height=720,framerate=30/1 \
        ! x264enc speed-preset="$preset" bitrate=$((bitrate / 1000)) threads=1 key-int-max=60 ! mux.video_0 \
        audiomixer name=sum ! audioconvert ! avenc_aac bitrate=128000 ! mux.audio_0 \
        mp4mux name=mux ! filesink location="$work/gstreamer.mp4" $pipe
}

least() { awk -v a="${1:-}" -v b="$2" 'BEGIN { print a == "" || b < a ? b : a }'; }
field() { sed -n "s/.*\b$1=\([0-9.]*\).*/\1/p" <<<"$2"; }
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.3f", a / b }'; }

contenders=(mixdown ffmpeg)
if command -v gst-launch-1.0 >/dev/null && gst-inspect-1.0 x264enc >/dev/null 2>&1; then
    contenders+=(gstreamer)
else
    echo "GStreamer is not installed (gst-launch-1.0 with x264enc): it is left out"
fi

row() { # count who cpu floor
    local psnr frames file=$work/$2.mp4
    [ "$2" = loop ] && file=$work/loop.h264
    read -r psnr frames < <("$build/bench/quality" "$work/reference.yuv" "$1" 640 360 "$file")
    printf '%6s  %-10s %8.2f %9s %9s %8s %9s\n' "$1" "$2" "$3" "$(ratio "$3" "$4")" "$psnr" \
        "$(($(stat -c %s "$file") / 1024))" "$frames"
}

printf 'inputs of 640x360@30, %s s, preset %s, %s bit/s, 1 thread; least of %s rounds\n' \
    "$seconds" "$preset" "$bitrate" "$rounds"
printf '%6s  %-10s %8s %9s %9s %8s %9s\n' inputs who 'CPU s' 'of floor' 'PSNR dB' 'kB' pictures
for count in $counts; do
    "$build/bench/floor" reference "$work/reference.yuv" "${inputs[@]:0:$count}"
    unset best stages
    declare -A best=() stages=()
    for ((round = 0; round < rounds; round++)); do
        line=$("$build/bench/floor" compare "$work/reference.yuv" "$work/loop.h264" "$preset" \
            "$bitrate" "${inputs[@]:0:$count}")
        for stage in decode scale encode opus aac loop; do
            stages[$stage]=$(least "${stages[$stage]:-}" "$(field "$stage" "$line")")
        done
        for who in "${contenders[@]}"; do
            "run_$who" "$count"
            best[$who]=$(least "${best[$who]:-}" "$cpu")
        done
    done
    floor=$(awk "BEGIN { print ${stages[decode]} + ${stages[scale]} + ${stages[encode]} + ${stages[opus]} + ${stages[aac]} }")
    printf '%6s  %-10s %8.2f %9s   decode %s, scale %s, encode %s, Opus %s, AAC %s\n' "$count" floor \
        "$floor" 1 "${stages[decode]}" "${stages[scale]}" "${stages[encode]}" "${stages[opus]}" "${stages[aac]}"
    row "$count" loop "${stages[loop]}" "$floor"
    for who in "${contenders[@]}"; do
        row "$count" "$who" "${best[$who]}" "$floor"
    done
done
