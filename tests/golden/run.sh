#!/usr/bin/env bash
# `mixdown mix` judged by what comes out: makes inputs with ffmpeg, mixes, decodes, looks and listens.
set -eu
cd "$(dirname "$0")/../.."
program=${BUILD:-build}/mixdown
node tests/golden/mix.mjs "$program"
node tests/golden/sound.mjs "$program"
