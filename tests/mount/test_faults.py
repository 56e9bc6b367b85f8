"""Whatever breaks, a reader gets the right bytes or an error, never wrong bytes, and later the right ones again.

The Rails backup is served as an S3 bucket by the fault server of tests/replica, with its objects' own times in whole
seconds.
"""

import concurrent.futures
import contextlib
import errno
import os
import pathlib
import random
import shutil
import subprocess
import threading
import time
import unittest

import states
from make_ltx import random_pages, write_pages
from mounting import LITEMOUNT, ROOT, SLOWNESS, MountTest, main, mounts, sha256
from stores import Bucket, keeps_its_answer, s3_config

NAME = "production.sqlite3"


def occupied(folder):
    """Bytes that the files of a folder take on disk."""
    total = 0
    for path in pathlib.Path(folder).rglob("*"):
        with contextlib.suppress(FileNotFoundError):
            total += path.stat().st_blocks * 512
    return total


class FaultTest(MountTest):
    seconds = 240

    def setUp(self):
        super().setUp()
        self.replica = self.fixture("rails-v03") / "replica"
        self.lines = [line for line in states.read_lines(ROOT / "tests/data/fixtures/rails-v03.expected.tsv")
                      if line.selector in ("latest", "time") and line.file
                      and keeps_its_answer(line.time(), self.replica / line.database)]
        self.assertGreater(len(self.lines), 40)
        self.bucket = Bucket(self.replica)
        self.addCleanup(self.bucket.close)
        names = [path.name for path in self.replica.iterdir()]
        self.config = s3_config(self.folder / "s3.yml", self.bucket.endpoint, self.bucket.bucket, names)

    def mount_bucket(self, *options, **settings):
        return self.mount(self.config, *options, **settings)

    def compare(self, tree, lines=None, may_fail=False):
        """Compares states with what the real program restored. Returns how many could not be read (EREMOTEIO)."""
        failed = 0
        for line in lines or self.lines:
            try:
                found = sha256(tree / line.path())
            except OSError as error:
                if not may_fail or error.errno != errno.EREMOTEIO:
                    raise
                failed += 1
                continue
            self.assertEqual(found, line.file.sha256, line.path())
        return failed


