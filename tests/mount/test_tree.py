"""The tree: names, listings, instants in every form, attributes, and the programs that people use on it.

Over the Rails backup: four databases with two generations each, in November 2024.
"""

import contextlib
import datetime
import errno
import os
import pathlib
import shutil
import sqlite3
import subprocess
import threading
import time
import unittest

import states
from mounting import ROOT, MountTest, main, sha256, wait_until

DATABASES = ["production.sqlite3", "production_cable.sqlite3", "production_cache.sqlite3", "production_queue.sqlite3"]
NAME = "production.sqlite3"
OLDER, NEWER = "b529763c7f283888", "8ad8a83282ca8351"  # generations of NAME
INSTANT = "2024-11-08T18:31:28.526Z"  # a line of expected.tsv
LINES = states.read_lines(ROOT / "tests/data/fixtures/rails-v03.expected.tsv")
STATES = [line for line in LINES if line.database == NAME and line.selector == "time" and line.file]


def instant_text(nanoseconds):
    """An instant as the tree shows it: milliseconds only where they are not zero."""
    seconds, rest = divmod(nanoseconds, 10**9)
    text = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")
    fraction = "" if rest == 0 else f".{rest // 10**6:03}" if rest % 10**6 == 0 else f".{rest:09}"
    return f"{text}{fraction}Z"


def snapshot_times(generation):
    return sorted(path.stat().st_mtime_ns for path in (generation / "snapshots").iterdir())


def point_times(generation):
    """When a generation's restore points were: a position's time is the latest of all objects up to it, and what is
    older than the first snapshot cannot be restored."""
    times = set(snapshot_times(generation))
    latest = min(times)
    for segment in sorted((generation / "wal").iterdir()):
        latest = max(latest, segment.stat().st_mtime_ns)
        times.add(latest)
    return sorted(times)


def state(argument, name=NAME):
    """What the real program restored for a time of expected.tsv, or `-`: of the newest."""
    return next(line.file for line in LINES if line.database == name and line.argument == argument)


class TreeTest(MountTest):
    options = ()

    def setUp(self):
        super().setUp()
        self.backup = self.fixture("rails-v03")
        self.tree = self.mount_fixture("rails-v03", *self.options)

    def generation(self, name):
        return self.backup / "replica" / NAME / "generations" / name

    def assertMissing(self, path):
        with self.assertRaises(OSError, msg=path) as caught:
            os.stat(path)
        self.assertEqual(caught.exception.errno, errno.ENOENT, path)


