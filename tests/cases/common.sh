# What the cases share. A case is NAME/run.sh PROGRAM, which sources this: 0 if the program does what is right, 77 if it can't be
# told here. Backups stand in a case's own folder, or in backups/ if several use them; they are tar files, for the times of the
# objects count. rep03 and rep05 are the same database through Litestream 0.3.13 and 0.5.18: 55 rows in small.tgz, 16,000 in
# large.tgz.
# shellcheck shell=bash disable=SC2034 # the cases use these
set -u
bin=$(realpath "$1")
here=$(cd "$(dirname "${BASH_SOURCE[1]}")" && pwd)
work=$(mktemp -d)
mnt=$work/mnt
mkdir "$mnt"
export XDG_CACHE_HOME=$work/cache
trap cleanup EXIT
trap 'exit 1' INT TERM

cleanup() {
    local process
    ! mountpoint -q "$mnt" || fusermount3 -u "$mnt" 2>/dev/null || fusermount3 -uz "$mnt"
    for process in ${reader-} ${mounted-} ${server-}; do kill "$process" 2>/dev/null; done
    rm -rf "$work"
}

bad=0
wrong() {
    echo "wrong: $*"
    bad=1
}
lacks() {
    echo "skipped: $(basename "$here"): no $*"
    exit 77
}
needs() {
    local what
    for what; do command -v "$what" >/dev/null || lacks "$what"; done
}
needs fusermount3 getfattr python3 sqlite3
[ -r /dev/fuse ] || lacks /dev/fuse

# unpack FILE.tgz [tar's own arguments]: into $work
unpack() {
    local file=$here/$1
    [ -e "$file" ] || file=$here/../backups/$1
    tar -C "$work" -xzf "$file" "${@:2}"
}

# The store of $work/s3 at 127.0.0.1:$port. What the file $work/do says is what it does to its answers (server.py).
serve() {
    mkdir -p "$work/s3/bucket"
    python3 "$here/../server.py" "$work/s3" "$work/do" >"$work/port" &
    server=$!
    for _ in $(seq 200); do
        [ -s "$work/port" ] && break
        sleep 0.05
    done
    port=$(cat "$work/port")
    [ -n "$port" ] || lacks "port for the store"
}
url() { echo "s3://bucket/$1?endpoint=http://127.0.0.1:$port&forcePathStyle=true&region=us-east-1"; }

# mount_it SOURCE [OPTIONS]: in the foreground, as a child
mount_it() {
    "$bin" "$1" "$mnt" -f ${2:+-o "$2"} 2>>"$work/log" &
    mounted=$!
    for _ in $(seq 400); do
        mountpoint -q "$mnt" && return
        kill -0 $mounted 2>/dev/null || break
        sleep 0.05
    done
    wrong "cannot mount: $(tail -n 1 "$work/log")"
    exit 1
}
unmount() {
    fusermount3 -u "$mnt" 2>/dev/null || fusermount3 -uz "$mnt"
    [ -z "${mounted-}" ] || wait "$mounted"
    mounted=
}

# rows FILE: how many table t has, or what SQLite says
rows() { sqlite3 "file:$1?mode=ro" "select count(*) from t" 2>&1; }
# attribute NAME FILE: nothing if there is none
attribute() { getfattr --only-values --absolute-names -n "user.litemount.$1" "$2" 2>/dev/null; }
digest() { sha256sum <"$1" | cut -d' ' -f1; }
