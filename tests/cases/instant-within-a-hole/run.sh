#!/usr/bin/env bash
# Three transactions are missing in mid-history, in the four seconds before the next object. For every instant from the last point
# before a hole to the first object behind it the file has a .gap, and `restore` names the hole or refuses.
. "$(dirname "$0")/../common.sh"
unpack small.tgz
mv "$work/s3/bucket" "$work/reps"
rm "$work"/reps/rep03/generations/*/wal/00000000_0000{1038,2050,3068}.wal.lz4 "$work"/reps/rep05/ltx/0/*{3,4,5}.ltx
mount_it "$work/reps" cache="$work/c"
for v in rep03 rep05; do
    for second in 503 504; do
        at=$(date -u -d @$((1790000000 + second)) +%Y-%m-%dT%H:%M:%S.500Z)
        [ -n "$(attribute gap "$mnt/at/$at/$v")" ] || wrong "$v: $(rows "$mnt/at/$at/$v") rows at $at, and no .gap"
        if "$bin" restore -timestamp "$at" -o "$work/o.$v.$second" "$work/reps/$v" 2>"$work/err"; then
            grep -q 'hole\|missing' "$work/err" ||
                wrong "$v: restore -timestamp $at exits 0 and says: $(head -n 1 "$work/err")"
        fi
    done
done
exit $bad
