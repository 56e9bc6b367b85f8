#!/usr/bin/env bash
# A real S3 server that checks signatures: OpenStack Swift with its S3 API, on 127.0.0.1.
#   swift-up.sh FOLDER PORT     all state under FOLDER; uses the ports PORT to PORT + 4; prints the endpoint once it answers,
#                               then serves until its standard input ends
# It lists in pages of 100: what takes more than one costs tests less to upload.
# Its one account: access key test:tester, secret key testing, region us-east-1.
# Needs the packages swift-proxy swift-account swift-container swift-object python3-swift memcached.
set -euo pipefail
folder=$(mkdir -p "$1" && cd "$1" && pwd)
port=$2
mkdir -p "$folder"/{etc,data/d1,run}
cd "$folder"

# server PORT PIPELINE: what every server's configuration begins with
server() {
    cat <<CONF
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = $1
workers = 0
swift_dir = $folder/etc
devices = $folder/data
mount_check = false
user = $(id -un)
[pipeline:main]
pipeline = $2
CONF
}

server "$port" 'catch_errors cache listing_formats bulk s3api tempauth slo dlo proxy-server' >etc/proxy-server.conf
cat >>etc/proxy-server.conf <<CONF
[app:proxy-server]
use = egg:swift#proxy
allow_account_management = true
account_autocreate = true
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = testing .admin
[filter:s3api]
use = egg:swift#s3api
s3_acl = no
max_bucket_listing = 100
location = us-east-1
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:$((port + 4))
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:bulk]
use = egg:swift#bulk
[filter:slo]
use = egg:swift#slo
[filter:dlo]
use = egg:swift#dlo
[filter:listing_formats]
use = egg:swift#listing_formats
CONF

next=$((port + 1))
for kind in account container object; do
    { server "$next" "$kind-server" && printf '[app:%s-server]\nuse = egg:swift#%s\n' "$kind" "$kind"; } >"etc/$kind-server.conf"
    (
        cd etc
        swift-ring-builder "$kind.builder" create 6 1 1
        swift-ring-builder "$kind.builder" add "r1z1-127.0.0.1:$next/d1" 1
        swift-ring-builder "$kind.builder" rebalance
    ) >run/ring.log
    next=$((next + 1))
done

running=()
trap 'kill "${running[@]}" 2>/dev/null; wait' EXIT
# Away from our standard input, whose end is the sign to stop.
memcached -u nobody -l 127.0.0.1 -p $((port + 4)) </dev/null >/dev/null 2>&1 &
running+=($!)
for kind in account container object proxy; do
    "swift-$kind-server" "etc/$kind-server.conf" </dev/null >"run/$kind.log" 2>&1 &
    running+=($!)
done
# The proxy is up before the servers behind it are: it answers once it has stored something.
stores_something() {
    local headers
    headers=$(curl -sf -D - -o /dev/null -H X-Auth-User:test:tester -H X-Auth-Key:testing "http://127.0.0.1:$port/auth/v1.0" | tr -d '\r')
    local token url
    token=$(sed -n 's/^[Xx]-[Aa]uth-[Tt]oken: //p' <<<"$headers")
    url=$(sed -n 's/^[Xx]-[Ss]torage-[Uu]rl: //p' <<<"$headers")
    [ -n "$url" ] && curl -sf -o /dev/null -X PUT -H "X-Auth-Token: $token" "$url/warm" -d '' &&
        curl -sf -o /dev/null -X PUT -H "X-Auth-Token: $token" "$url/warm/up" -d ok
}

for _ in $(seq 300); do
    if stores_something; then
        echo "http://127.0.0.1:$port"
        cat >/dev/null
        exit 0
    fi
    sleep 0.2
done
echo "Swift does not answer; see $folder/run" >&2
exit 1
