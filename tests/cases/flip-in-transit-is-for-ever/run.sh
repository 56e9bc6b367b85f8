#!/usr/bin/env bash
# One bit of an object flips once on its way; the store is well. It is asked for again, and in the end both formats have the newest
# state, from `restore`, from the same mount and from a new one.
. "$(dirname "$0")/../common.sh"
unpack small.tgz
serve

# try REPLICA OFFSET KEYPART
try() {
    local first n
    rm -rf "$work/c" "$work/cache" "$work"/o.db*
    echo "flip $2 $3" >"$work/do"
    if "$bin" restore -o "$work/o.db" "$(url "$1")" 2>"$work/err"; then
        n=$(rows "$work/o.db")
        [ "$n" = 55 ] || wrong "$3: restore exits 0 with $n rows, not 55: $(head -n 1 "$work/err")"
    fi
    [ ! -e "$work/do" ] || lacks "flip: nobody asked for byte $2 of $3"
    mount_it "$(url "$1")" cache="$work/c",refresh=1
    echo "flip $2 $3" >"$work/do"
    first=$(rows "$mnt/latest/$1")
    rm -f "$work/do"
    sleep 4
    n=$(rows "$mnt/latest/$1")
    [ "$n" = 55 ] ||
        wrong "$3: 4 s later the mount has $n rows, not 55 (first: $first; gap: $(attribute gap "$mnt/latest/$1"))"
    unmount
    mount_it "$(url "$1")" cache="$work/c"
    n=$(rows "$mnt/latest/$1")
    [ "$n" = 55 ] || wrong "$3: mounted anew it has $n rows, not 55"
    unmount
}
try rep03 2000 wal/00000000_00003068
try rep03 2000 snapshots/00000000
try rep05 2000 ltx/0/0000000000000005
try rep05 2000 ltx/9/0000000000000001
exit $bad
