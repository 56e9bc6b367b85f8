"""What a reader is told: damage is EIO, a store that does not give an answer is not, and SQLite calls only the first malformed."""

import contextlib
import errno
import os
import pathlib
import shutil
import signal
import sqlite3
import subprocess
import time

from make_backup import Writer
from mounting import SLOWNESS, MountTest, main
from stores import Bucket, s3_config

NAME = "large.db"
SCAN = "SELECT total(length(bytes)) FROM entries"
# A shell without job control starts its children with SIGINT ignored.
HEED = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)}


def write_rows(folder):
    """A snapshot of several LZ4 blocks, so that the first is cached and the others are not; no row is longer than a page."""
    source = folder / "source.db"
    folder.mkdir()
    with contextlib.closing(sqlite3.connect(source)) as database, database:
        database.execute("CREATE TABLE entries(id INTEGER PRIMARY KEY, bytes BLOB)")
        database.executemany("INSERT INTO entries(bytes) VALUES(?)", ((os.urandom(3500),) for _ in range(6000)))
    Writer(folder / NAME).put("snapshots", "00000000.snapshot", source.read_bytes())


class Errno(MountTest):
    def setUp(self):
        super().setUp()
        write_rows(self.folder / "backup")
        self.bucket = Bucket(self.folder / "backup")
        self.addCleanup(self.bucket.close)
        self.config = s3_config(self.folder / "s3.yml", self.bucket.endpoint, self.bucket.bucket, [NAME])

    def read_all(self, path):
        """The errno that a cold read ends with; 0 if it reads."""
        try:
            pathlib.Path(path).read_bytes()
        except OSError as error:
            return error.errno
        return 0

    def sqlite_says(self, path):
        """What the shell and Python say of it."""
        shell = subprocess.run(["sqlite3", "-readonly", path, SCAN], capture_output=True, text=True, timeout=60 * SLOWNESS)
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            with self.assertRaises(sqlite3.DatabaseError) as caught:
                database.execute(SCAN).fetchall()
        return shell.stderr, str(caught.exception)

    def test_the_store_does_not_answer(self):
        for kind, expected in (("403", errno.EACCES), ("no-http", errno.EREMOTEIO)):
            with self.subTest(kind):
                path = self.mount(self.config, "refresh=3600", point=kind, cache=f"cache-{kind}") / "latest" / NAME
                with open(path, "rb", buffering=0) as file:
                    self.assertEqual(file.read(16), b"SQLite format 3\0")
                self.bucket.fault(kind)
                self.assertEqual(self.read_all(path), expected)
                for said in self.sqlite_says(path):
                    self.assertIn("disk I/O error", said)
                    self.assertNotIn("malformed", said)
                self.bucket.heal()
                self.assertEqual(self.read_all(path), 0)
            self.bucket.heal()

    def test_a_look_up(self):
        """No listing, no state: the name is told the same."""
        for kind, expected in (("403", errno.EACCES), ("no-http", errno.EREMOTEIO)):
            mount = self.mount(self.config, "refresh=0", point=kind)
            self.bucket.fault(kind)
            with self.assertRaises(OSError) as caught:
                os.stat(mount / f"databases/{NAME}/latest.db")
            self.assertEqual(caught.exception.errno, expected)
            self.bucket.heal()

    def test_damage(self):
        """The object is gone: nothing can be made of it."""
        path = self.mount(self.config, "refresh=3600") / "latest" / NAME
        path.stat()
        shutil.rmtree(self.folder / "backup" / NAME)
        self.assertEqual(self.read_all(path), errno.EIO)

    def test_ctrl_c(self):
        """SQLite asks again after EINTR: the statement that waits for a silent store must end all the same."""
        path = self.mount(self.config, "refresh=3600") / "latest" / NAME
        subprocess.run(["sqlite3", "-readonly", path, "SELECT 1 FROM sqlite_schema"], check=True, capture_output=True)
        self.bucket.fault("silent")
        shell = self.processes.start(["sqlite3", "-readonly", path, SCAN], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                     text=True, **HEED)
        time.sleep(1)
        self.assertIsNone(shell.poll())
        shell.send_signal(signal.SIGINT)
        self.assertRegex(shell.communicate(timeout=12 * SLOWNESS)[0], "interrupted|disk I/O error")


if __name__ == "__main__":
    main()