class Listings(TreeTest):
    def test_top(self):
        self.assertEqual(sorted(os.listdir(self.tree.point)), ["at", "databases", "latest"])

    def test_latest_and_databases_list_every_database(self):
        self.assertEqual(sorted(os.listdir(self.tree / "latest")), DATABASES)
        self.assertEqual(sorted(os.listdir(self.tree / "databases")), DATABASES)

    def test_an_instant_lists_the_databases_that_were(self):
        self.assertEqual(sorted(os.listdir(self.tree / "at" / INSTANT)), DATABASES)

    def test_a_database(self):
        folder = self.tree / "databases" / NAME
        self.assertEqual(sorted(os.listdir(folder)), ["at", "generations", "latest.sqlite3"])
        self.assertEqual(sorted(os.listdir(folder / "generations")), sorted([OLDER, NEWER]))
        self.assertEqual(sorted(os.listdir(folder / "generations" / OLDER)),
                         ["at", "latest.sqlite3", "points", "positions"])

    def test_landmarks_are_starts_ends_and_snapshots(self):
        times = set()
        for name in (OLDER, NEWER):
            generation = self.generation(name)
            times |= {point_times(generation)[0], point_times(generation)[-1], *snapshot_times(generation)}
        listed = os.listdir(self.tree / "databases" / NAME / "at")
        self.assertEqual(sorted(listed), [instant_text(point) + ".sqlite3" for point in sorted(times)])
        self.assertLessEqual({name.removesuffix(".sqlite3") for name in listed}, set(os.listdir(self.tree / "at")))

    def test_points_are_every_restore_point(self):
        for name in (OLDER, NEWER):
            folder = self.tree / "databases" / NAME / "generations" / name / "points"
            wanted = [instant_text(point) for point in point_times(self.generation(name))]
            listed = sorted(folder.glob("*/*/*.sqlite3"))
            self.assertEqual([path.name.removesuffix(".sqlite3") for path in listed], wanted)
            for path in listed:
                day, hour = path.name[:10], path.name[11:13]
                self.assertEqual(path.parts[-3:-1], (day, hour))

    def test_positions_are_the_ends_of_commits(self):
        folder = self.tree / "databases" / NAME / "generations" / OLDER / "positions"
        self.assertEqual(sorted(os.listdir(folder)), [f"{index:08x}" for index in range(7)])
        for name in os.listdir(folder / "00000001"):
            self.assertRegex(name, r"^[0-9a-f]{8,16}\.sqlite3$")
        starts = {path.name[9:17] for path in (self.generation(OLDER) / "wal").glob("00000001_*")} - {"00000000"}
        self.assertLessEqual({f"{start}.sqlite3" for start in starts}, set(os.listdir(folder / "00000001")))

    def test_folders_hold_what_they_list(self):
        """Every name that find prints can be looked at."""
        found = subprocess.run(["find", self.tree.point, "-printf", "%y %p\n"], capture_output=True, text=True, check=True)
        kinds = dict(line.split(" ", 1)[::-1] for line in found.stdout.splitlines())
        self.assertGreater(len(kinds), 100)
        for path, kind in kinds.items():
            self.assertEqual(os.path.isdir(path), kind == "d", path)

    def test_ls_recursive(self):
        listed = subprocess.run(["ls", "-lR", self.tree.point], capture_output=True, text=True)
        self.assertEqual((listed.returncode, listed.stderr), (0, ""))

    def test_hidden_siblings_answer_but_are_not_listed(self):
        for file in (self.tree / "latest" / NAME, self.tree / "at" / INSTANT / NAME,
                     self.tree / "databases" / NAME / f"at/{INSTANT}.sqlite3"):
            for suffix, size in (("-wal", 33), ("-shm", 0)):  # test_sqlite.py tells why
                sibling = pathlib.Path(f"{file}{suffix}")
                self.assertEqual(len(sibling.read_bytes()), size)
                self.assertNotIn(sibling.name, os.listdir(file.parent))
        self.assertMissing(self.tree / "latest/nothing.db-wal")
        self.assertMissing(self.tree / f"latest/{NAME}-journal")

    def test_nonsense_is_not_there(self):
        generations = f"databases/{NAME}/generations"
        for path in ("nothing", "latest/nothing.db", "at/yesterday", f"at/2024-13-01/{NAME}", "at/2024-11-08T25:00:00Z",
                     f"databases/{NAME}/at/{INSTANT}", f"databases/{NAME}/at/{INSTANT}.db", f"databases/{NAME}/at/.sqlite3",
                     f"{generations}/0000000000000000", f"{generations}/ltx", f"{generations}/{OLDER}/positions/000000ff",
                     f"{generations}/{OLDER}/positions/00000001/00000000.sqlite3", f"{generations}/{OLDER}/points/2024-11-07",
                     f"{generations}/{OLDER}/points/2024-11-08/99", f"{generations}/{OLDER}/points/2024-11-8",
                     f"{generations}/{OLDER}/points/2024-11-08/9", f"{generations}/{OLDER}/points/2024-13-08", f"latest/{NAME}x"):
            self.assertMissing(self.tree / path)

    def test_too_early_is_not_there(self):
        start = point_times(self.generation(OLDER))[0]
        self.assertMissing(self.tree / "at" / instant_text(start - 1) / NAME)
        self.assertMissing(self.tree / "databases" / NAME / f"at/{instant_text(start - 1)}.sqlite3")
        self.assertEqual(os.stat(self.tree / "at" / instant_text(start) / NAME).st_mtime_ns, start)
        self.assertMissing(self.tree / f"databases/{NAME}/generations/{NEWER}/at/2024-11-08T12:00:00Z.sqlite3")


