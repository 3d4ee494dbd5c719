#!/usr/bin/env bash
# Browser tests: Chromium against the real server. `tests/e2e/run.sh [PART-OF-A-NAME]...` runs those that
# match. MIXDOWN is the program (build/mixdown), E2E_KEEP=1 keeps the folders of files for a look.
set -eu
cd "$(dirname "$0")"
if [ ! -d node_modules ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
    npm ci --no-progress --loglevel=error >/dev/null
    touch node_modules/.package-lock.json
fi
export MIXDOWN="${MIXDOWN:-$(realpath ../../build/mixdown)}"
exec node run.mjs "$@"
