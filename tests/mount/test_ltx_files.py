"""LTX files that are not what their names, headers or page indexes say, and files that come in place of others."""

import errno
import hashlib
import os
import struct

from make_ltx import random_pages, varint, write_file
from mounting import MountTest, main, sha256
from stores import Bucket, s3_config

NAME = "large.db"
PAGE_SIZE = 4096
SMALL, LARGE = 40, 700  # pages: a file that is learnt whole, and one that is not
TIMESTAMP = 1_700_000_000_000  # milliseconds since 1970
TAIL = 24  # bytes behind the entries of a page index


def digest(pages):
    return hashlib.sha256(b"".join(pages.values())).hexdigest()


class LtxTest(MountTest):
    def write(self, level, txids, pages, count, milliseconds=0):
        path = write_file(self.folder / "backup" / NAME, level, txids, pages.items(), count, PAGE_SIZE,
                          TIMESTAMP + 1000 * txids[1] + milliseconds)
        self.set_time(path, txids[1])
        return path

    @staticmethod
    def set_time(path, txid):
        os.utime(path, ns=((TIMESTAMP + 1000 * txid) * 1_000_000,) * 2)

    def restore(self, source=None):
        """What `litemount restore` writes: its digest; None: it failed, and wrote nothing."""
        target = self.folder / "restored.db"
        target.unlink(missing_ok=True)
        done = self.run_litemount("restore", "-o", target, *(source or [self.folder / "backup" / NAME]),
                                  environment={"XDG_CACHE_HOME": str(self.folder / "home")})
        self.assertEqual(done.returncode == 0, target.exists(), done.stderr)
        return sha256(target) if target.exists() else None


