"""Who waits for a store: stands in nobody's way, and can be stopped."""

import concurrent.futures
import errno
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

from make_backup import write_backup
from mounting import SLOWNESS, MountTest, main, wait_until
from stores import Bucket, s3_config

NAME = "large.db"
FILLING = 24 << 20  # bytes: several LZ4 blocks, so that the first is cached and the others are not
PAGE = 4096
READERS = 80

# Looks a file up past Python's own retries, and ends with the errno. Handles SIGUSR1, as a profiler would.
LOOK_UP = """
import ctypes, signal, sys
signal.signal(signal.SIGUSR1, lambda *_: None)
libc = ctypes.CDLL(None, use_errno=True)
print("looking", flush=True)
sys.exit(ctypes.get_errno() if libc.access(sys.argv[1].encode(), 0) < 0 else 0)
"""


class Waiting(MountTest):
    def setUp(self):
        super().setUp()
        write_backup(self.folder / "backup", 12, indexes=2, page_size=PAGE, filling=FILLING)
        self.bucket = Bucket(self.folder / "backup")
        self.addCleanup(self.bucket.close)
        self.path = self.mount(s3_config(self.folder / "s3.yml", self.bucket.endpoint, self.bucket.bucket, [NAME])) / "latest" / NAME

    def start_looking(self, path):
        process = self.processes.start([sys.executable, "-c", LOOK_UP, path], stdout=subprocess.PIPE)
        process.stdout.readline()
        process.stdout.close()
        status = pathlib.Path(f"/proc/{process.pid}/status")
        wait_until(lambda: "\nState:\tS" in status.read_text(), 20, "the wait for the store")
        return process

    def test_many_do_not_block_one_whose_page_is_cached(self):
        file = os.open(self.path, os.O_RDONLY)
        self.addCleanup(os.close, file)
        os.pread(file, 100, 0)
        self.bucket.fault("silent", every=1)
        with concurrent.futures.ThreadPoolExecutor(READERS) as readers:
            waiting = [readers.submit(os.pread, file, PAGE, FILLING // 2 + number * 16 * PAGE) for number in range(READERS)]
            try:
                time.sleep(1)
                os.posix_fadvise(file, 0, PAGE, os.POSIX_FADV_DONTNEED)
                self.assertEqual(os.pread(file, 16, 0), b"SQLite format 3\0")
                self.assertEqual(os.listdir(self.path.parent), [NAME])
                self.assertEqual([reader for reader in waiting if reader.done()], [])
            finally:
                self.bucket.heal()
            for reader in waiting:
                self.assertEqual(len(reader.result()), PAGE)

    def test_a_killed_one_ends_at_once(self):
        """One that only handles a signal is given time first, so whoever is killed after it ends before it."""
        self.bucket.fault("silent", every=1)
        handling, dying = self.start_looking(self.path), self.start_looking(f"{self.path}-wal")
        handling.send_signal(signal.SIGUSR1)
        dying.kill()
        dying.wait(10 * SLOWNESS)
        self.assertIsNone(handling.poll())
        self.assertEqual(handling.wait(30 * SLOWNESS), errno.EINTR)


class SilentStoreBesideAFolder(MountTest):
    """What is held while a store is waited for is held for that store alone: whoever reads the database in the folder, whose
    pages are not cached, does not notice. The databases of the store are the same backup, and wait in that many ways."""

    names = [f"silent{number}.db" for number in range(6)]

    def start(self, **backup):
        """One mount of both; the silent ones' states are known, and none of their pages."""
        (_, _, self.right), = write_backup(self.folder / "folder", 4, indexes=1, page_size=PAGE, **backup)
        for name in self.names:
            (self.folder / "bucket" / name).parent.mkdir(exist_ok=True)
            shutil.copytree(self.folder / "folder" / NAME, self.folder / "bucket" / name)
        self.bucket = Bucket(self.folder / "bucket")
        self.addCleanup(self.bucket.close)
        config = pathlib.Path(s3_config(self.folder / "s3.yml", self.bucket.endpoint, self.bucket.bucket, self.names))
        with config.open("a", encoding="utf-8") as text:
            text.write(f"  - {{path: /data/{NAME}, replica: {{path: '{self.folder / 'folder' / NAME}'}}}}\n")
        self.tree = self.mount(config, "refresh=3600") / "latest"
        for name in (*self.names, NAME):
            os.stat(self.tree / name)

    def check(self, read, every=1):
        """`read` reads a silent one, in many threads. `every`: so many requests come to one that is not answered."""
        self.bucket.fault("silent", every=every)
        with concurrent.futures.ThreadPoolExecutor(READERS) as readers:
            waiting = [readers.submit(read, name, number) for number, name in enumerate(self.names * 8)]
            try:
                time.sleep(1)
                copying = self.processes.start(["sha256sum", self.tree / NAME], stdout=subprocess.PIPE)
                self.assertEqual(copying.communicate(timeout=10 * SLOWNESS)[0].split()[0].decode(), self.right)
                self.assertLess(sum(reader.done() for reader in waiting), len(waiting))
            finally:
                self.bucket.heal()

    def read_whole(self, name, number):
        with open(self.tree / name, "rb") as file:
            return file.read()

    def read_a_block(self, name, number):
        with open(self.tree / name, "rb") as file:
            return os.pread(file.fileno(), PAGE, (5 + number % 4 * 4) << 20)

    def test_blocks_of_large_snapshots(self):
        """Each takes a workspace to be decoded in."""
        self.start(filling=FILLING)
        self.check(self.read_a_block)

    def test_reading_ahead(self):
        """By threads of which there are a few, and through the whole snapshot."""
        self.start(filling=FILLING)
        self.check(self.read_whole)

    def test_snapshots_that_are_read_in_order(self):
        """Each takes a decoder, from its second window on: its blocks need those before them."""
        self.start(filling=FILLING, independent=0)
        self.check(self.read_whole, every=2)

    def test_databases_that_are_opened_ahead(self):
        """Who asks for one after the other gets those that follow opened with it, and does not wait for them."""
        write_backup(self.folder / "folder", 4, indexes=1)
        bucket = Bucket(self.folder)
        self.addCleanup(bucket.close)
        config = pathlib.Path(s3_config(self.folder / "s3.yml", bucket.endpoint, bucket.bucket, self.names))
        good = ["a.db", "b.db", "c.db"]  # they come before the others
        with config.open("a", encoding="utf-8") as text:
            for name in good:
                text.write(f"  - {{path: /data/{name}, replica: {{path: '{self.folder / 'folder' / NAME}'}}}}\n")
        tree = self.mount(config, "refresh=0") / "latest"
        bucket.fault("silent", every=1)
        for name in good:
            self.assertEqual(self.processes.start(["test", "-f", tree / name]).wait(10 * SLOWNESS), 0)


if __name__ == "__main__":
    main()
