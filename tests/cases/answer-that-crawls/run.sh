#!/usr/bin/env bash
# One answer of a store comes a byte a second (a dying disk or proxy). It is given up and asked for again, as a silent one is.
. "$(dirname "$0")/../common.sh"
unpack large.tgz
serve
right=f5715962350471ba45c4b87fb6fb300906bb3beaabecad8a3d622c1da71a659d
mount_it "$(url rep05)" cache="$work/c",refresh=3600
stat "$mnt/latest/rep05" >/dev/null
echo "crawl ltx/9" >"$work/do"
began=$SECONDS
if timeout 45 cp "$mnt/latest/rep05" "$work/o.db"; then
    [ "$(digest "$work/o.db")" = $right ] || wrong "wrong bytes"
else
    wrong "cp: exit $? after $((SECONDS - began)) s"
fi
[ ! -e "$work/do" ] || lacks "read of a range"
exit $bad