class Store(FaultTest):
    def test_without_faults(self):
        self.compare(self.mount_bucket())

    def test_503_now_and_then(self):
        self.bucket.fault("503", every=3)
        self.compare(self.mount_bucket(), self.lines[::3])

    def test_cut_bodies_now_and_then(self):
        tree = self.mount_bucket()
        self.bucket.fault("cut", every=3)
        self.compare(tree, self.lines[::3], may_fail=True)
        self.bucket.heal()
        self.compare(tree, self.lines[::3])

    def test_nothing_but_503(self):
        tree = self.mount_bucket()
        self.bucket.fault("503", every=1)
        lines = self.lines[:2]
        self.assertEqual(self.compare(tree, lines, may_fail=True), len(lines))
        reasons = [line for line in tree.log().splitlines() if "503" in line]
        self.assertNotEqual(reasons, [], tree.log())
        self.bucket.heal()
        self.compare(tree, lines)

    def test_nothing_but_cut_bodies(self):
        tree = self.mount_bucket()
        self.bucket.fault("cut", every=1)
        lines = self.lines[:2]
        self.assertEqual(self.compare(tree, lines, may_fail=True), len(lines))
        self.bucket.heal()
        self.compare(tree, lines)

    def test_a_bucket_that_goes_missing(self):
        """And one in whose place a web server answers: that is no answer to whether there is such a name."""
        tree = self.mount_bucket("refresh=1")
        line = self.lines[-1]
        for says, lose in (("NoSuchBucket", lambda: setattr(self.bucket, "bucket", "elsewhere")),
                           ("answered 404", lambda: self.bucket.fault("page"))):
            lose()
            time.sleep(1.5)
            with self.subTest(says), self.assertRaises(OSError) as caught:
                os.stat(tree / "latest" / line.database)
            self.assertEqual(caught.exception.errno, errno.EREMOTEIO)
            self.assertIn(says, tree.log())
            self.bucket.bucket = "bucket"
        self.bucket.heal()
        self.compare(tree, [line])

    def test_the_instants_of_a_store_that_refuses(self):
        """No instant is not the same as none that can be had; but one database may have some where another has not."""
        bucket, name = Bucket(self.replica), "production_queue.sqlite3"
        self.addCleanup(bucket.close)
        two = s3_config(self.folder / "two.yml", self.bucket.endpoint, "bucket", [NAME, name])
        head, _, tail = two.read_text("utf-8").rpartition(self.bucket.endpoint)
        two.write_text(head + bucket.endpoint + tail, "utf-8")
        tree = self.mount(two, "refresh=1")
        instants = os.listdir(tree / "at")
        self.bucket.fault("403")
        time.sleep(1.5)
        self.assertTrue(set(os.listdir(tree / "at")) < set(instants))
        self.assertRegex(tree.log(), f"list at: {NAME}: .*403")
        self.assertNotIn(f"list at: {name}", tree.log())
        bucket.fault("403")
        time.sleep(1.5)
        with self.assertRaises(OSError) as caught:
            os.listdir(tree / "at")
        self.assertEqual(caught.exception.errno, errno.EACCES)
        self.assertIn("list at: no database answers", tree.log())

    def test_silence(self):
        """The store hangs: the reader can be killed, the mount can be unmounted, and the program ends."""
        tree = self.mount_bucket()
        os.listdir(tree / "latest")
        self.bucket.fault("silent", every=1)
        reader = self.processes.start(["cat", tree / self.lines[-1].path()], stdout=subprocess.DEVNULL,
                                      stderr=subprocess.DEVNULL)
        time.sleep(1)
        self.assertIsNone(reader.poll())
        begin = time.monotonic()
        reader.kill()
        reader.wait(5 * SLOWNESS)
        self.assertEqual(tree.unmount(5), 0)
        self.assertLess(time.monotonic() - begin, 8 * SLOWNESS)

    def test_a_signal_ends_it_while_the_store_is_silent(self):
        tree = self.mount_bucket()
        os.listdir(tree / "latest")
        self.bucket.fault("silent", every=1)
        reader = self.processes.start(["cat", tree / self.lines[-1].path()], stdout=subprocess.DEVNULL,
                                      stderr=subprocess.DEVNULL)
        time.sleep(1)
        tree.process.terminate()
        tree.process.wait(10 * SLOWNESS)
        reader.wait(5 * SLOWNESS)
        self.assertNotIn(str(tree.point), mounts())

    def test_a_silent_store_at_the_start(self):
        """Told before going to the background, in bounded time; or interrupted at once."""
        self.bucket.fault("silent", every=1)
        (self.folder / "mnt").mkdir()
        process = self.processes.start([LITEMOUNT, self.config, self.folder / "mnt", "-o",
                                        f"cache={self.folder / 'cache'}"], stderr=subprocess.DEVNULL)
        time.sleep(1)
        process.terminate()
        process.wait(5 * SLOWNESS)
        self.assertNotIn(str(self.folder / "mnt"), mounts())

    def test_objects_that_retention_deletes(self):
        """The older generation goes while it is in use: no wrong bytes, and the newer one stays."""
        tree = self.mount_bucket("refresh=1")
        older = self.replica / NAME / "generations/b529763c7f283888"
        early = [line for line in self.lines if line.database == NAME and line.argument < "2024-11-08T12"][:6]
        self.compare(tree, early[:1])
        shutil.rmtree(older)
        time.sleep(1.5)
        for line in early[1:]:
            try:
                found = sha256(tree / line.path())
            except OSError as error:
                self.assertIn(error.errno, (errno.EIO, errno.ENOENT))
            else:
                self.assertEqual(found, line.file.sha256)
        self.compare(tree, [line for line in self.lines if line.selector == "latest"])


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
            time.sleep(chance.uniform(0, 0.15) * SLOWNESS)
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


class Stale(FaultTest):
    def test_killed_and_mounted_again(self):
        tree = self.mount_bucket()
        self.compare(tree, self.lines[:1])
        tree.process.kill()
        tree.process.wait()
        with self.assertRaises(OSError) as caught:
            os.listdir(tree.point)
        self.assertEqual(caught.exception.errno, errno.ENOTCONN)
        subprocess.run(["fusermount3", "-u", tree.point], check=True)
        self.compare(self.mount_bucket(), self.lines[:1])

    def test_the_mount_outlives_its_store(self):
        """What is cached can still be read when the store is gone."""
        tree = self.mount_bucket("refresh=1")
        lines = [line for line in self.lines if line.selector == "time"][:3]
        self.compare(tree, lines)
        self.bucket.close()
        time.sleep(1.5)
        with open(tree / lines[0].path(), "rb") as file:
            self.assertEqual(len(file.read()), lines[0].file.size)


if __name__ == "__main__":
    main()
