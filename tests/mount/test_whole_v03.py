"""v0.3 objects that are not whole, or not what they were: nothing of them is shown that is not there."""

import contextlib
import datetime
import errno
import os
import pathlib
import re
import sqlite3

from make_backup import GENERATION, START, Writer, commit_ends, compress, write_backup
from mounting import MountTest, main, sha256
from stores import s3_config
from test_transit import Wrong, flip

NAME = "large.db"
MIB = 1 << 20


def rewrite(path, data):
    """Gives the file another content, and leaves its time as it is."""
    times = path.stat()
    path.write_bytes(data)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


class Whole(MountTest):
    def begin(self, *backup, **settings):
        self.states = write_backup(self.folder / "backup", *backup, **settings)
        self.root = self.folder / "backup" / NAME / "generations" / GENERATION
        self.snapshot = self.root / "snapshots/00000000.snapshot.lz4"

    def open_latest(self):
        self.tree = self.mount(self.folder / "backup" / NAME)
        (name,) = os.listdir(self.tree / "databases")
        return self.tree / "latest" / name

    def assertRefused(self, action):
        with self.assertRaises(OSError) as caught:
            action()
        self.assertIn(caught.exception.errno, (errno.EIO, errno.ENOENT))


class CutFrames(Whole):
    """Litestream writes an end mark and a checksum behind the last block; both are there or the object is cut."""

    tails = 1, 4, 5, 8  # bytes that are missing: of the checksum, all of it, of the end mark, all of both

    def test_a_small_segment(self):
        self.begin(12, indexes=2)
        segment = self.root / "wal/00000001_00000000.wal.lz4"
        whole = segment.read_bytes()
        for tail in self.tails:
            segment.write_bytes(whole[:-tail])
            file = self.open_latest()
            self.assertEqual(sha256(file), self.states[0][2])
            self.assertIn("00000001/00000000 is damaged", os.getxattr(file, "user.litemount.gap").decode())
            self.tree.unmount()

    def test_a_small_snapshot(self):
        self.begin(12, indexes=2)
        whole = self.snapshot.read_bytes()
        for tail in self.tails:
            self.snapshot.write_bytes(whole[:-tail])
            self.assertRefused(lambda: sha256(self.open_latest()))
            self.tree.unmount()

    def test_a_large_snapshot(self):
        """As soon as its last block is looked for; pages of whole blocks stay."""
        self.begin(12, indexes=2, page_size=4096, filling=10 * MIB)
        whole = self.snapshot.read_bytes()
        for tail in self.tails[2:]:
            self.snapshot.write_bytes(whole[:-tail])
            with open(self.open_latest(), "rb") as file:
                self.assertEqual(os.pread(file.fileno(), 16, 0), b"SQLite format 3\0")
                self.assertEqual(len(os.pread(file.fileno(), MIB, 5 * MIB)), MIB)
                self.assertRefused(lambda: os.pread(file.fileno(), MIB, 10 * MIB - 4096))
            self.tree.unmount()
        for tail in self.tails[:2]:
            self.snapshot.write_bytes(whole[:-tail])
            self.assertRefused(lambda: sha256(self.open_latest()))
            self.tree.unmount()


