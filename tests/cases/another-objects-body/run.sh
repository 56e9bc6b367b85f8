#!/usr/bin/env bash
# A store, or a proxy before it, answers once with another object's body: of the same length, under the right headers; the ETag is
# the MD5 of the right body. Never wrong bytes; what does not fit the ETag is asked for again, and is no verdict on the object: at
# the latest a new mount has the newest state.
. "$(dirname "$0")/../common.sh"
unpack small.tgz
serve
wal=$work/s3/bucket/rep03/generations/0123456789abcdef/wal
echo "body $wal/00000000_00002050.wal.lz4 wal/00000000_00003068" >"$work/do"
mount_it "$(url rep03)" cache="$work/c",refresh=1
first=$(rows "$mnt/latest/rep03")
[ ! -e "$work/do" ] || lacks "wrong body: nobody asked for that object"
case $first in 5[0-5]) ;; *) wrong "while it happens: $first" ;; esac
sleep 3
then=$(rows "$mnt/latest/rep03")
unmount
mount_it "$(url rep03)" cache="$work/c"
[ "$then" = 55 ] || wrong "3 s later the same mount has $then rows, not 55"
n=$(rows "$mnt/latest/rep03")
[ "$n" = 55 ] || wrong "mounted anew there are $n rows, not 55 (first $first; gap: $(attribute gap "$mnt/latest/rep03"))"
exit $bad
