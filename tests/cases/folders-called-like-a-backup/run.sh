#!/usr/bin/env bash
# Tenants numbered 0001, 0002, ...; uploads sharded by hash beside the backups; a folder ltx or generations with something else in
# it: none of these hides the backups that are there. Seen with `dir:` configurations (litestream#42, #738) and in buckets that hold
# other things. tenants.tgz was written by Litestream 0.5.18 for dir: /srv/tenants, recursive: true.
. "$(dirname "$0")/../common.sh"
unpack v05.tgz
unpack tenants.tgz --one-top-level=real

# see FOLDER WANTED...: that `latest` of the folder holds these
see() {
    local name=$1 want seen
    shift
    mount_it "$work/$name"
    seen=$(cd "$mnt/latest" && find . -type f | sort | tr '\n' ' ')
    for want; do
        [ "$(rows "$mnt/latest/$want")" -gt 0 ] 2>/dev/null || wrong "$name: no $want; latest/ shows: $seen"
    done
    unmount
}
put() {
    mkdir -p "$(dirname "$work/$1")"
    cp -a "$work/rep" "$work/$1"
}
# clutter FOLDER FILE
clutter() {
    mkdir -p "$work/$1"
    echo x >"$work/$1/$2"
}
put a/0001
put a/0002
put a/0003
see a 0001 0002 0003
see real/rep 0001/app.db 0002/app.db 0042/app.db
put b/backups/app.db
clutter b/0000/aa photo.jpg
see b backups/app.db
put c/app.db
clutter c/ltx model.bin
see c app.db
put d/app.db
clutter d/generations readme.txt
see d app.db
put e/generations/app.db
see e generations/app.db

cat >"$work/ls.yml" <<YML
dbs:
  - dir: /srv/tenants
    pattern: "*.db"
    recursive: true
    replica:
      path: $work/real/rep
YML
n=$("$bin" databases -config "$work/ls.yml" | grep -c '/srv/tenants/00.*/app.db')
[ "$n" = 3 ] || wrong "dir: configuration: databases lists $n of 3 tenants"
"$bin" restore -all -config "$work/ls.yml" -o "$work/all" 2>"$work/err" ||
    wrong "dir: configuration: restore -all: $(head -n 1 "$work/err")"
exit $bad
