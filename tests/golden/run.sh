#!/usr/bin/env bash
# `mixdown mix` judged by what comes out: makes inputs with ffmpeg, mixes, decodes, looks and listens.
set -eu
cd "$(dirname "$0")/../.."
exec node tests/golden/mix.mjs "${BUILD:-build}/mixdown"
