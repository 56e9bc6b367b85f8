#!/usr/bin/env bash
# The newest generation has no snapshot, or a damaged one. To give the newest point of the generation before is right (litestream#251
# asked for it); to say nothing is not: `restore` refuses or warns and names the generation, and a mount's `latest` has a .gap.
. "$(dirname "$0")/../common.sh"
unpack two-generations.tgz
newest=516fbabd996bb111

# see LABEL
see() {
    rm -f "$work"/o.db*
    if "$bin" restore -o "$work/o.db" "$work/rep" 2>"$work/err"; then
        grep -q $newest "$work/err" ||
            wrong "$1: restore exits 0 with $(rows "$work/o.db") rows and does not name $newest: $(tail -n 1 "$work/err")"
        grep warning "$work/err" | grep -qi "older\|newer\|generation $newest\|hole" ||
            wrong "$1: no warning that newer data was left out"
    fi
    mount_it "$work/rep"
    [ -n "$(attribute gap "$mnt/latest/rep")" ] || wrong "$1: latest/rep has no user.litemount.gap"
    unmount
}
snapshot=$(echo "$work/rep/generations/$newest"/snapshots/*.lz4)
cp -p "$snapshot" "$work/keep"
rm "$snapshot"
see "snapshot missing"
: >"$snapshot"
touch -r "$work/keep" "$snapshot"
see "snapshot empty"
head -c 2000 "$work/keep" >"$snapshot"
touch -r "$work/keep" "$snapshot"
see "snapshot cut short"
exit $bad
