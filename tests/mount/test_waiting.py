"""Who waits for a store: stands in nobody's way, and can be stopped."""

import concurrent.futures
import errno
import os
import pathlib
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


if __name__ == "__main__":
    main()