class Mixed(LtxTest):
    def test_pages_of_different_sizes(self):
        """No state is made of files that do not fit each other, and it is said which."""
        self.write(9, (1, 7), random_pages(SMALL, PAGE_SIZE), SMALL)
        other = random_pages(SMALL, PAGE_SIZE // 2)
        path = write_file(self.folder / "backup" / NAME, 0, (8, 8), other.items(), SMALL, PAGE_SIZE // 2, TIMESTAMP + 8000)
        self.set_time(path, 8)
        for flags in ((), ("-txid", f"{8:016x}")):
            with self.subTest(flags=flags):
                done = self.run_litemount("restore", *flags, "-o", self.folder / "restored.db", self.folder / "backup" / NAME,
                                          environment={"XDG_CACHE_HOME": str(self.folder / "home")})
                self.assertEqual(done.returncode, 1)
                self.assertIn(f"{self.folder}/backup/{NAME}: its LTX files up to TXID {8:016x} have pages of different sizes",
                              done.stderr)


class Lacking(LtxTest):
    """An image of a whole database holds all of its pages; what it lacks is not made up of zeros."""

    def test_pages(self):
        for count in (SMALL, LARGE):
            whole = random_pages(count, PAGE_SIZE)
            for lacking in ((20, 21), range(2, count, 2), range(count // 2, count + 1), (count,), (1,)):
                with self.subTest(count=count, lacking=lacking):
                    self.assertIsNone(self.restore_of(count, {n: page for n, page in whole.items() if n not in lacking}))

    def restore_of(self, count, pages):
        path = self.write(9, (1, 7), pages, count)
        restored = self.restore()
        path.unlink()
        return restored

    def test_a_mount_does_not_show_it(self):
        whole = random_pages(LARGE, PAGE_SIZE)
        self.write(9, (1, 7), {n: page for n, page in whole.items() if n not in (20, 21)}, LARGE)
        tree = self.mount(self.folder / "backup")
        self.assertFalse((tree / "latest" / NAME).exists())
        self.assertIn("lacks pages", tree.log())

    def test_an_index_that_begins_before_the_pages_end(self):
        """The trailer tells that it is so long that it begins within the first page's frame, at a zero: its end mark."""
        path = self.write(9, (1, 7), random_pages(LARGE, PAGE_SIZE), LARGE)
        size = path.stat().st_size
        with open(path, "r+b") as file:
            file.seek(size - TAIL)
            file.write(struct.pack(">Q", size - TAIL - 106))
        self.assertIsNone(self.restore())
        self.assertFalse((self.mount(self.folder / "backup") / "latest" / NAME).exists())

    def test_what_stands_between_the_pages_and_the_index(self):
        path = self.write(9, (1, 7), random_pages(LARGE, PAGE_SIZE), LARGE)
        data = path.read_bytes()
        length = struct.unpack(">Q", data[-TAIL:-TAIL + 8])[0]
        place = len(data) - TAIL - length - 3
        path.write_bytes(data[:place] + b"\1" + data[place + 1:])
        self.assertFalse((self.mount(self.folder / "backup") / "latest" / NAME).exists())


class Misnamed(LtxTest):
    def test_another_last_txid_than_the_name_tells(self):
        for count in (SMALL, LARGE):
            with self.subTest(count=count):
                before, after = random_pages(count, PAGE_SIZE), random_pages(count, PAGE_SIZE)
                paths = [self.write(9, (1, 7), before, count), self.write(9, (1, 8), after, count)]
                paths[1] = paths[1].rename(paths[1].with_name(f"{1:016x}-{9:016x}.ltx"))
                self.set_time(paths[1], 9)
                tree = self.mount(self.folder / "backup", point=f"mnt{count}", cache=f"cache{count}")
                self.assertEqual(sha256(tree / "latest" / NAME), digest(before))
                self.assertIn("tells other TXIDs than its name", tree.log())
                for path in paths:
                    path.unlink()

    def test_another_page_than_the_index_tells(self):
        """Who reads that page alone is told so; the file's checksum can't say it before all of it is read."""
        pages = random_pages(LARGE, PAGE_SIZE)
        path = self.write(9, (1, 7), pages, LARGE)
        data = path.read_bytes()
        frame = struct.pack(">IH", 500, 1)
        self.assertEqual(data.count(frame), 1)
        path.write_bytes(data.replace(frame, struct.pack(">IH", 501, 1)))
        with open(self.mount(self.folder / "backup") / "latest" / NAME, "rb", buffering=0) as file:
            self.assertEqual(os.pread(file.fileno(), PAGE_SIZE, 99 * PAGE_SIZE), pages[100])
            with self.assertRaises(OSError) as caught:
                os.pread(file.fileno(), PAGE_SIZE, 499 * PAGE_SIZE)
        self.assertEqual(caught.exception.errno, errno.EIO)


class Chain(LtxTest):
    """A large file of changes upon a snapshot."""

    def setUp(self):
        super().setUp()
        self.base = random_pages(1500, PAGE_SIZE)
        self.changed = {number: os.urandom(PAGE_SIZE) for number in range(2, 1500, 2)}
        self.right = digest(self.base | self.changed)
        self.write(9, (1, 1), self.base, 1500)
        self.file = self.write(0, (2, 2), self.changed, 1500)

    def compact(self, spoil=False):
        """What Litestream does with a level: another file holds the same, in the next one; the first goes."""
        path = self.write(1, (2, 2), self.changed, 1500, milliseconds=1)
        if spoil:
            data = path.read_bytes()
            path.write_bytes(data[:1_500_000] + bytes([data[1_500_000] ^ 1]) + data[1_500_001:])
            self.set_time(path, 2)
        self.file.unlink()

    def restore_while(self, happens):
        """Restores from S3; `happens()` once some of the file of changes has been sent, but not all."""
        bucket = Bucket(self.folder / "backup")
        self.addCleanup(bucket.close)
        config = s3_config(self.folder / "s3.yml", bucket.endpoint, bucket.bucket, [NAME])
        sent, to_come = [], [happens]

        def tell(body, ranged):
            sent.append(len(body))
            if sum(sent) > 1_500_000 and to_come:
                to_come.pop()()
            return {}
        bucket.tell = tell
        return self.restore(source=["-config", config, f"/data/{NAME}"])

    def test_restore_sums_it(self):
        self.assertEqual(self.restore(), self.right)
        data = self.file.read_bytes()
        self.file.write_bytes(data[:1_500_000] + bytes([data[1_500_000] ^ 1]) + data[1_500_001:])
        self.set_time(self.file, 3)
        self.assertIsNone(self.restore())

    def test_a_successor_is_read_and_summed_in_its_place(self):
        self.assertEqual(self.restore_while(self.compact), self.right)

    def test_a_damaged_successor_is_no_success(self):
        """Unless all of the first file had been asked for by then."""
        self.assertIn(self.restore_while(lambda: self.compact(spoil=True)), (None, self.right))


if __name__ == "__main__":
    main()