class Instants(TreeTest):
    def test_every_form_names_the_same_state(self):
        wanted = state(INSTANT).sha256
        for form in ("2024-11-08T18:31:28.526Z", "2024-11-08T18:31:28.526", "2024-11-08T18:31:28.526000000Z",
                     "2024-11-08T20:31:28.526+02:00", "2024-11-08T13:01:28.526-05:30", "2024-11-08T18:31:28.526+00:00",
                     "2024-11-08 18:31:28.526", "2024-11-08t18:31:28.526z", "2024-11-08T18:32", "2024-11-08T18:32:00Z",
                     "@1731090688.526", "@1731090688"):
            with self.subTest(form):
                self.assertEqual(sha256(self.tree / "at" / form / NAME), wanted)
                self.assertEqual(sha256(self.tree / "databases" / NAME / "at" / f"{form}.sqlite3"), wanted)

    def test_a_date_is_its_midnight(self):
        self.assertEqual(sha256(self.tree / "at/2024-11-09" / NAME), sha256(self.tree / "at/2024-11-09T00:00:00Z" / NAME))
        self.assertNotEqual(sha256(self.tree / "at/2024-11-09" / NAME), sha256(self.tree / "latest" / NAME))

    def test_to_the_nanosecond(self):
        for point in point_times(self.generation(NEWER))[1:20]:
            self.assertEqual(os.stat(self.tree / "at" / instant_text(point) / NAME).st_mtime_ns, point)
            self.assertLess(os.stat(self.tree / "at" / instant_text(point - 1) / NAME).st_mtime_ns, point)
            self.assertEqual(os.stat(self.tree / "at" / instant_text(point + 1) / NAME).st_mtime_ns, point)

    def test_relative(self):
        for form in ("now", "1s-ago", "90s-ago", "30m-ago", "2h-ago", "3d-ago"):
            self.assertEqual(sha256(self.tree / "at" / form / NAME), state("-").sha256, form)
        self.assertMissing(self.tree / "at/30000d-ago" / NAME)

    def test_the_far_future_is_the_newest(self):
        for form in ("2099-12-31", "2999-01-01T00:00:00Z", "9999-12-31T23:59:59.999999999Z"):
            self.assertEqual(sha256(self.tree / "at" / form / NAME), state("-").sha256, form)

    def test_relative_counts_from_now(self):
        """So many hours ago that it falls into the history, a minute clear of every point."""
        times = point_times(self.generation(NEWER))
        hours = int((time.time() - times[5] / 10**9) // 3600)
        while any(abs(time.time() - hours * 3600 - point / 10**9) < 60 for point in times):
            hours -= 1
        then = instant_text(int(time.time() - hours * 3600) * 10**9)
        self.assertEqual(sha256(self.tree / f"at/{hours}h-ago" / NAME), sha256(self.tree / "at" / then / NAME))
        self.assertNotEqual(sha256(self.tree / f"at/{hours}h-ago" / NAME), state("-").sha256)


class Attributes(TreeTest):
    def test_modes_sizes_times_and_owner(self):
        for line in STATES:
            info = os.stat(self.tree / "at" / line.argument / NAME)
            self.assertEqual(oct(info.st_mode), "0o100400")
            self.assertEqual(info.st_size, line.file.size)
            self.assertEqual((info.st_uid, info.st_gid), (os.getuid(), os.getgid()))
            wanted = max(t for g in (OLDER, NEWER) for t in point_times(self.generation(g)) if instant_text(t) <= line.argument)
            self.assertEqual(info.st_mtime_ns, wanted)
        for folder in ("", "at", "latest", f"at/{INSTANT}", f"databases/{NAME}/generations/{OLDER}/points"):
            self.assertEqual(oct(os.stat(self.tree / folder).st_mode), "0o40500", folder)

    def test_extended_attributes(self):
        file = self.tree / f"databases/{NAME}/generations/{NEWER}/at/{INSTANT}.sqlite3"
        values = {name: os.getxattr(file, name).decode() for name in os.listxattr(file)}
        point = max(t for t in point_times(self.generation(NEWER)) if instant_text(t) <= INSTANT)
        self.assertEqual(values["user.litemount.time"], instant_text(point))
        self.assertIn(NAME, values["user.litemount.database"])
        self.assertEqual(values["user.litemount.generation"], NEWER)
        self.assertRegex(values["user.litemount.position"], r"^[0-9a-f]{8}/[0-9a-f]{8}$")
        self.assertIn(str(self.backup / "replica" / NAME), values["user.litemount.replica"])
        self.assertRegex(values["user.litemount.source-size"], r"^\d+$")
        self.assertNotIn("user.litemount.gap", values)

    def test_the_position_attribute_names_the_position(self):
        for line in STATES[::5]:
            file = self.tree / "at" / line.argument / NAME
            generation = os.getxattr(file, "user.litemount.generation").decode()
            position = os.getxattr(file, "user.litemount.position").decode()
            named = self.tree / f"databases/{NAME}/generations/{generation}/positions/{position}.sqlite3"
            self.assertEqual(sha256(named), line.file.sha256)

    def test_unknown_attributes(self):
        with self.assertRaises(OSError) as caught:
            os.getxattr(self.tree / "latest" / NAME, "user.litemount.nothing")
        self.assertEqual(caught.exception.errno, errno.ENODATA)

    def test_statfs(self):
        info = os.statvfs(self.tree.point)
        self.assertGreaterEqual(info.f_namemax, 64)
        subprocess.run(["df", self.tree.point], check=True, capture_output=True)

    def test_nothing_can_be_written(self):
        file = self.tree / "latest" / NAME
        refused = (errno.EROFS, errno.EACCES, errno.EPERM)
        for attempt in (lambda: os.open(file, os.O_RDWR), lambda: os.open(file, os.O_WRONLY | os.O_TRUNC),
                        lambda: os.open(self.tree / "latest/new", os.O_CREAT | os.O_WRONLY), lambda: os.unlink(file),
                        lambda: os.mkdir(self.tree / "at/folder"), lambda: os.chmod(file, 0o777),
                        lambda: os.rename(file, self.tree / "latest/other"), lambda: os.utime(file),
                        lambda: os.truncate(file, 0), lambda: os.symlink("x", self.tree / "latest/link")):
            with self.assertRaises(OSError) as caught:
                attempt()
            self.assertIn(caught.exception.errno, refused)
        self.assertEqual(sha256(file), state("-").sha256)


class Options(MountTest):
    def test_uid_gid_umask(self):
        self.fixture("rails-v03")
        tree = self.mount_fixture("rails-v03", "uid=12345", "gid=54321", "umask=022", "allow_other")
        info = os.stat(tree / "latest" / NAME)
        self.assertEqual((info.st_uid, info.st_gid), (12345, 54321))
        self.assertEqual(info.st_mode & 0o666, 0o444)
        self.assertEqual(os.stat(tree.point).st_mode & 0o777, 0o555)

    @unittest.skipUnless(os.getuid() == 0, "only root can become somebody else")
    def test_allow_other(self):
        self.fixture("rails-v03")
        self.folder.chmod(0o755)
        read = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "cat", self.folder / "mnt/latest" / NAME]
        tree = self.mount_fixture("rails-v03", "allow_other", "umask=022")
        self.assertEqual(subprocess.run(read, capture_output=True).returncode, 0)
        tree.unmount()
        self.mount_fixture("rails-v03")
        self.assertNotEqual(subprocess.run(read, capture_output=True).returncode, 0)


