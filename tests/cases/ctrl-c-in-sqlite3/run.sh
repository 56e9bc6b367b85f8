#!/usr/bin/env bash
# ^C in sqlite3 while the store is silent: after EINTR SQLite would read again, and so on for ever. It ends within 15 s.
. "$(dirname "$0")/../common.sh"
unpack large.tgz
serve
mount_it "$(url rep03)" cache="$work/c",refresh=3600
database="file:$mnt/latest/rep03?mode=ro"
sqlite3 "$database" "select 1 from sqlite_schema" >/dev/null
echo silent >"$work/do"
# A shell without job control starts its children with SIGINT ignored: Python gives it back.
python3 -c 'import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execvp(sys.argv[1], sys.argv[1:])' sqlite3 "$database" "select count(*), total(length(a)) from t" >/dev/null 2>"$work/err" &
reader=$!
sleep 1.5
kill -0 $reader 2>/dev/null || lacks "read that waits: $(cat "$work/err")"
kill -INT $reader
began=$SECONDS
while kill -0 $reader 2>/dev/null && [ $((SECONDS - began)) -lt 15 ]; do sleep 0.2; done
if kill -0 $reader 2>/dev/null; then
    wrong "sqlite3 still waits 15 s after ^C"
    kill -9 $reader
elif grep -q malformed "$work/err"; then
    wrong "it says: $(cat "$work/err")"
fi
rm -f "$work/do"
wait $reader 2>/dev/null
reader=
exit $bad
