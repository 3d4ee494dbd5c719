#!/usr/bin/env bash
# Makes sure that node (18 or newer) and npm are there: the browser tests and the web build use them.
set -eu
major=$(node --version 2>/dev/null | sed 's/^v\([0-9]*\).*/\1/' || true)
if [ "${major:-0}" -ge 18 ] && command -v npm >/dev/null; then
    exit 0
fi
list=$(mktemp)
trap 'rm -f "$list"' EXIT
printf 'nodejs\nnpm\n' >"$list"
exec_dir=$(dirname "$0")
"$exec_dir/deps.sh" "$list"
