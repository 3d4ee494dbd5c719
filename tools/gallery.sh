#!/usr/bin/env bash
# Draws the built-in layouts for docs/layouts.md into docs/images/layouts/. Usage: tools/gallery.sh
# Needs build/mixdown (`make`).
set -eu
cd "$(dirname "$0")/.."
mkdir -p docs/images/layouts
for name in $(build/mixdown layout list); do
    size=480x270
    people=6
    case $name in
    portrait) size=270x480 ;;
    lecture) people=8 ;;
    grid) people=9 ;;
    esac
    build/mixdown layout render "$name" -n "$people" --size "$size" -o "docs/images/layouts/$name.png"
done
