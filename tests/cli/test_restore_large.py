"""litemount restore of snapshots that are read by block: what a damaged one is, and that nothing of it stays."""

import os
import shutil

from running import VerbTest, main
from make_backup import write_backup
from mounting import sha256


class LargeSnapshots(VerbTest):
    """Large enough to be read by block, and not learnt whole before."""

    def setUp(self):
        super().setUp()
        self.target = self.folder / "restored.db"
        ((_, _, self.wanted),) = write_backup(self.folder / "backup", 4, indexes=1, page_size=4096, filling=13 << 20)
        (self.snapshot,) = self.folder.rglob("*.snapshot.lz4")

    def restore(self):
        self.target.unlink(missing_ok=True)
        return self.run_verb("restore", "-o", self.target, f"file://{self.folder}/backup/large.db")

    def write(self, data):
        """With the time that it had."""
        times = self.snapshot.stat()
        self.snapshot.write_bytes(data)
        os.utime(self.snapshot, ns=(times.st_atime_ns, times.st_mtime_ns))

    def with_an_end_mark(self, block):
        """In place of a block's header."""
        data = bytearray(self.snapshot.read_bytes())
        start = 7
        for _ in range(block):
            start += 4 + (int.from_bytes(data[start:start + 4], "little") & 0x7FFFFFFF)
        data[start:start + 4] = bytes(4)
        return data

    def assert_refused(self):
        result = self.restore()
        self.assertEqual(result.returncode, 1, result.stderr)
        self.assertIn(f"{self.snapshot} is damaged", result.stderr)
        self.assertFalse(self.target.exists())

    def assert_restored(self):
        result = self.restore()
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(sha256(self.target), self.wanted)

    def test_an_end_mark_in_its_midst(self):
        sound = self.snapshot.read_bytes()
        for block in (1, 2, 3):
            self.write(self.with_an_end_mark(block))
            self.assert_refused()
            self.write(sound)
            self.assert_restored()
            shutil.rmtree(self.folder / "cache")

    def test_an_end_mark_where_a_block_was(self):
        """Its blocks are known, but the cache has lost them."""
        self.assert_restored()
        for image in (self.folder / "cache").rglob("*.img"):
            image.unlink()
        self.write(self.with_an_end_mark(2))
        self.assert_refused()

    def test_what_follows_its_end(self):
        """Is ignored, as Litestream does."""
        self.snapshot.write_bytes(self.snapshot.read_bytes() + bytes(3000))
        self.assert_restored()


if __name__ == "__main__":
    main()