class LackingPages(Whole):
    """A snapshot that ends before the page that its header tells of: those pages are no zeros."""

    def check(self):
        for number in range(3):  # and what the first has kept
            file = self.open_latest()
            made = datetime.datetime.fromtimestamp(START, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
            if number < 2:
                self.assertRefused(lambda: sha256(file))
                self.assertRefused(lambda: sha256(file))
            self.assertRefused(lambda: sha256(self.tree / "at" / made / file.name))
            self.tree.unmount()
        done = self.run_litemount("restore", "-o", self.folder / "o.db", self.folder / "backup" / NAME,
                                  environment={"XDG_CACHE_HOME": str(self.folder / "xdg")})
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertFalse((self.folder / "o.db").exists())

    def test_small(self):
        self.begin(12, indexes=2, lacking=1)
        self.check()

    def test_large(self):
        self.begin(12, indexes=2, page_size=4096, filling=10 * MIB, lacking=20)
        self.check()

    def test_large_without_the_last_block(self):
        self.begin(12, indexes=2, page_size=4096, filling=10 * MIB, lacking=2 * MIB // 4096)
        self.check()

    def test_large_and_read_in_order(self):
        self.begin(12, indexes=2, page_size=4096, filling=3 * MIB, lacking=20, independent=0)
        self.check()


class OtherContent(Whole):
    def test_the_first_frame_of_a_segment_that_is_fetched_again(self):
        """That it follows the segment before it shows only by the checksum chain, which its own frames do not tell."""
        replica, database = self.folder / "replica", self.folder / "source.db"
        writer = Writer(replica)
        with contextlib.closing(sqlite3.connect(database, isolation_level=None)) as connection:
            for statement in ("PRAGMA page_size=4096", "PRAGMA journal_mode=WAL", "PRAGMA wal_autocheckpoint=0",
                              "CREATE TABLE t(x)", "PRAGMA wal_checkpoint(TRUNCATE)"):
                connection.execute(statement).fetchall()
            writer.put("snapshots", "00000000.snapshot", database.read_bytes())
            for size in (10, 2 * MIB):  # the second is too large to be kept when it is learnt
                connection.execute("INSERT INTO t VALUES(randomblob(?))", (size,))
            wal = pathlib.Path(f"{database}-wal").read_bytes()
        writer.put_wal(0, wal)
        start, end = commit_ends(wal)
        segment = replica / "generations" / GENERATION / f"wal/00000000_{start:08x}.wal.lz4"
        rewrite(segment, segment.read_bytes().ljust(segment.stat().st_size + 100, b"\0"))
        frames = bytearray(wal[start:end])
        frames[24 + 60] ^= 1  # in the header of page 1: the user's version
        tree = self.mount(replica)
        (name,) = os.listdir(tree / "databases")
        os.stat(tree / "latest" / name)
        rewrite(segment, compress(bytes(frames)).ljust(segment.stat().st_size, b"\0"))
        self.assertRefused(lambda: sha256(tree / "latest" / name))



class WrongInTheCache(Whole):
    """A bit was flipped on its way into the cache, and not all of the snapshot was read, so that nobody knows."""

    def setUp(self):
        super().setUp()
        self.begin(12, indexes=2, page_size=4096, filling=15 * MIB)
        self.bucket = Wrong(self.folder / "backup")
        self.addCleanup(self.bucket.close)
        self.config = s3_config(self.folder / "s3.yml", self.bucket.endpoint, self.bucket.bucket, [NAME])
        self.environment = {"XDG_CACHE_HOME": str(self.folder / "xdg")}
        self.bucket.spoil("snapshots/", *[lambda body: body] * 2, *[lambda body: flip(700_000)(body) if len(body) > MIB else body] * 9)
        self.read_blocks(0, 1, 2)
        self.bucket.heal()

    def read_blocks(self, *blocks):
        """Whole blocks of 4 MiB; of the four that there are."""
        tree = self.mount(self.config, cache=None, environment=self.environment, point="-".join(map(str, blocks)))
        with open(tree / "latest" / NAME, "rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_RANDOM)
            for block in blocks:
                os.pread(file.fileno(), 4096, 4 * block * MIB + 9 * MIB // 4)
        tree.unmount()

    def run_verb(self, verb, *arguments):
        return self.run_litemount(verb, "-config", self.config, *arguments, f"/data/{NAME}", environment=self.environment)

    def restore(self):
        return self.run_verb("restore", "-o", self.folder / "o.db")

    def test_a_restore_compares_what_it_has_not_decoded(self):
        """It finds all it wants in the cache, and nothing tells that it was decoded."""
        for fact in (self.folder / "xdg").rglob("*.blocks"):
            fact.unlink()
        self.read_blocks(3)
        done = self.restore()
        self.assertEqual((done.returncode, sha256(self.folder / "o.db")), (0, self.states[-1][2]), done.stderr)
        self.assertIn("what was kept of it is something else; restoring it once more", done.stderr)

    def test_verify_drops_it(self):
        done = self.run_verb("verify")
        self.assertEqual(done.returncode, 0, done.stderr + done.stdout)
        note = r"(?m)^note    large.db: s3://\S+/snapshots/00000000.snapshot.lz4: what the cache had of it was something else, and is dropped$"
        self.assertEqual(len(re.findall(note, done.stdout)), 1, done.stdout)
        self.assertNotIn("note ", self.run_verb("verify").stdout)
        done = self.restore()
        self.assertEqual((done.returncode, sha256(self.folder / "o.db")), (0, self.states[-1][2]), done.stderr)


if __name__ == "__main__":
    main()
