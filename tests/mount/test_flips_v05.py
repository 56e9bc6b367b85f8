"""A bit of a large v0.5 file that flips on its way, or where it lies: nobody is given wrong bytes for right ones.

FLIPS (30) says how many times a whole file is copied with one flip each.
"""

import errno
import hashlib
import os
import random
import re
import subprocess

from make_backup import flip
from make_ltx import random_pages, write_file
from mounting import MountTest, main, sha256, wait_until
from stores import Bucket, s3_config

NAME = "large.db"
FLIPS = int(os.environ.get("FLIPS", "30"))
PAGE_SIZE, COUNT = 4096, 700  # a file of 2.9 MB
TIMESTAMP = 1_700_000_000_000  # milliseconds since 1970
READ_AHEAD = 1 << 20


def digest(pages):
    return hashlib.sha256(b"".join(pages.values())).hexdigest()


class Large(MountTest):
    """A backup that is one large file."""

    def setUp(self):
        super().setUp()
        self.pages = random_pages(COUNT, PAGE_SIZE)
        self.right = digest(self.pages)
        self.object = self.write(9, (1, 7), self.pages)
        self.key = os.fspath(self.object.relative_to(self.folder / "backup"))

    def write(self, level, txids, pages, count=COUNT):
        path = write_file(self.folder / "backup" / NAME, level, txids, pages.items(), count, PAGE_SIZE,
                          TIMESTAMP + 1000 * txids[1])
        os.utime(path, ns=((TIMESTAMP + 1000 * txids[1]) * 1_000_000,) * 2)
        return path

    def serve(self):
        self.bucket = Bucket(self.folder / "backup")
        self.addCleanup(self.bucket.close)
        return s3_config(self.folder / "s3.yml", self.bucket.endpoint, self.bucket.bucket, [NAME])

    def copy(self, file):
        """What `cp` made of the file: its digest; None: it failed."""
        copy = self.folder / "copy.db"
        copy.unlink(missing_ok=True)
        done = subprocess.run(["cp", file, copy], stderr=subprocess.DEVNULL, check=False)
        return None if done.returncode else sha256(copy)