class Programs(TreeTest):
    def query(self, *arguments):
        done = subprocess.run(["sqlite3", *map(str, arguments)], capture_output=True, text=True, timeout=60)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout.strip()

    def test_sqlite3_as_people_call_it(self):
        file = self.tree / "at" / INSTANT / NAME
        self.assertEqual(self.query(file, "SELECT count(*) FROM users"), "626")
        self.assertEqual(self.query("-readonly", file, "SELECT count(*) FROM users"), "626")
        self.assertEqual(self.query(file, "PRAGMA integrity_check"), "ok")
        self.assertEqual(self.query(f"file:{file}?immutable=1", "SELECT count(*) FROM users"), "626")

    def test_every_database_is_whole_at_every_landmark(self):
        for name in DATABASES:
            for landmark in os.listdir(self.tree / "databases" / name / "at"):
                file = self.tree / "databases" / name / "at" / landmark
                self.assertEqual(self.query(file, "PRAGMA integrity_check"), "ok", landmark)

    def test_python_sqlite3_attaches_five_instants(self):
        users = {"00:54:33.668": 248, "08:20:07.014": 396, "18:31:28.526": 626, "19:59:09.207": 440, "22:51:28.474": 491}
        with contextlib.closing(sqlite3.connect(":memory:")) as connection:
            for number, time_of_day in enumerate(users):
                file = self.tree / f"at/2024-11-08T{time_of_day}Z" / NAME
                connection.execute(f"ATTACH ? AS then{number}", (str(file),))
            counts = connection.execute("SELECT " + ",".join(f"(SELECT count(*) FROM then{n}.users)" for n in range(5)))
            self.assertEqual(counts.fetchone(), tuple(users.values()))
            lost = connection.execute("SELECT count(*) FROM then2.users WHERE id NOT IN (SELECT id FROM then3.users)")
            self.assertGreater(lost.fetchone()[0], 200)

    def test_cp_and_cmp(self):
        file = self.tree / "at" / INSTANT / NAME
        copy = self.folder / "copy.sqlite3"
        subprocess.run(["cp", "-p", file, copy], check=True)
        subprocess.run(["cmp", file, copy], check=True)
        self.assertEqual(sha256(copy), state(INSTANT).sha256)
        self.assertEqual(os.stat(copy).st_mtime_ns, os.stat(file).st_mtime_ns)

    @unittest.skipUnless(shutil.which("rsync"), "rsync is not installed")
    def test_rsync(self):
        subprocess.run(["rsync", "-a", f"{self.tree / 'latest'}/", self.folder / "copy"], check=True)
        for name in DATABASES:
            self.assertEqual(sha256(self.folder / "copy" / name), state("-", name).sha256)

    def test_reads_anywhere(self):
        """Every way to cut a file gives the same bytes, beyond its end nothing."""
        file = self.tree / "at" / INSTANT / NAME
        whole = file.read_bytes()
        with open(file, "rb", buffering=0) as opened:
            for offset in (0, 1, 4095, 4096, 65535, len(whole) - 1, len(whole), len(whole) + 4096):
                for length in (1, 511, 4096, 131072):
                    self.assertEqual(os.pread(opened.fileno(), length, offset), whole[offset:offset + length])

    def test_16_readers_on_16_instants(self):
        wrong = []

        def read(line):
            for _ in range(4):
                found = sha256(self.tree / "at" / line.argument / NAME)
                if found != line.file.sha256:
                    wrong.append((line.argument, found))

        readers = [threading.Thread(target=read, args=(line,)) for line in STATES[:16]]
        self.assertEqual(len(readers), 16)
        for reader in readers:
            reader.start()
        for reader in readers:
            reader.join()
        self.assertEqual(wrong, [])


