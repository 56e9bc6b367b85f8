"""Whatever breaks in the cache's folder, a reader gets the right bytes or an error, never wrong bytes, and later the right
ones again. And what a cache is for holds while it breaks: nothing is fetched twice, and its size is a limit."""

import concurrent.futures
import contextlib
import os
import pathlib
import random
import subprocess
import threading
import time
import unittest

from make_ltx import random_pages, write_pages
from mounting import SLOWNESS, MountTest, main, sha256
from rails_bucket import FaultTest


def occupied(folder):
    """Bytes that the files of a folder take on disk."""
    total = 0
    for path in pathlib.Path(folder).rglob("*"):
        with contextlib.suppress(FileNotFoundError):
            total += path.stat().st_blocks * 512
    return total


class Cache(FaultTest):
    def test_a_second_mount_fetches_no_object_again(self):
        tree = self.mount_bucket()
        self.compare(tree)
        tree.unmount()
        before = len(self.bucket.object_requests())
        self.assertGreater(before, 0)
        self.compare(self.mount_bucket(point="again"))
        self.assertEqual(self.bucket.object_requests()[before:], [])

    def test_one_fetch_however_many_read(self):
        tree = self.mount_bucket()
        line = self.lines[-1]
        with concurrent.futures.ThreadPoolExecutor(16) as readers:
            found = list(readers.map(lambda _: sha256(tree / line.path()), range(16)))
        self.assertEqual(set(found), {line.file.sha256})
        self.assertEqual(self.bucket.fetched_twice(), [])

    def test_two_mounts_share_a_cache(self):
        first, second = self.mount_bucket(), self.mount_bucket(point="second")
        with concurrent.futures.ThreadPoolExecutor(4) as readers:
            for work in [readers.submit(self.compare, tree, lines) for tree in (first, second)
                         for lines in (self.lines, self.lines[::-1])]:
                work.result()

    def test_its_size_is_a_limit(self):
        limit = 1 << 20
        tree = self.mount_bucket("cache-size=1M")
        for start in range(0, len(self.lines), 5):
            self.compare(tree, self.lines[start:start + 5])
            self.assertLessEqual(occupied(self.folder / "cache"), limit + 65536)

    def test_it_belongs_to_its_owner(self):
        self.compare(self.mount_bucket(), self.lines[:1])
        self.assertEqual(oct((self.folder / "cache").stat().st_mode), "0o40700")

    @unittest.skipUnless(os.getuid() == 0, "only root can make a file system of 2 MB")
    def test_a_full_disk(self):
        small = self.folder / "small"
        small.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "litemount-test", small], check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", small])
        tree = self.mount_bucket(cache="small")
        self.compare(tree)
        self.assertLessEqual(occupied(small), 2 << 20)

    def cut_all(self, folder):
        for path in folder.rglob("*"):
            with contextlib.suppress(FileNotFoundError, IsADirectoryError):
                os.truncate(path, 0)

    def test_cut_short_while_it_is_read(self):
        """Somebody truncates every file of the cache, again and again, while there is a mount."""
        tree, cut = self.mount_bucket(), threading.Event()

        def cutting():
            while not cut.wait(0.02):
                self.cut_all(self.folder / "cache")

        thread = threading.Thread(target=cutting)
        thread.start()
        try:
            self.compare(tree)
        finally:
            cut.set()
            thread.join()
        self.cut_all(self.folder / "cache")
        self.compare(self.mount_bucket(point="again"))
        self.compare(tree)

    @unittest.skipUnless(os.getuid() == 0, "only root can make a file system of 8 MB")
    def test_a_disk_that_fills_up(self):
        """The cache's files are cut short, and there is no room left for them to grow again."""
        small = self.folder / "small"
        small.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "litemount-test", small], check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", small])
        tree = self.mount_bucket(cache="small")
        self.compare(tree, self.lines[:5])
        self.cut_all(small)
        with contextlib.suppress(OSError), open(small / "filling", "wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
        self.compare(tree)
        (small / "filling").unlink()
        self.compare(tree)

    def test_killed_50_times_while_it_fills(self):
        """kill -9 at any moment may lose pages; it must never turn into wrong bytes."""
        chance = random.Random(20241108)
        for _ in range(50):
            tree = self.mount_bucket()
            readers = [self.processes.start(["cat", *(tree / line.path() for line in chance.sample(self.lines, 8))],
                                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for _ in range(3)]
            time.sleep(chance.uniform(0, 0.15) * min(SLOWNESS, 2))  # a sanitizer takes twice the time
            tree.kill()
            for reader in readers:
                reader.wait(10)
        self.compare(self.mount_bucket())

    def test_a_damaged_cache(self):
        """Bytes of the cache turned over, files cut short: made again, never believed."""
        tree = self.mount_bucket()
        self.compare(tree)
        tree.unmount()
        chance = random.Random(7)
        files = [path for path in sorted((self.folder / "cache").rglob("*")) if path.is_file() and path.stat().st_size]
        self.assertGreater(len(files), 10)
        for number, path in enumerate(files):
            content = bytearray(path.read_bytes())
            if number % 3 == 0:
                content = content[:len(content) // 2]
            else:
                for _ in range(20):
                    content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
            path.write_bytes(content)
        self.compare(self.mount_bucket(point="again"))


class Tables(MountTest):
    def test_a_large_table_that_is_cut_short(self):
        """What is known of 20,000 pages' places is not read from a file that anybody may truncate."""
        pages = [page.ljust(4096, b"\0") for page in random_pages(20_000, 32).values()]
        pages[0] = pages[0][:16] + b"\x10\0" + pages[0][18:]  # its page size
        write_pages(self.folder / "replica", pages, len(pages), 4096, 1, 1_700_000_000_000)
        for begun in (False, True):
            tree = self.mount(self.folder / "replica", point=f"begun-{begun}")
            with open(tree / "latest/replica", "rb", buffering=0) as file:
                for number in range(0, len(pages), 997):
                    file.seek(number * 4096)
                    self.assertEqual(file.read(4096), pages[number])
                    for path in (self.folder / "cache").rglob("*.*"):
                        os.truncate(path, 0)
            tree.unmount()


if __name__ == "__main__":
    main()
