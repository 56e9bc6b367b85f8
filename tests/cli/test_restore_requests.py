"""litemount restore from S3: what it asks the store for, and what it shows on a terminal meanwhile."""

import contextlib
import datetime
import fcntl
import hashlib
import os
import pathlib
import re
import shutil
import sqlite3
import struct
import termios

from running import VerbTest, main
from make_backup import Writer, write_backup
from make_ltx import random_pages, write_file, write_snapshot
from mounting import SLOWNESS, sha256
from stores import Bucket, s3_config

NAME = "large.db"
FILLING = 24 << 20  # bytes: several LZ4 blocks, the unit in which a snapshot is read
COLUMNS = 100
BAR = re.compile(r"large\.db  \[(#*)(\.*)\]  +(\d+) %   *([\d.]+) of ([\d.]+) MB  +[\d.]+ MB/s  (.*?) *")


class StoreTest(VerbTest):
    def serve(self):
        """A bucket of what stands in "backup"."""
        self.size = sum(path.stat().st_size for path in (self.folder / "backup" / NAME).rglob("*.l*"))
        self.bucket = Bucket(self.folder / "backup")
        self.addCleanup(self.bucket.close)
        self.config = s3_config(self.folder / "s3.yml", self.bucket.endpoint, self.bucket.bucket, [NAME])

    def bytes_of(self, requests):
        total = 0
        for key, text in requests:
            size = (self.folder / "backup" / key).stat().st_size
            first, last = map(int, re.fullmatch(r"bytes=(\d+)-(\d+)", text).groups()) if text else (0, size - 1)
            total += min(last, size - 1) - first + 1
        return total


