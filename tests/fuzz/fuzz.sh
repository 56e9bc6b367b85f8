#!/bin/sh
# Fuzzes one target for FUZZ_SECONDS (20): fuzz.sh TARGET FOLDER... New inputs stay in a folder that is thrown away;
# the one that made the target fail is shown in base64, ready for the corpus.
set -eu
target=$1
shift
found=$(mktemp -d)
trap 'rm -rf "$found"' EXIT
for folder; do
    shift
    [ -d "$folder" ] && set -- "$@" "$folder"
done
mkdir "$found/new"
"$target" -max_total_time="${FUZZ_SECONDS:-20}" -timeout=25 -rss_limit_mb=2048 -max_len=262144 -print_final_stats=1 \
    -artifact_prefix="$found/" "$found/new" "$@" && exit 0
for input in "$found"/*-*; do
    echo "$input" && base64 "$input"
done
exit 1
