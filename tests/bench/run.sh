#!/usr/bin/env bash
# What litemount costs, beside the real programs, in one run: `tests/bench/run.sh [small|full] [OPTION...]`, --help tells more.
# `small` takes three minutes; `full` is a database of 500 MB, and takes its time. Ends with 0 if all bars are met.
#
# All that it makes is in the folder build-bench: a release build, the real programs from npm and Go, and the data, which the next
# run finds again. Besides what builds litemount it needs: fuse3 sqlite3 curl python3 npm and Go.
set -euo pipefail
cd "$(dirname "$0")/../.."

build=build-bench
[ -f "$build/build.ninja" ] || meson setup "$build" --buildtype=release >/dev/null
ninja -C "$build" fs/litemount tests/bench/delay_proxy >"$build/ninja.log" || { cat "$build/ninja.log" && exit 1; }

size=small
case ${1:-} in small | full) size=$1 && shift ;; esac
export PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=tests/mount # where synthetic backups are made
exec python3 tests/bench/bench.py "$size" --binary "$build/fs/litemount" --proxy "$build/tests/bench/delay_proxy" \
    --peers "$build/peers" --data "$build/data-$size" "$@"
