"""What a question costs at the store, of Litestream 0.5's files: a page is a page, and nobody asks twice."""

import contextlib
import os
import re
import sqlite3

from make_ltx import write_snapshot
from mounting import MountTest, main, sha256
from stores import Bucket, s3_config

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
        self.assertLess(len(self.bucket.object_requests()), self.source.stat().st_size // PAGE_SIZE // 25)


if __name__ == "__main__":
    main()
