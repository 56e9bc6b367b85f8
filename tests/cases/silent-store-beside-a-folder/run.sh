#!/usr/bin/env bash
# One mount, four databases of a silent S3 store and one in a local folder: while a read of each of the four waits, a cold read of
# the local one takes less than 5 s.
. "$(dirname "$0")/../common.sh"
unpack large.tgz
mv "$work/s3/bucket/rep03" "$work/folder"
for i in 0 1 2 3; do cp -a "$work/folder" "$work/s3/bucket/rep$i"; done
serve
{
    echo "dbs:"
    for i in 0 1 2 3; do
        printf '  - path: /srv/s%s.db\n    replicas:\n      - {type: s3, bucket: bucket, path: rep%s, region: us-east-1,\n' $i $i
        printf '         endpoint: "http://127.0.0.1:%s", force-path-style: true,\n' "$port"
        printf '         access-key-id: k, secret-access-key: s}\n'
    done
    printf '  - path: /srv/local.db\n    replicas: [{path: %s}]\n' "$work/folder"
} >"$work/ls.yml"
mount_it "$work/ls.yml" cache="$work/c",refresh=3600
for i in 0 1 2 3; do stat "$mnt/latest/s$i.db" >/dev/null || lacks "s$i.db"; done
stat "$mnt/latest/local.db" >/dev/null
echo silent >"$work/do"
reader=
for i in 0 1 2 3; do
    dd if="$mnt/latest/s$i.db" of=/dev/null bs=64k skip=2 status=none 2>/dev/null &
    reader="$reader $!"
done
sleep 1.5
began=$(date +%s%N)
timeout 25 cp "$mnt/latest/local.db" "$work/o.db"
status=$?
took=$((($(date +%s%N) - began) / 1000000))
[ $status -eq 0 ] && [ $took -lt 5000 ] ||
    wrong "cp of the local database: exit $status after $took ms (four reads wait for a silent store)"
rm -f "$work/do"
# shellcheck disable=SC2086 # several
{
    kill $reader
    wait $reader
} 2>/dev/null
reader=
exit $bad
