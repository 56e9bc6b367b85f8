"""What a question costs at the store, of Litestream 0.5's files: a page is a page, and nobody asks twice."""

import contextlib
import errno
import hashlib
import os
import re
import sqlite3
import time

from make_ltx import random_pages, write_file, write_snapshot
from mounting import MountTest, main, sha256
from stores import Bucket, ltx_times, s3_config, to_s3_layout
from tables import table_of

NAME = "large.db"
ROWS, ROW_SIZE = 10_000, 5_000  # about 60 MB that LZ4 cannot make smaller, a page or two a row
PAGE_SIZE = 4096
TIMESTAMP = 1_700_000_000_000  # milliseconds since 1970


class LargeSnapshot(MountTest):
    def setUp(self):
        super().setUp()
        self.source = self.folder / "source.db"
        with contextlib.closing(sqlite3.connect(self.source, isolation_level=None)) as connection:
            connection.execute("CREATE TABLE entries(id INTEGER PRIMARY KEY, text BLOB)")
            connection.execute(f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS}) "
                               f"INSERT INTO entries SELECT i, randomblob({ROW_SIZE}) FROM n")
        self.snapshot = write_snapshot(self.folder / "backup" / NAME, self.source, 7, TIMESTAMP)
        self.bucket = Bucket(self.folder / "backup")
        self.addCleanup(self.bucket.close)
        self.config = s3_config(self.folder / "s3.yml", self.bucket.endpoint, self.bucket.bucket, [NAME])

    def fetched(self):
        """Bytes of objects that were sent so far. Nobody may ask for a whole one."""
        total = 0
        for _, text in self.bucket.object_requests():
            first, last = map(int, re.fullmatch(r"bytes=(\d+)-(\d+)", text).groups())
            total += last - first + 1
        return total

    def row(self, file, number):
        with contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
            return connection.execute("SELECT text FROM entries WHERE id = ?", (number,)).fetchone()[0]

    def test_a_lookup_fetches_its_pages(self):
        tree = self.mount(self.config)
        size = self.snapshot.stat().st_size
        self.assertGreater(size, 50_000_000)
        os.listdir(tree / "latest")
        self.assertEqual(self.fetched(), 0)
        self.assertEqual(os.stat(tree / "latest" / NAME).st_size, self.source.stat().st_size)
        self.assertLess(self.fetched(), size // 50)
        for number in (1, ROWS // 2, ROWS):
            self.assertEqual(self.row(tree / "latest" / NAME, number), self.row(self.source, number))
        self.assertLess(self.fetched(), size // 20)
        self.assertLess(len(self.bucket.object_requests()), 30)

    def test_the_next_mount_knows_the_index_and_the_pages(self):
        tree = self.mount(self.config)
        wanted = self.row(self.source, ROWS // 2)
        self.assertEqual(self.row(tree / "latest" / NAME, ROWS // 2), wanted)
        tree.unmount()
        before = len(self.bucket.object_requests())
        again = self.mount(self.config, point="again")
        self.assertEqual(self.row(again / "latest" / NAME, ROWS // 2), wanted)
        self.assertEqual(self.bucket.object_requests()[before:], [])

    def test_the_whole_is_right_and_fetched_once(self):
        tree = self.mount(self.config)
        self.assertEqual(sha256(tree / "latest" / NAME), sha256(self.source))
        self.assertEqual(self.bucket.fetched_twice(), [])
        self.assertLess(self.fetched(), self.snapshot.stat().st_size * 11 // 10)
        self.assertLess(len(self.bucket.object_requests()), self.source.stat().st_size // PAGE_SIZE // 200)


class Compacted(MountTest):
    """A file too large to be learnt whole, whose successor stands in its place by the time that its pages are read."""

    def setUp(self):
        super().setUp()
        replica, size, count = self.folder / "backup" / NAME, 4096, 1500
        pages = random_pages(count, size)
        changed = {number: os.urandom(size) for number in range(2, count, 2)}
        self.wanted = hashlib.sha256(b"".join((pages | changed).values())).hexdigest()

        def write(level, txid, pages):
            path = write_file(replica, level, (txid, txid), pages.items(), count, size, TIMESTAMP + txid)
            os.utime(path, ns=((TIMESTAMP + txid) * 1_000_000,) * 2)
            return path
        write(9, 1, pages)
        self.file, self.compact = write(0, 2, changed), lambda: write(1, 2, changed)

    def test_the_state_goes_on_from_its_successor(self):
        tree = self.mount(f"file://{self.folder}/backup")
        for path in ("latest", "at/2023-11-14T22:13:30"):
            os.stat(tree / path / NAME)
        with open(tree / "latest" / NAME, "rb") as file:
            self.file.unlink()
            self.compact()
            self.assertEqual(hashlib.file_digest(file, "sha256").hexdigest(), self.wanted)
        self.assertEqual(sha256(tree / "at/2023-11-14T22:13:30" / NAME), self.wanted)

    def test_without_one_it_is_gone(self):
        tree = self.mount(f"file://{self.folder}/backup")
        with open(tree / "latest" / NAME, "rb") as file:
            self.file.unlink()
            with self.assertRaises(OSError) as failure:
                file.read()
        self.assertEqual(failure.exception.errno, errno.EIO)


class Levels(MountTest):
    """A history of several levels: what is asked for before anything of it can be read, and after something came."""

    NAME = "edges.sqlite3"
    LAST = f"{0x27:016x}"

    def setUp(self):
        super().setUp()
        self.backup = self.fixture("edges-v05")
        self.table = table_of(self.backup)
        times = ltx_times(self.backup / "replica")
        to_s3_layout(self.backup / "replica")
        self.replica = self.backup / "replica" / self.NAME
        self.bucket = Bucket(self.backup / "replica")
        self.bucket.metadata = {key.replace("/ltx/", "/000"): noted for key, noted in times.items()}
        self.addCleanup(self.bucket.close)
        self.config = s3_config(self.folder / "s3.yml", self.bucket.endpoint, self.bucket.bucket, [self.NAME])

    def listings(self):
        with self.bucket.lock:
            return [request["query"] for request in self.bucket.requests if not request["key"]]

    def position(self, txid):
        """The SHA-256 of what Litestream restores there."""
        (line,) = [line for line in self.table.lines if line.selector == "txid" and line.argument == txid and line.file]
        return line.file.sha256

    def test_the_latest_takes_a_listing_and_what_makes_it(self):
        tree = self.mount(self.config)
        self.assertEqual(sha256(tree / "latest" / self.NAME), self.position(self.LAST))
        self.assertEqual(len(self.listings()), 1)
        base, level1 = f"{self.NAME}/0009/{1:016x}-{0x22:016x}.ltx", f"{self.NAME}/0001/{0x23:016x}-{self.LAST}.ltx"
        self.assertEqual(sorted(self.bucket.object_requests()), [(level1, None), (base, None)])
        # When the state came to be is the time of the first file that brings it, which is not read.
        self.assertEqual(self.bucket.metadata_requests(), [f"{self.NAME}/0000/{self.LAST}-{self.LAST}.ltx"])
        first = (self.replica / "0000" / f"{self.LAST}-{self.LAST}.ltx").stat()
        self.assertEqual(os.stat(tree / "latest" / self.NAME).st_mtime_ns, first.st_mtime_ns)
        tree.unmount()

        again = self.mount(self.config, point="again")
        before = len(self.bucket.requests)
        self.assertEqual(sha256(again / "latest" / self.NAME), self.position(self.LAST))
        self.assertEqual(self.bucket.requests[before:], [])
        self.assertEqual(len(self.listings()), 2)

    def test_a_position_needs_no_other_times(self):
        tree = self.mount(self.config)
        txid = f"{0x24:016x}"
        file = tree / f"databases/{self.NAME}/generations/ltx/positions/{txid}.sqlite3"
        self.assertEqual(sha256(file), self.position(txid))
        self.assertEqual(self.bucket.metadata_requests(), [])

    def test_times_are_asked_for_by_time_only(self):
        tree = self.mount(self.config)
        os.listdir(tree / "latest")
        self.assertEqual(self.bucket.metadata_requests(), [])
        os.listdir(tree / "at")
        self.assertEqual(sorted(self.bucket.metadata_requests()), sorted(self.bucket.metadata))

    def add_other_objects(self, count):
        (self.replica / "notes").mkdir()
        for number in range(count):
            (self.replica / "notes" / f"{number}.txt").touch()

    def test_a_refresh_of_few_objects_is_one_request(self):
        tree = self.mount(self.config, "refresh=1")
        self.assertEqual(sha256(tree / "latest" / self.NAME), self.position(self.LAST))
        before = len(self.bucket.requests)
        time.sleep(1.1)
        self.assertEqual(sha256(tree / "latest" / self.NAME), self.position(self.LAST))
        self.assertEqual([request["key"] for request in self.bucket.requests[before:]], [""])

    def test_a_refresh_lists_what_came(self):
        """Behind the last key of each level; of the objects only the new one is fetched."""
        self.add_other_objects(300)  # else one answer tells all
        new = self.replica / "0000" / f"{self.LAST}-{self.LAST}.ltx"
        away = self.folder / new.name
        new.rename(away)
        (self.replica / "0001" / f"{0x23:016x}-{self.LAST}.ltx").unlink()
        tree = self.mount(self.config, "refresh=1")
        self.assertEqual(sha256(tree / "latest" / self.NAME), self.position(f"{0x26:016x}"))
        listed, fetched = len(self.listings()), len(self.bucket.object_requests())
        away.rename(new)
        time.sleep(1.1)
        self.assertEqual(sha256(tree / "latest" / self.NAME), self.position(self.LAST))
        self.assertEqual(self.bucket.object_requests()[fetched:], [(f"{self.NAME}/0000/{new.name}", None)])
        levels = [query for query in self.listings()[listed:] if query["prefix"].startswith(f"{self.NAME}/000")]
        self.assertEqual(len({query["prefix"] for query in levels}), 10)
        known = {f"{self.NAME}/{path.name}/": max(path.iterdir()) for path in self.replica.iterdir() if any(path.iterdir())}
        for query in levels:
            if query["prefix"] in known and query["prefix"] != f"{self.NAME}/0000/":
                self.assertEqual(query["start-after"], os.fspath(known[query["prefix"]].relative_to(self.backup / "replica")))
        self.assertEqual(self.bucket.metadata_requests(), [])


if __name__ == "__main__":
    main()