class OnTheWay(Large):
    """The store is well; one bit of one answer is not."""

    def test_copies(self):
        config, choose = self.serve(), random.Random(FLIPS)
        for number in range(FLIPS):
            self.bucket.flips[self.key] = place = choose.randrange(self.object.stat().st_size)
            tree = self.mount(config, point=f"mnt{number % 8}", cache=f"cache{number}")
            with self.subTest(place=place):
                first = self.copy(tree / "latest" / NAME)
                self.assertEqual(self.bucket.flips, {})
                self.assertIn(first, (None, self.right))
                self.assertEqual(self.copy(tree / "latest" / NAME), self.right)
            tree.unmount()
            subprocess.run(["rm", "-r", self.folder / f"cache{number}"], check=True)

    def test_what_is_open_fails_and_who_opens_next_does_not(self):
        tree = self.mount(self.serve())
        self.bucket.flips[self.key] = 2_000_000
        with open(tree / "latest" / NAME, "rb", buffering=0) as file:
            self.assertEqual(os.pread(file.fileno(), PAGE_SIZE, 0), self.pages[1])
            self.assertIsNone(self.copy(tree / "latest" / NAME))
            self.assertEqual(self.copy(tree / "latest" / NAME), self.right)
            for page in (1, 2, COUNT):
                with self.assertRaises(OSError) as caught:
                    os.pread(file.fileno(), PAGE_SIZE, (page - 1) * PAGE_SIZE)
                self.assertEqual(caught.exception.errno, errno.EIO)
        self.assertEqual(tree.log().count("its checksum does not match"), 1, tree.log())

    def test_a_part_by_one_mount_and_the_rest_by_the_next(self):
        config = self.serve()
        tree = self.mount(config)
        self.bucket.flips[self.key] = 100_000
        with open(tree / "latest" / NAME, "rb", buffering=0) as file:
            self.assertEqual(len(os.pread(file.fileno(), READ_AHEAD // 4, 0)), READ_AHEAD // 4)
        self.assertEqual(self.bucket.flips, {})
        tree.unmount()
        again = self.mount(config, point="again")
        self.assertIsNone(self.copy(again / "latest" / NAME))
        self.assertEqual(self.copy(again / "latest" / NAME), self.right)

    def test_what_held_once_is_compared_when_it_is_fetched_again(self):
        """The pages are gone from the cache, their sums are not: a wrong one is read anew at once."""
        config = self.serve()
        tree = self.mount(config)
        self.assertEqual(self.copy(tree / "latest" / NAME), self.right)
        tree.unmount()
        for image in (self.folder / "cache").rglob("*.img"):
            image.unlink()
        self.bucket.flips[self.key] = 2_000_000
        self.assertEqual(self.copy(self.mount(config, point="again") / "latest" / NAME), self.right)
        self.assertEqual(self.bucket.flips, {})

    def test_without_a_cache_that_takes_anything(self):
        tree = self.mount(self.serve(), "cache-size=64K")
        self.bucket.flips[self.key] = 2_000_000
        self.assertIn(self.copy(tree / "latest" / NAME), (None, self.right))
        self.assertEqual(self.copy(tree / "latest" / NAME), self.right)

    def test_restore(self):
        """It is read anew, and the restore ends well."""
        config, target = self.serve(), self.folder / "restored.db"
        environment = {"XDG_CACHE_HOME": str(self.folder / "home")}
        command = ["restore", "-config", config, "-o", target, f"/data/{NAME}"]
        self.bucket.flips[self.key] = 2_000_000
        done = self.run_litemount(*command, environment=environment)
        self.assertEqual(self.bucket.flips, {})
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(sha256(target), self.right)

    def test_verify_drops_what_differs(self):
        """Of the cache: what was read in part only can't be summed."""
        config, cache = self.serve(), self.folder / "home/litemount"
        tree = self.mount(config, cache=cache)
        self.bucket.flips[self.key] = 100_000
        with open(tree / "latest" / NAME, "rb", buffering=0) as file:
            os.pread(file.fileno(), READ_AHEAD // 4, 0)
        self.assertEqual(self.bucket.flips, {})
        tree.unmount()
        for times in (1, 0):
            done = self.run_litemount("verify", "-config", config, environment={"XDG_CACHE_HOME": str(self.folder / "home")})
            note = rf"(?m)^note    {NAME}: s3://\S+/{self.object.name}: what the cache had of it was something else, and is dropped$"
            self.assertEqual(len(re.findall(note, done.stdout)), times, done.stdout)
        self.assertEqual(self.copy(self.mount(config, point="again", cache=cache) / "latest" / NAME), self.right)


class Small(MountTest):
    """Files that are checked whole before anything of them is used: a wrong one is read anew at once."""

    def test_copies(self):
        before, changed = random_pages(40, PAGE_SIZE), {3: os.urandom(PAGE_SIZE)}
        paths = [write_file(self.folder / "backup" / NAME, level, txids, pages.items(), 40, PAGE_SIZE, TIMESTAMP)
                 for level, txids, pages in ((9, (1, 1), before), (0, (2, 2), changed))]
        bucket, choose = Bucket(self.folder / "backup"), random.Random(FLIPS)
        self.addCleanup(bucket.close)
        config = s3_config(self.folder / "s3.yml", bucket.endpoint, bucket.bucket, [NAME])
        for number in range(6):
            path = paths[number % 2]
            key = os.fspath(path.relative_to(self.folder / "backup"))
            bucket.flips[key] = place = choose.randrange(path.stat().st_size)
            tree = self.mount(config, point=f"mnt{number}", cache=f"cache{number}")
            with self.subTest(key=key, place=place):
                self.assertEqual(sha256(tree / "latest" / NAME), digest(before | changed))
                self.assertEqual(bucket.flips, {})
            tree.unmount()


class Chain(Large):
    """Some pages of the large file are nobody's any more: they are read with the others all the same."""

    def test_copies(self):
        self.changed = {number: os.urandom(PAGE_SIZE) for number in range(COUNT - 20, COUNT + 1)}
        self.write(0, (8, 8), self.changed)
        right, size = digest(self.pages | self.changed), self.object.stat().st_size
        config, choose = self.serve(), random.Random(FLIPS)
        for number in range(FLIPS // 5):
            self.bucket.flips[self.key] = place = choose.randrange(size - size // 10)
            tree = self.mount(config, point=f"mnt{number % 8}", cache=f"cache{number}")
            with self.subTest(place=place):
                self.assertIn(self.copy(tree / "latest" / NAME), (None, right))
                self.assertEqual(self.copy(tree / "latest" / NAME), right)
            tree.unmount()


class AtRest(Large):
    """The same wrong bytes come each time."""

    def test_it_is_planned_around(self):
        """By an older snapshot and the changes since."""
        changed = {1: self.pages[1], 5: os.urandom(PAGE_SIZE)}
        later = self.write(9, (1, 8), self.pages | changed)
        self.write(0, (8, 8), changed)
        flip(later, 2_000_000)
        file = self.mount(self.folder / "backup" / NAME) / "latest"
        file /= os.listdir(file)[0]
        for _ in range(2):
            self.assertIsNone(self.copy(file))
        self.assertEqual(self.copy(file), digest(self.pages | changed))

    def test_without_anything_else_it_is_an_error(self):
        flip(self.object, 2_000_000)
        for point in ("mnt", "again"):
            tree = self.mount(self.folder / "backup" / NAME, point=point)
            file = tree / "latest" / os.listdir(tree / "latest")[0]
            for _ in range(3):
                self.assertIsNone(self.copy(file))
            # Who opens it before the kernel has let go of what failed is not who reads it anew.
            wait_until(lambda: self.assertIsNone(self.copy(file)) or "is damaged: its checksum does not match" in tree.log(), 20, "the verdict")
            tree.unmount()


if __name__ == "__main__":
    main()
