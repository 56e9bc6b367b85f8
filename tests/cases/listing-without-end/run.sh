#!/usr/bin/env bash
# A store that lists for ever, ever-new keys of 1,000 bytes: an end with a sentence, or at most 300 MB within 20 s.
. "$(dirname "$0")/../common.sh"
serve
echo endless >"$work/do"
"$bin" points "$(url rep)" >/dev/null 2>"$work/err" &
reader=$!
for _ in $(seq 200); do
    kill -0 $reader 2>/dev/null || break
    mb=$(($(awk '/VmHWM/ {print $2}' /proc/$reader/status 2>/dev/null || echo 0) / 1024))
    if [ "$mb" -ge 300 ]; then
        wrong "$mb MB after $SECONDS s, and growing"
        break
    fi
    sleep 0.1
done
kill $reader 2>/dev/null
wait $reader
reader=
exit $bad
