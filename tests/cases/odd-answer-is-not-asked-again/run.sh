#!/usr/bin/env bash
# A range was asked for, and once comes: all of the object (200), another range with its own Content-Range, a page of HTML (200),
# four bytes too many, a 307 to the same place. None is taken for the bytes, and each is asked for again.
. "$(dirname "$0")/../common.sh"
unpack large.tgz
serve
right=f5715962350471ba45c4b87fb6fb300906bb3beaabecad8a3d622c1da71a659d

# try REPLICA KEYPART ODDITY
try() {
    mount_it "$(url "$1")" cache="$work/c.$1.$3",refresh=3600
    echo "$3 $2" >"$work/do"
    if cp "$mnt/latest/$1" "$work/o.db" 2>"$work/err"; then
        [ "$(digest "$work/o.db")" = $right ] || wrong "$1, $3: cp gives wrong bytes"
    else
        wrong "$1, $3: cp fails at the first: $(tail -n 1 "$work/log")"
    fi
    [ ! -e "$work/do" ] || lacks "read of a range"
    rm -f "$work/o.db"
    unmount
}
for odd in whole range html long moved; do
    try rep03 snapshots $odd
    try rep05 ltx/9 $odd
done
exit $bad
