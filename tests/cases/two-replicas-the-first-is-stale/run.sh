#!/usr/bin/env bash
# Two replicas of one v0.3 database, the first stopped being written to (expired keys, full disk) while the second went on.
# litestream restore 0.3.13 takes the replica that was updated last, and finds a time or a generation in either (db.go,
# CalcRestoreTarget). Seen in public configurations with several replicas, and in litestream#687.
. "$(dirname "$0")/../common.sh"
unpack two-generations.tgz
newest=516fbabd996bb111
cp -a "$work/rep" "$work/stale"
rm -rf "$work/stale/generations/$newest"
mv "$work/rep" "$work/fresh"
cp -a "$work/fresh" "$work/short"
rm -rf "$work/short/generations/807c338ca95ad2a6"

# of FIRST SECOND: the configuration
of() {
    printf 'dbs:\n  - path: /srv/x.db\n    replicas:\n      - name: one\n        path: %s\n      - name: two\n        path: %s\n' \
        "$work/$1" "$work/$2" >"$work/ls.yml"
}
# restored ROWS FLAG...: what they restore has so many rows
restored() {
    local wanted=$1 n
    shift
    rm -f "$work"/o.db*
    "$bin" restore -config "$work/ls.yml" "$@" -o "$work/o.db" /srv/x.db 2>"$work/err" || wrong "restore $*: $(cat "$work/err")"
    n=$(rows "$work/o.db")
    [ "$n" = "$wanted" ] || wrong "restore $*: $n rows, not $wanted"
}
of stale fresh
restored 527
restored 420 -timestamp 2026-11-28T18:17:32Z
restored 527 -generation $newest
of short fresh
restored 153 -timestamp 2026-11-28T18:17:25Z
of stale fresh
mount_it "$work/ls.yml"
n=$(rows "$mnt/latest/x.db")
[ "$n" = 527 ] || wrong "mounted, latest has $n rows, not 527"
exit $bad
