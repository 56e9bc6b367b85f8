#!/usr/bin/env bash
# A v0.5 backup whose level 0 Litestream kept only for a while, as it always does: TXIDs a to c stand in a level 1 file (a to 13) and
# no longer alone. That is no hole: nothing is lost but the finer points.
. "$(dirname "$0")/../common.sh"
unpack backup.tgz
said=$("$bin" points -table "$work/rep" 2>&1 >"$work/points") || wrong "points fails: $said"
case $said in *hole*) wrong "points: $said" ;; esac
n=$(grep -c ltx "$work/points")
[ "$n" = 11 ] || wrong "points lists $n points, not 11"
said=$("$bin" restore -timestamp 2026-11-28T22:08:53Z -o "$work/o.db" "$work/rep" 2>&1) || wrong "restore fails: $said"
case $said in *hole*) wrong "restore: $said" ;; esac

# A true one is still told.
rm "$work/rep/ltx/1/000000000000000a-0000000000000013.ltx"
said=$("$bin" points -table "$work/rep" 2>&1 >/dev/null)
case $said in *hole*) ;; *) wrong "the level 1 file is gone, and points tells no hole" ;; esac
exit $bad
