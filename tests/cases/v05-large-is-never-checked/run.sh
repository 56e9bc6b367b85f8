#!/usr/bin/env bash
# v0.5, an object of more than 1 MiB: one bit of a page is flipped, at rest in a folder, or once on its way from a store that is
# well. The whole file is read from a mount, again, and through a new mount: the right bytes or an error, and the right bytes in the
# end where the object is sound.
. "$(dirname "$0")/../common.sh"
unpack backup.tgz
serve
right=cc8dc29dae73486fdcec9338020ef898cd5d2353990280d47750265d47287e2c

# What `cp` gives.
look() {
    if ! cp "$mnt"/latest/* "$work/o.db" 2>/dev/null; then
        echo refused
    elif [ "$(digest "$work/o.db")" = $right ]; then
        echo right
    else
        echo WRONG
    fi
    rm -f "$work/o.db"
}
flipped=$work/flipped/ltx/9/0000000000000001-0000000000000001.ltx
cp -a "$work/s3/bucket/rep" "$work/flipped"
python3 - "$flipped" <<'PY'
import os, sys
times = os.stat(sys.argv[1])
with open(sys.argv[1], "r+b") as file:
    file.seek(700000)
    byte = file.read(1)[0]
    file.seek(700000)
    file.write(bytes([byte ^ 1]))
os.utime(sys.argv[1], ns=(times.st_atime_ns, times.st_mtime_ns))
PY
mount_it "$work/flipped" cache="$work/c1"
a=$(look) b=$(look)
unmount
mount_it "$work/flipped" cache="$work/c1"
c=$(look)
unmount
case $a$b$c in *WRONG*) wrong "flipped at rest: cp exits 0 with wrong bytes (first: $a, again: $b, mounted anew: $c)" ;; esac
"$bin" restore -o "$work/o.db" "$work/flipped" 2>/dev/null && wrong "flipped at rest: restore exits 0"
rm -f "$work/o.db"

mount_it "$(url rep)" cache="$work/c2"
ls "$mnt/latest" >/dev/null
echo "flip 700000 ltx/9" >"$work/do"
a=$(look)
[ ! -e "$work/do" ] || lacks "flip: nobody asked for that byte"
b=$(look)
unmount
mount_it "$(url rep)" cache="$work/c2"
c=$(look)
unmount
case $a$b$c in *WRONG*) wrong "flipped on its way: cp exits 0 with wrong bytes (first: $a, again: $b, mounted anew: $c)" ;; esac
[ "$c" = right ] || wrong "the store is well, but mounted anew it is: $c"
exit $bad