class Requests(StoreTest):
    def setUp(self):
        super().setUp()
        self.states = write_backup(self.folder / "backup", 60, indexes=3, page_size=4096, filling=FILLING)
        self.serve()

    def restore(self, state, *arguments):
        """Restores it to a new file, and returns the requests for objects that this took."""
        _, seconds, wanted = state
        target = self.folder / f"restored-{len(self.bucket.requests)}.db"
        time = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        before = len(self.bucket.object_requests())
        result = self.run_verb("restore", "-config", self.config, "-o", target, "-timestamp", time, *arguments, NAME)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(sha256(target), wanted)
        return self.bucket.object_requests()[before:]

    def test_every_byte_is_fetched_once(self):
        requests = self.restore(self.states[-1])
        self.assertEqual(self.bucket.fetched_twice(), [])
        self.assertLess(self.bytes_of(requests), self.size * 5 // 4)

    def test_another_time_costs_only_what_is_not_cached(self):
        early = self.bytes_of(self.restore(self.states[0]))
        self.assertLess(self.bytes_of(self.restore(self.states[-1])), early // 50)
        for state in self.states:
            self.assertEqual(self.restore(state), [])

    def test_a_dry_run_reads_no_pages(self):
        result = self.run_verb("restore", "-config", self.config, "-dry-run", "-o", "x", NAME)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertLess(self.bytes_of(self.bucket.object_requests()), FILLING // 10)

    def test_without_a_cache_no_byte_is_fetched_often(self):
        self.environment["XDG_CACHE_HOME"] = "/proc/nowhere"
        requests = self.restore(self.states[-1])
        self.assertLess(self.bytes_of(requests), self.size * 3 // 2)

    def test_a_store_that_fails_now_and_then(self):
        for kind in ("503", "reset", "cut"):
            self.bucket.fault(kind, every=4, times=4, on="object")
        self.restore(self.states[-1])

    def test_a_snapshot_that_is_damaged_on_its_way(self):
        target = self.folder / "restored.db"
        self.bucket.fault("flip", on="object")
        result = self.run_verb("restore", "-config", self.config, "-o", target, NAME)
        self.assertEqual((result.returncode, target.exists()), (1, False), result.stderr)

    def terminal(self):
        """The two ends of a terminal, the near one for us."""
        near, far = os.openpty()
        self.addCleanup(os.close, near)
        fcntl.ioctl(far, termios.TIOCSWINSZ, struct.pack("HHHH", 25, COLUMNS, 0, 0))
        return near, far

    def shown(self, near):
        """All that comes until nobody has the other end any more."""
        text = b""
        while True:
            try:
                part = os.read(near, 65536)
            except OSError:  # EIO: the last one closed it
                return text.decode()
            text += part

    def test_the_progress_bar_of_a_terminal(self):
        near, far = self.terminal()
        self.bucket.delay = 0.2  # long enough for the bar to be drawn more than twice
        process = self.start("restore", "-config", self.config, "-o", self.folder / "restored.db", NAME, stderr=far)
        os.close(far)
        lines = re.split(r"\r\x1b\[K|\r\n", self.shown(near))
        self.assertEqual(process.wait(30 * SLOWNESS), 0)
        bars = [BAR.fullmatch(line) for line in lines if line.startswith("large.db")]
        self.assertTrue(all(bars), lines)
        shares = [int(bar[3]) for bar in bars]
        self.assertEqual((shares[0], shares[-1], shares), (0, 100, sorted(shares)))
        self.assertGreater(len(bars), 2)
        self.assertTrue(all(len(bar[0]) <= COLUMNS for bar in bars))
        self.assertEqual((bars[0][1], bars[-1][2], bars[0][6]), ("", "", "-"))
        self.assertIn("restored to", lines[-2])  # the bar's line was cleared for it
        self.assertEqual(lines[-1], "")


class Shrunk(StoreTest):
    """Of v0.3: a large snapshot of which the restored database needs only the beginning."""

    def setUp(self):
        super().setUp()
        backup, source = self.folder / "backup", self.folder / "source.db"
        writer = Writer(backup / NAME)
        with contextlib.closing(sqlite3.connect(source, isolation_level=None)) as connection:
            for statement in ("PRAGMA journal_mode=WAL", "PRAGMA wal_autocheckpoint=0", "CREATE TABLE kept AS SELECT 1",
                              f"CREATE TABLE dropped AS SELECT randomblob({FILLING})", "PRAGMA wal_checkpoint(TRUNCATE)"):
                connection.execute(statement).fetchall()
            writer.put("snapshots", "00000000.snapshot", source.read_bytes())
            connection.execute("DROP TABLE dropped")
            connection.execute("VACUUM")
            writer.put_wal(0, pathlib.Path(f"{source}-wal").read_bytes())
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        self.wanted = sha256(source)
        self.snapshot = next(backup.rglob("*.snapshot.lz4"))
        self.serve()
        self.target = self.folder / "restored.db"

    def restore(self):
        return self.run_verb("restore", "-config", self.config, "-o", self.target, "-force", NAME)

    def test_all_of_the_snapshot_is_checked_once(self):
        for _ in range(2):
            result = self.restore()
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertEqual(sha256(self.target), self.wanted)
        self.assertLess(self.target.stat().st_size, FILLING // 100)
        self.assertLess(self.bytes_of(self.bucket.object_requests()), self.size * 5 // 4)

    def test_damage_where_nothing_is_needed(self):
        whole = bytearray(self.snapshot.read_bytes())
        whole[-1000] ^= 1
        self.snapshot.write_bytes(whole)
        result = self.restore()
        self.assertEqual((result.returncode, self.target.exists()), (1, False), result.stderr)
        self.assertIn("damaged", result.stderr)

    def test_a_mount_that_read_some_of_it_before(self):
        """What the cache has, and what it lacks, make the checksum together."""
        self.restore()
        facts = list((self.folder / "cache").rglob("*.blocks"))
        self.assertNotEqual(facts, [])
        for fact in facts:
            fact.unlink()
        result = self.restore()
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(sha256(self.target), self.wanted)


class LargeFile(StoreTest):
    """Of v0.5: a file whose checksum nobody can compare before all of it has come."""

    def setUp(self):
        super().setUp()
        self.source = self.folder / "source.db"
        with contextlib.closing(sqlite3.connect(self.source)) as connection:
            connection.execute("CREATE TABLE filling(number INTEGER PRIMARY KEY, text BLOB)")
            connection.executemany("INSERT INTO filling VALUES(?, randomblob(5000))", [(i,) for i in range(3000)])
            connection.commit()
        write_snapshot(self.folder / "backup" / NAME, self.source, 7, 1_700_000_000_000)
        self.serve()

    def restore(self):
        target = self.folder / f"restored-{len(self.bucket.requests)}.db"
        before = len(self.bucket.object_requests())
        result = self.run_verb("restore", "-config", self.config, "-o", target, NAME)
        return result, target, self.bucket.object_requests()[before:]

    def assert_restored(self):
        result, target, requests = self.restore()
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(sha256(target), sha256(self.source))
        return requests

    def test_every_byte_is_fetched_once(self):
        self.assertLess(self.bytes_of(self.assert_restored()), self.size * 11 // 10)
        self.assertEqual(self.assert_restored(), [])

    def test_without_a_cache_it_is_fetched_once_and_checked(self):
        self.environment["XDG_CACHE_HOME"] = "/proc/nowhere"
        self.assertLess(self.bytes_of(self.assert_restored()), self.size * 11 // 10)

    def test_one_that_is_damaged_on_its_way(self):
        """Its pages decode, for nothing in a page tells: all of it is fetched again. Or one does not decode, and is."""
        for every in range(1, 5):
            self.run_verb("restore", "-config", self.config, "-dry-run", NAME)  # knows all now but the pages
            self.bucket.fault("flip", every=every, times=1, on="object")
            self.assert_restored()
            self.bucket.heal()
            shutil.rmtree(self.folder / "cache")


class TwoFiles(StoreTest):
    """Of v0.5: pages that come from one and the other in turn."""

    def setUp(self):
        super().setUp()
        replica, size, count = self.folder / "backup" / NAME, 4096, 1200
        pages = random_pages(count, size)
        write_file(replica, 9, (1, 1), pages.items(), count, size, 1_700_000_000_000)
        changed = {number: os.urandom(size) for number in range(10, count, 10)}
        write_file(replica, 0, (2, 2), changed.items(), count, size, 1_700_000_100_000)
        self.wanted = hashlib.sha256(b"".join((pages | changed).values())).hexdigest()
        self.serve()

    def test_neighbours_come_together(self):
        """With a cache, and without one."""
        for cache in (self.folder / "cache", "/proc/nowhere"):
            self.environment["XDG_CACHE_HOME"] = str(cache)
            target, before = self.folder / "restored.db", len(self.bucket.object_requests())
            result = self.run_verb("restore", "-force", "-config", self.config, "-o", target, NAME)
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertEqual(sha256(target), self.wanted)
            self.assertLess(len(self.bucket.object_requests()) - before, 30)


if __name__ == "__main__":
    main()
