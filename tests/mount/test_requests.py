"""What a question costs at the store: listings read no objects, a stat no pages, and nobody asks twice."""

import datetime
import os
import re
import time

from make_backup import GENERATION, write_backup
from mounting import MountTest, main, sha256
from stores import Bucket, s3_config

NAME = "large.db"
FILLING = 24 << 20  # bytes: more than one LZ4 block, which is the unit in which a snapshot is read


class Requests(MountTest):
    def setUp(self):
        super().setUp()
        self.states = write_backup(self.folder / "backup", 60, indexes=3, page_size=4096, filling=FILLING)
        self.bucket = Bucket(self.folder / "backup")
        self.addCleanup(self.bucket.close)
        self.config = s3_config(self.folder / "s3.yml", self.bucket.endpoint, self.bucket.bucket, [NAME])

    def at(self, tree, seconds):
        return tree / datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime(f"at/%Y-%m-%dT%H:%M:%SZ/{NAME}")

    def fetched_of_snapshots(self):
        """Bytes of snapshots fetched so far."""
        total = 0
        for key, text in self.bucket.object_requests():
            if "/snapshots/" in key:
                size = (self.folder / "backup" / key).stat().st_size
                first, last = map(int, re.fullmatch(r"bytes=(\d+)-(\d+)", text).groups()) if text else (0, size - 1)
                total += min(last, size - 1) - first + 1
        return total

    def test_listings_read_no_object(self):
        tree = self.mount(self.config)
        for folder in ("", "latest", "at", f"databases/{NAME}/at", f"databases/{NAME}/generations"):
            os.listdir(tree / folder)
        self.assertNotEqual(list((tree / f"databases/{NAME}/generations/{GENERATION}/points").glob("*/*/*")), [])
        self.assertEqual(self.bucket.object_requests(), [])

    def test_a_stat_reads_no_page(self):
        tree = self.mount(self.config)
        size = os.stat(tree / "latest" / NAME).st_size
        self.assertEqual(size, (self.folder / "backup/source.db").stat().st_size)
        self.assertLess(self.fetched_of_snapshots(), 1 << 20)
        before = len(self.bucket.object_requests())
        for _ in range(10):
            os.stat(tree / "latest" / NAME)
        self.assertEqual(len(self.bucket.object_requests()), before)

    def test_a_page_is_not_the_whole_snapshot(self):
        tree = self.mount(self.config)
        with open(tree / "latest" / NAME, "rb", buffering=0) as file:
            self.assertEqual(file.read(16), b"SQLite format 3\0")
        self.assertLess(self.fetched_of_snapshots(), FILLING // 2)

    def test_another_instant_costs_only_what_is_not_cached(self):
        tree = self.mount(self.config)
        self.assertEqual(sha256(tree / "latest" / NAME), self.states[-1][2])
        self.assertEqual(self.bucket.fetched_twice(), [])
        before = len(self.bucket.object_requests())
        for _, seconds, wanted in self.states:
            self.assertEqual(sha256(self.at(tree, seconds)), wanted)
        for point in (tree / f"databases/{NAME}/generations/{GENERATION}/points").glob("*/*/*"):
            os.stat(point)
        self.assertEqual(self.bucket.object_requests()[before:], [])

    def test_an_idle_mount_and_df_send_nothing(self):
        tree = self.mount(self.config, "refresh=1")
        os.listdir(tree / "latest")
        before = len(self.bucket.requests)
        time.sleep(3)
        os.statvfs(tree.point)
        self.assertEqual(self.bucket.requests[before:], [])
        os.listdir(tree / "latest")
        self.assertNotEqual(self.bucket.requests[before:], [])

    def test_within_refresh_nobody_asks_again(self):
        tree = self.mount(self.config, "refresh=60")
        sha256(tree / "latest" / NAME)
        before = len(self.bucket.requests)
        for _ in range(20):
            os.listdir(tree / "latest")
            sha256(tree / "latest" / NAME)
        self.assertEqual(self.bucket.requests[before:], [])


if __name__ == "__main__":
    main()
