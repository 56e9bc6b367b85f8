#!/usr/bin/env bash
# The store refuses (403) after the look-up went well. SQLite would turn the EIO of a read into "database disk image is malformed",
# and people would think that the backup is lost. Once the store is well again the same mount reads.
. "$(dirname "$0")/../common.sh"
unpack large.tgz
serve
for v in rep03 rep05; do
    mount_it "$(url $v)" cache="$work/c.$v",refresh=3600
    database="file:$mnt/latest/$v?mode=ro"
    sqlite3 "$database" "select 1 from sqlite_schema" >/dev/null
    echo 403 >"$work/do"
    said=$(sqlite3 "$database" "select count(*), total(length(a)) from t" 2>&1)
    rm "$work/do"
    case $said in
    *malformed* | *"not a database"*) wrong "$v, the store refuses: sqlite3 says: $said" ;;
    *rror*) ;;
    *) lacks "read that reaches the store: $said" ;;
    esac
    n=$(rows "$mnt/latest/$v")
    [ "$n" = 16000 ] || wrong "$v: with the store well again: $n"
    unmount
done
exit $bad
