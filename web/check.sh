#!/usr/bin/env bash
# Is web/dist what the sources build? The C build embeds dist as it is committed, so a difference is a
# stale page. `web/check.sh` compares and fails with the way out; `web/check.sh --write` rebuilds dist.
set -eu
cd "$(dirname "$0")"

if [ ! -d node_modules ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
    npm ci --no-progress --loglevel=error >/dev/null
    touch node_modules/.package-lock.json
fi

if [ "${1:-}" = --write ]; then
    exec node_modules/.bin/vite build --logLevel warn --emptyOutDir
fi

fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT
node_modules/.bin/vite build --logLevel warn --outDir "$fresh" --emptyOutDir
if ! diff -r dist "$fresh" >/dev/null; then
    diff -rq dist "$fresh" || true
    echo "web: dist is not what the sources build: run web/check.sh --write and commit web/dist" >&2
    exit 1
fi
echo "web: dist is in step with the sources"
