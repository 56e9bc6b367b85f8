#!/usr/bin/env bash
# `litemount . mnt` in the folder of the backups; mounting over that folder; a replica below the mount point: to look at the source
# would mean to ask the mount itself, which hangs until the FUSE connection is aborted. To refuse such a mount point is right too.
# Seen with people who mount restic, borg and rclone below, or over, what they back up to.
. "$(dirname "$0")/../common.sh"

# Whatever hangs in this mount must be set free, or it stays until the next boot.
abort() {
    local n
    n=$(awk -v m="$mnt" '$5 == m { split($3, a, ":"); print a[2] }' /proc/self/mountinfo | tail -n 1)
    if [ -w "/sys/fs/fuse/connections/$n/abort" ]; then
        echo 1 >"/sys/fs/fuse/connections/$n/abort"
    else
        mkdir -p "$work/ctl"
        unshare -m sh -c "mount -t fusectl none '$work/ctl' && echo 1 >'$work/ctl/$n/abort'"
    fi
    fusermount3 -uz "$mnt"
    sleep 0.3
}

look() {
    ls "$mnt/latest" >"$work/ls" 2>&1
    sqlite3 "$mnt/latest/app.db" 'select count(*) from t' >"$work/n" 2>&1
    echo >"$work/looked"
}

# try LABEL SOURCE: mounted on $mnt, app.db is all that is in latest/, and is readable
try() {
    local status
    rm -rf "$work/cache" "$work/looked"
    timeout 20 "$bin" "$2" "$mnt" 2>"$work/err"
    status=$?
    if [ $status -ne 0 ]; then
        [ $status -ne 124 ] && [ -s "$work/err" ] || wrong "$1: the mount ends with $status and no reason"
        return
    fi
    look &
    reader=$!
    for _ in $(seq 100); do
        [ -e "$work/looked" ] && break
        sleep 0.1
    done
    if [ ! -e "$work/looked" ]; then
        wrong "$1: ls latest hangs"
        abort
    else
        [ "$(cat "$work/ls")" = app.db ] || wrong "$1: latest/ shows: $(tr '\n' ' ' <"$work/ls")"
        [ "$(cat "$work/n")" = 527 ] || wrong "$1: the mount says nothing, but latest/app.db reads as: $(cat "$work/n")"
        unmount
    fi
    wait $reader 2>/dev/null
    reader=
}

unpack v05.tgz --one-top-level=backups
mkdir "$work/backups/mnt"
mv "$work/backups/rep" "$work/backups/app.db"
cat >"$work/dir.yml" <<YML
dbs:
  - dir: /srv
    pattern: "*.db"
    recursive: true
    replica:
      path: $work/backups
YML
printf 'dbs:\n  - path: /srv/app.db\n    replica:\n      path: %s\n' "$work/backups/app.db" >"$work/ls.yml"
mnt=$work/backups/mnt
try "below the source" "$work/backups"
try "below the folder of a dir: configuration" "$work/dir.yml"
try "below the folder, of one replica" "$work/ls.yml"
mnt=$work/backups
try "over the source" "$work/backups"
try "over the folder of a dir: configuration" "$work/dir.yml"
try "over the folder of a replica" "$work/ls.yml"
exit $bad
