#!/usr/bin/env bash
# On the machine of the disaster only some of the variables are set, or one entry was never finished: litestream 0.3.13 and 0.5.18
# restore the other databases of that file all the same. Seen in public litestream.yml files (voripos-txn-sync, rails-new-io,
# kallax).
. "$(dirname "$0")/../common.sh"
unpack two-generations.tgz
unset NOT_SET

# try LINES: what is wrong with the second database
try() {
    printf 'dbs:\n  - path: /srv/a.db\n    replicas:\n      - path: %s\n%b\n' "$work/rep" "$1" >"$work/ls.yml"
    rm -f "$work/o.db"
    "$bin" restore -config "$work/ls.yml" -o "$work/o.db" /srv/a.db 2>"$work/err" ||
        wrong "restore of the sound one: $(tail -n 1 "$work/err")"
}
try '  - path: /srv/b.db\n    replicas:\n      - type: s3\n        bucket: ${NOT_SET}\n        path: b'
try '  - path: /srv/b.db\n    replicas:\n      - url: ${NOT_SET}'
try '  - path: /srv/b.db\n    replicas:\n      - type: minio\n        bucket: b'
try '  - path: /srv/b.db\n    replicas:\n      - url: s3:/b/x'
exit $bad
