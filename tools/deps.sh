#!/usr/bin/env bash
# Installs the Debian packages named in the given lists that are not there yet. Quick when all are.
# Usage: tools/deps.sh LIST...
set -eu

missing=()
for package in $(cat "$@" | sed 's/#.*//'); do
    status=$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null || true)
    [ "$status" = "install ok installed" ] || missing+=("$package")
done
[ ${#missing[@]} -eq 0 ] && exit 0

if ! command -v apt-get >/dev/null; then
    echo "deps: these Debian packages are missing and there is no apt-get: ${missing[*]}" >&2
    exit 1
fi
root=()
if [ "$(id -u)" != 0 ]; then
    root=(sudo)
fi
echo "deps: installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
"${root[@]}" apt-get -q update
"${root[@]}" apt-get -q install -y --no-install-recommends "${missing[@]}"
