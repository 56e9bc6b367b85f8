#!/usr/bin/env bash
# `sqlite3 FILE ".backup OUT"`, Ruby's and Node's backup(), and Python's backup(pages=100) copy 100 pages a step. With an empty -wal
# and a -shm that nobody holds SQLite starts each step with an empty cache and begins again: above 100 pages it never ends.
. "$(dirname "$0")/../common.sh"
unpack backup.tgz
mount_it "$work/rep"
timeout 10 sqlite3 "$mnt/latest/rep" ".backup $work/out.db" || wrong ".backup of 203 pages does not end within 10 s"
[ "$(rows "$work/out.db")" = 601 ] || wrong "the copy has $(rows "$work/out.db") rows, not 601"
n=$(sqlite3 "file:$mnt/latest/rep?immutable=1" "select count(*) from t" 2>&1)
[ "$n" = 601 ] || wrong "with immutable=1: $n"
exit $bad
