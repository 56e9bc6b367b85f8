#!/usr/bin/env bash
# Installs what the tests need (Debian 12), builds, and runs all of them: `tests/run.sh`. The last line counts.
# One test afterwards: `meson test -C build-gcc NAME`, or `python3 tests/mount/test_tree.py Listings.test_top`.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

compilers=(gcc clang libclang-rt-14-dev meson ninja-build pkg-config)
libraries=(libfuse3-dev libcurl4-openssl-dev libssl-dev libsqlite3-dev liblz4-dev libyaml-dev libexpat1-dev libisal-dev
    libxxhash-dev libcmocka-dev)
programs=(fuse3 sqlite3 rsync xz-utils python3 curl openssl util-linux zsh mandoc attr strace)
swift=(swift-proxy swift-account swift-container swift-object python3-swift memcached)

# Asks the network for nothing if everything is there.
install_packages() {
    local package missing=() sudo=
    for package in "${compilers[@]}" "${libraries[@]}" "${programs[@]}" "${swift[@]}"; do
        dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
    done
    [ ${#missing[@]} -eq 0 ] && return
    [ "$(id -u)" -eq 0 ] || sudo=sudo
    echo "installing: ${missing[*]}"
    $sudo apt-get -qq update &&
        DEBIAN_FRONTEND=noninteractive $sudo apt-get -qq install --no-install-recommends "${missing[@]}" >/dev/null
}

# The real Litestreams, for the tests beside them: 0.3.13 from its npm package, 0.5.18 built by Go. Without one its test is
# skipped, which CI does not take.
litestream=$PWD/build-litestream
export LITESTREAM=$litestream/package/litestream LITESTREAM5=$litestream/bin/litestream

fetch_litestream() {
    local package=@flydotio/litestream-linux-x64@1.0.1
    [ -x "$LITESTREAM" ] && return
    mkdir -p "$litestream"
    (cd "$litestream" && npm pack --silent "$package" && tar -xzf ./*.tgz) >/dev/null 2>&1 ||
        echo "Litestream 0.3.13 cannot be had: no npm, or no registry"
}

fetch_litestream5() {
    [ -x "$LITESTREAM5" ] && return
    mkdir -p "$litestream/bin"
    GOBIN=$litestream/bin timeout 300 go install github.com/benbjohnson/litestream/cmd/litestream@v0.5.18 >/dev/null 2>&1 ||
        echo "Litestream 0.5.18 cannot be had: no Go, no registry, or no time to build it"
}

# What the compilers say, a file a build.
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT

# build NAME COMPILER TARGETS [meson's arguments]: into the folder build-NAME, what is run there and no more. Prints NAME and its
# exit status.
build() {
    local name=$1 compiler=$2 targets=$3
    shift 3
    {
        { [ -f "build-$name/build.ninja" ] || CC=$compiler meson setup "build-$name" --werror "$@"; } &&
            # shellcheck disable=SC2086 # several
            ninja -C "build-$name" $targets
    } >"$logs/$name" 2>&1
    echo "$name $?"
}

# All of them, in the order in which they are wanted. All but the first are made beside tests, which wait more than they work, and
# stand back for them. With sanitizers lines are enough to name a place, and AddressSanitizer's code takes long to optimize.
mounting="fs/litemount tests/mount/failing_calls.so"
tsan_units="cache cache_threads cache_cut parallel thread_pool workspaces blocking history history_states refresh_gate node" # which have threads
builds() {
    local linker=() lines=-Dc_args=-g1
    ! command -v ld.gold >/dev/null || linker=(-Dc_link_args=-fuse-ld=gold)
    build gcc gcc all "${linker[@]}"
    renice -n 19 $BASHPID >/dev/null
    build fuzz clang fuzzers -Db_sanitize=address,undefined -Db_lundef=false -Dc_args=-fsanitize=fuzzer-no-link
    build asan gcc "units $mounting" -Db_sanitize=address,undefined -Doptimization=1 $lines "${linker[@]}"
    # shellcheck disable=SC2086 # several
    build tsan gcc "$(printf 'tests/unit/test_%s ' $tsan_units) $mounting" -Db_sanitize=thread $lines "${linker[@]}"
}

# built NAME: waits for it, the next of them. One that failed counts as a failed test, and its areas are left out.
built() {
    local name status
    printf '\n== build-%s\n' "$1"
    read -r name status <&3
    [ "$name $status" = "$1 0" ] && return 0
    tail -n 40 "$logs/$1"
    count 0 1 0
    return 1
}

# Most of the tests wait more than they work.
export MESON_TESTTHREADS=${MESON_TESTTHREADS:-$((3 * $(nproc)))}
# Seconds that the fuzzers run, all at once: enough to meet what is near the corpus.
export FUZZ_SECONDS=${FUZZ_SECONDS:-15}

passed=0 failed=0 skipped=0
count() {
    passed=$((passed + $1)) failed=$((failed + $2)) skipped=$((skipped + $3))
}

# area TITLE COMMAND...: runs it, shows it, and adds up its closing line
area() {
    local title=$1 log line
    shift
    log=$(mktemp)
    printf '\n== %s\n' "$title"
    "$@" 2>&1 | tee "$log"
    line=$(grep -E '^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$' "$log" | tail -n 1)
    rm -f "$log"
    # shellcheck disable=SC2046 # three numbers
    count $(tr -dc '0-9 ' <<<"${line:-0 1 0}")
}

suite() { python3 tests/suite.py "$@"; }

install_packages || { echo "the packages cannot be installed"; count 0 1 0; }
fetch_litestream
fetch_litestream5 &
fetching=$!
exec 3< <(builds)

if built gcc; then
    area "units, and what the fuzzers begin with" suite build-gcc unit,fuzz
    wait $fetching
    area "stores, mounts, command line, cases" suite build-gcc replica,mount,cli,cases --no-suite faults
fi

if built fuzz; then
    area "fuzzing" env MESON_TESTTHREADS=8 python3 tests/suite.py build-fuzz fuzz
fi

# Once more with sanitizers: what reads every state, breaks things, and reads at once. A live Litestream and a huge backup
# would only be slow.
export TEST_SLOWNESS=5
if built asan; then
    export ASAN_OPTIONS=detect_stack_use_after_return=1 UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
    export LSAN_OPTIONS=suppressions=$PWD/tests/mount/leaks.supp:print_suppressions=0
    export ATTACK_SECONDS=${ATTACK_SECONDS:-4}
    area "units, ASan and UBSan" suite build-asan unit --no-suite source --timeout-multiplier 5
    area "mounts and command line, ASan and UBSan" suite build-asan mount,cli --timeout-multiplier 5 \
        tree states mounting faults faults_cache attack requests damage flips_v05 second_replica short \
        listings restore restore_places restore_interrupted restore_large
fi

if built tsan; then
    export TSAN_OPTIONS=halt_on_error=0:second_deadlock_stack=1
    # shellcheck disable=SC2086 # several
    area "units, TSan" suite build-tsan unit --timeout-multiplier 5 $tsan_units
    area "mounts, TSan" suite build-tsan mount --timeout-multiplier 5 tree faults faults_cache damage flips_v05 short
fi

printf '\n%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