class Following(MountTest):
    def hold_back(self):
        """Takes the objects after INSTANT out of the backup. Returns what puts them in place, as Litestream would."""
        backup = self.fixture("rails-v03")
        replica, later = backup / "replica" / NAME, self.folder / "later"
        limit = datetime.datetime.fromisoformat(INSTANT.replace("Z", "+00:00")).timestamp()
        moved = []
        for path in sorted(replica.rglob("*.lz4")):
            if path.stat().st_mtime > limit:
                target = later / path.relative_to(replica)
                target.parent.mkdir(parents=True, exist_ok=True)
                moved.append((path.stat().st_mtime_ns, path.rename(target), path))

        def put_in_place():
            for _, source, place in sorted(moved):
                source.rename(place)
        return put_in_place

    def test_what_comes_late_is_seen(self):
        """Objects as old as ever, as after an outage: an instant that was looked at before shows them."""
        put_in_place = self.hold_back()
        tree = self.mount_fixture("rails-v03", "refresh=1")
        later, wanted = next((line.argument, line.file.sha256) for line in STATES if line.argument > INSTANT)
        file = tree / "at" / later / NAME
        self.assertNotEqual(sha256(file), wanted)
        put_in_place()
        wait_until(lambda: sha256(file) == wanted, 5, "what came late")

    def test_latest_moves_on_and_an_open_file_keeps_its_instant(self):
        put_in_place = self.hold_back()
        tree = self.mount_fixture("rails-v03", "refresh=1")
        file = tree / "latest" / NAME
        before = os.stat(file)
        with open(file, "rb", buffering=0) as opened:
            first = opened.read(8192)
            put_in_place()
            wanted = state("-").sha256
            wait_until(lambda: sha256(file) == wanted, 5, "latest moving on")
            self.assertNotEqual(os.stat(file).st_ino, before.st_ino)
            kept = self.folder / "kept"
            kept.write_bytes(first + opened.read())
            self.assertEqual(sha256(kept), state(INSTANT).sha256)
            self.assertEqual(os.fstat(opened.fileno()).st_size, before.st_size)


if __name__ == "__main__":
    main()
