"""What it costs to read a large v0.3 snapshot: a part of it costs a part, all of it costs all of it once."""

import os
import re

from make_backup import GENERATION, write_backup
from mounting import MountTest, main, sha256
from stores import Bucket, s3_config

NAME = "large.db"
SNAPSHOT = f"{NAME}/generations/{GENERATION}/snapshots/00000000.snapshot.lz4"
FILLING = 40 << 20  # bytes
BLOCK = 256 << 10   # bytes: blocks smaller than Litestream's own, so that there are many
FAR = 0.005         # seconds: a round trip at which nobody hops from block to block
PAGE = 4096


class LargeSnapshot(MountTest):
    def serve(self, filling=FILLING, delay=0, **frame):
        """A backup of incompressible pages whose snapshot has frames of that kind, behind that delay."""
        folder = self.folder / f"backup{len(list(self.folder.glob('backup*')))}"
        self.right = write_backup(folder, 6, indexes=2, page_size=PAGE, filling=filling, **frame)[-1][2]
        self.size = (folder / SNAPSHOT).stat().st_size
        self.database = (folder / "source.db").read_bytes()
        self.bucket = Bucket(folder)
        self.bucket.delay = delay
        self.addCleanup(self.bucket.close)
        self.config = s3_config(self.folder / "s3.yml", self.bucket.endpoint, self.bucket.bucket, [NAME])

    def ranges(self):
        """The ranges of the snapshot that were fetched so far: (first byte, number of bytes)."""
        found = []
        for key, text in self.bucket.object_requests():
            if key == SNAPSHOT:
                first, last = map(int, re.fullmatch(r"bytes=(\d+)-(\d+)", text).groups()) if text else (0, self.size - 1)
                found.append((first, last - first + 1))
        return found

    def fetched(self):
        return sum(length for _, length in self.ranges())

    def read_page(self, file, number):
        """Reads one page of it and compares it."""
        with open(file, "rb", buffering=0) as opened:
            os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_RANDOM)
            self.assertEqual(os.pread(opened.fileno(), PAGE, number * PAGE), self.database[number * PAGE:(number + 1) * PAGE])

    def check_lookup(self):
        """Pages here and there, each in another block."""
        tree = self.mount(self.config)
        for number in (0, 7000, 3000, 9500):
            self.read_page(tree / "latest" / NAME, number)
        return tree

    def test_far_away_a_page_costs_a_part(self):
        """The blocks are found from several places at once, and their places are kept."""
        self.serve(delay=FAR, block_size=5)
        tree = self.check_lookup()
        self.assertLess(self.fetched(), self.size / 4)
        tree.unmount()
        before = len(self.ranges())
        tree = self.mount(self.config, point="again")
        self.read_page(tree / "latest" / NAME, 5000)
        self.assertLessEqual(len(self.ranges()) - before, 2)
        self.assertLess(sum(length for _, length in self.ranges()[before:]), 2 * BLOCK)

    def test_near_by_a_page_costs_a_part(self):
        """Its block and the headers before, unless the machine is so busy that the store seems far away."""
        self.serve(block_size=5)
        self.check_lookup()
        self.assertLess(self.fetched(), self.size / 4)

    def test_the_first_page_costs_its_beginning(self):
        self.serve()
        tree = self.mount(self.config)
        self.read_page(tree / "latest" / NAME, 0)
        self.assertLess(self.fetched(), 128 << 10)

    def test_all_of_it_is_fetched_once(self):
        """In order, with nothing known of its blocks."""
        for size in (7, 5):
            with self.subTest(block_size=size):
                self.serve(delay=FAR, block_size=size)
                self.assertEqual(sha256(self.mount(self.config, point=f"size{size}") / "latest" / NAME), self.right)
                self.assertLess(self.fetched(), self.size * 1.3)
                self.assertLess(len(self.ranges()), 2 * self.size / (1 << 20) + 20)

    def test_all_of_it_after_a_page(self):
        """With all blocks known."""
        self.serve(delay=FAR, block_size=5)
        tree = self.check_lookup()
        before = self.fetched()
        self.assertEqual(sha256(tree / "latest" / NAME), self.right)
        self.assertLess(self.fetched() - before, self.size * 1.3)

    def test_a_small_one_is_fetched_whole(self):
        self.serve(filling=5 << 20, delay=FAR, block_size=5)
        tree = self.mount(self.config)
        for number in (0, 1200, 600):
            self.read_page(tree / "latest" / NAME, number)
        self.assertLess(self.fetched(), self.size * 1.3)
        self.assertLess(len(self.ranges()), 12)

    def test_linked_blocks_are_read_in_order(self):
        self.serve(filling=10 << 20, independent=0)
        self.assertEqual(sha256(self.mount(self.config) / "latest" / NAME), self.right)


if __name__ == "__main__":
    main()
