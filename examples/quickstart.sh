#!/usr/bin/env bash
# From a fresh Debian 12 to rescued rows: installs what is needed, builds litemount, mounts the backup of a Rails app in
# which users were deleted by mistake and a migration failed, and brings back what was lost. It works in a folder of its
# own, which it takes away again, mount and all, however it ends.
set -euo pipefail
repository=$(cd "$(dirname "$0")/.." && pwd)

packages=(gcc meson ninja-build pkg-config libfuse3-dev libcurl4-openssl-dev libssl-dev libsqlite3-dev liblz4-dev
    libyaml-dev libexpat1-dev libisal-dev libxxhash-dev libcmocka-dev fuse3 sqlite3 xz-utils)

install_packages() {
    local package missing=() sudo=
    for package in "${packages[@]}"; do
        dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
    done
    [ ${#missing[@]} -eq 0 ] && return
    [ "$(id -u)" -eq 0 ] || sudo=sudo
    $sudo apt-get -qq update
    DEBIAN_FRONTEND=noninteractive $sudo apt-get -qq install --no-install-recommends "${missing[@]}" >/dev/null
}

build() {
    [ -f "$repository/build/build.ninja" ] || meson setup "$repository/build" "$repository" >/dev/null
    ninja -C "$repository/build" fs/litemount >/dev/null
}

folder=$(mktemp -d)
clean_up() {
    cd /
    mountpoint -q "$folder/mnt" && fusermount3 -u -z "$folder/mnt"
    rm -rf "$folder"
}
trap clean_up EXIT
trap 'exit 1' INT TERM HUP

say() { printf '\n# %s\n' "$*"; }

# Shows a command as if it had been typed, and runs it.
run() {
    printf '$ %s\n' "$1"
    eval "$1"
}

say "Install what litemount needs, and build it"
install_packages
build

export PATH=$repository/build/fs:$PATH FIXTURE=$folder/rails-v03 XDG_CACHE_HOME=$folder/cache
cd "$folder"
tar -xJf "$repository/examples/rails-backup.tar.xz"
mkdir mnt

say "A backup that Litestream wrote, of four databases. Their files are gone: it is all there is."
run "litemount rails-v03/litestream.yml mnt"
run "ls -l mnt/latest"

say "The app counts fewer users than it should. When did they go?"
for time in 19:30 19:45 20:00; do
    run "sqlite3 mnt/at/2024-11-08T$time/production.sqlite3 'SELECT count(*) FROM users'"
done

say "Between 19:45 and 20:00. Who is missing since?"
cat >missing.sql <<'SQL'
ATTACH 'mnt/at/2024-11-08T20:00/production.sqlite3' AS after;
SELECT count(*), min(id), max(id) FROM users WHERE id NOT IN (SELECT id FROM after.users);
SQL
run "cat missing.sql"
run "sqlite3 mnt/at/2024-11-08T19:45/production.sqlite3 <missing.sql"

say "And that night a migration failed: it left the app without the list of the migrations that it has."
run "sqlite3 mnt/at/2024-11-09T01:30/production.sqlite3 'SELECT version FROM schema_migrations'"
run "sqlite3 mnt/latest/production.sqlite3 'SELECT count(*) FROM schema_migrations'"

say "Take the newest state, and bring both back from the instants at which they were there."
run "cp mnt/latest/production.sqlite3 rescued.sqlite3 && chmod u+w rescued.sqlite3"
cat >rescue.sql <<'SQL'
ATTACH 'mnt/at/2024-11-08T19:45/production.sqlite3' AS before;
ATTACH 'mnt/at/2024-11-09T01:30/production.sqlite3' AS migrated;
BEGIN;
INSERT INTO users SELECT * FROM before.users WHERE id NOT IN (SELECT id FROM users);
INSERT INTO schema_migrations SELECT * FROM migrated.schema_migrations;
COMMIT;
SQL
run "cat rescue.sql"
run "sqlite3 rescued.sqlite3 <rescue.sql"
run "sqlite3 rescued.sqlite3 'SELECT count(*) FROM users' 'SELECT version FROM schema_migrations' 'PRAGMA integrity_check'"

say "All 825 users, and a database that is whole."
run "fusermount3 -u mnt"
