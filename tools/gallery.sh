#!/usr/bin/env bash
# Draws the built-in layouts into web/public/layouts/, for the page's picker and docs/layouts.md; then
# web/check.sh --write. Usage: tools/gallery.sh
# Needs build/mixdown (`make`).
set -eu
cd "$(dirname "$0")/.."
mkdir -p web/public/layouts
for name in $(build/mixdown layout list); do
    size=320x180
    people=6
    case $name in
    portrait) size=102x180 ;;
    lecture) people=8 ;;
    grid) people=9 ;;
    esac
    build/mixdown layout render "$name" -n "$people" --size "$size" -o "web/public/layouts/$name.png"
done
