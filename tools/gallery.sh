#!/usr/bin/env bash
# Draws the built-in layouts into web/public/layouts/, for the page's picker and docs/layouts.md; then
# web/check.sh --write. Usage: tools/gallery.sh
# Needs build/mixdown (`make`).
set -eu
cd "$(dirname "$0")/.."
mkdir -p web/public/layouts
for name in $(build/mixdown layout list); do
    size=640x360
    people=6
    extra=()
    width=320
    case $name in
    presentation*) extra=(--screen) ;;
    portrait)
        size=360x640
        width=102
        ;;
    lecture) people=8 ;;
    grid | audio) people=9 ;;
    esac
    build/mixdown layout render "$name" -n "$people" --size "$size" "${extra[@]}" --scale-to "$width" -o "web/public/layouts/$name.png"
done
