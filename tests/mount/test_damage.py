"""Damage that only a checksum shows, and holes and what is said of them.

What the fixtures hold of damage is compared by test_states.py.
"""

import errno
import os
import shutil

from make_backup import GENERATION, flip, write_backup
from mounting import ROOT, MountTest, main, sha256
from states import read_lines
from stores import Bucket, s3_config

NAME = "large.db"
SNAPSHOT = f"{NAME}/generations/{GENERATION}/snapshots/00000000.snapshot.lz4"


class LargeSnapshot(MountTest):
    """One that is read in pieces: that a piece is wrong shows at the end, when its whole checksum is known."""

    def setUp(self):
        super().setUp()
        self.states = write_backup(self.folder / "backup", 30, indexes=3, page_size=4096, filling=10 << 20)
        self.right = self.states[-1][2]

    def assertNeverWrong(self, file):
        """Two whole reads: each fails, with an error that says so."""
        for _ in range(2):
            with self.assertRaises(OSError) as caught:
                sha256(file)
            self.assertIn(caught.exception.errno, (errno.EIO, errno.ENOENT))

    def test_a_flipped_bit_is_no_truth(self):
        """Nor is it one for the next mount, which finds the pieces in the cache."""
        flip(self.folder / "backup" / SNAPSHOT, 6_000_000)
        tree = self.mount(self.folder / "backup" / NAME)
        name = os.listdir(tree / "databases")[0]
        self.assertNeverWrong(tree / "latest" / name)
        self.assertIn("00000000.snapshot.lz4", tree.log())
        tree.unmount()
        self.assertNeverWrong(self.mount(self.folder / "backup" / NAME, point="again") / "latest" / name)

    def test_a_bit_flipped_on_the_way(self):
        """The next time the store's answer is right, and so is ours: nothing wrong was kept."""
        bucket = Bucket(self.folder / "backup")
        self.addCleanup(bucket.close)
        config = s3_config(self.folder / "s3.yml", bucket.endpoint, bucket.bucket, [NAME])
        tree = self.mount(config)
        os.stat(tree / "latest" / NAME)  # the WAL is known, the snapshot's pages are not
        bucket.fault("flip", on="object")
        self.assertNeverWrong(tree / "latest" / NAME)
        bucket.heal()
        tree.unmount()
        self.assertEqual(sha256(self.mount(config, point="again") / "latest" / NAME), self.right)


class Holes(MountTest):
    """user.litemount.gap names the hole that an instant looks across, whoever looked at what before."""

    def gap(self, file):
        try:
            return os.getxattr(file, "user.litemount.gap").decode()
        except OSError as error:
            self.assertEqual(error.errno, errno.ENODATA)
            return None

    def test_only_behind_the_hole(self):
        self.fixture("damaged-v03")
        tree = self.mount_fixture("damaged-v03")
        before, behind = (tree / folder / "missing-segment.sqlite3" for folder in ("at/2024-11-04T06:04:00Z", "latest"))
        for order in ((before, behind), (behind, before)):
            with open(order[0], "rb"), open(order[1], "rb"):
                self.assertIsNone(self.gap(before))
                self.assertIsNotNone(self.gap(behind))

    def test_a_whole_history_has_none(self):
        self.fixture("rails-v03")
        tree = self.mount_fixture("rails-v03")
        for file in (tree / "latest").iterdir():
            self.assertIsNone(self.gap(file))


class NewestGeneration(MountTest):
    """One without a snapshot: what is older is shown, and that it is."""

    def test_it_is_told(self):
        name, older, newer = "production.sqlite3", "b529763c7f283888", "8ad8a83282ca8351"
        folder = self.fixture("rails-v03")
        shutil.rmtree(folder / "replica" / name / "generations" / newer / "snapshots")
        wanted = next(line.file.sha256 for line in read_lines(ROOT / "tests/data/fixtures/rails-v03.expected.tsv")
                      if (line.database, line.selector, line.argument) == (name, "generation", older))
        mount = self.mount_fixture("rails-v03", "refresh=0")
        for _ in range(2):
            for file in (mount / "latest" / name, mount / "at/2100-01-01T00:00:00Z" / name):
                self.assertEqual(sha256(file), wanted)
                self.assertIn(newer, os.getxattr(file, "user.litemount.gap").decode())
        self.assertEqual(mount.log().count(f"generation {newer}, which goes on until "), 1, mount.log())


if __name__ == "__main__":
    main()
