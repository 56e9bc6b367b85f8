"""Beside a running Litestream 0.5, which compacts and deletes what it has written all the time.

LITESTREAM5 names the real program (0.5.18); without it the test is skipped.
"""

import contextlib
import errno
import hashlib
import os
import pathlib
import sqlite3
import subprocess
import time
import unittest

from load import Load
from mounting import SLOWNESS, MountTest, main, sha256, wait_until

LITESTREAM = os.environ.get("LITESTREAM5", "")
CONFIG = """levels:
  - interval: 1s
  - interval: 3s
snapshot:
  interval: 4s
  retention: {retention}
l0-retention: {l0_retention}
l0-retention-check-interval: 1s
dbs:
  - path: {folder}/live.db
    monitor-interval: 100ms
    checkpoint-interval: 2s
    min-checkpoint-page-count: 50
    replica:
      type: file
      path: {folder}/replica
      sync-interval: 100ms
"""


@unittest.skipUnless(os.access(LITESTREAM, os.X_OK), "the real Litestream 0.5.18 is not here (LITESTREAM5)")
class Live(MountTest):
    seconds = 100

    def replicate(self, retention, l0_retention, filling=0):
        self.database = self.folder / "live.db"
        with contextlib.closing(sqlite3.connect(self.database, isolation_level=None)) as connection:
            connection.execute("PRAGMA journal_mode=WAL").fetchall()
            connection.execute("CREATE TABLE entries(id INTEGER PRIMARY KEY, text TEXT)")
            connection.execute("CREATE TABLE marks(number INTEGER PRIMARY KEY)")
            connection.execute(f"CREATE TABLE filling AS SELECT randomblob({filling})")
        self.config = self.folder / "litestream.yml"
        self.config.write_text(CONFIG.format(folder=self.folder, retention=retention, l0_retention=l0_retention), "utf-8")
        with open(self.folder / "litestream.log", "wb") as log:
            self.replicating = self.processes.start([LITESTREAM, "replicate", "-config", self.config], stdout=log, stderr=log)
        wait_until(lambda: self.files(9), 20, "the first snapshot")

    def files(self, level):
        return sorted(path.name for path in self.folder.glob(f"replica/ltx/{level}/*.ltx"))

    def newest_mark(self, file):
        with contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
            return connection.execute("SELECT coalesce(max(number), 0) FROM marks").fetchone()[0]

    def restored(self, *arguments):
        """The SHA-256 of what the real program restores: None where it refuses."""
        output = self.folder / "restored.db"
        output.unlink(missing_ok=True)
        done = subprocess.run([LITESTREAM, "restore", "-config", self.config, "-o", output, *arguments, self.database],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=30 * SLOWNESS)
        return sha256(output) if done.returncode == 0 else None

    def test_latest_follows(self):
        self.replicate(retention="1h", l0_retention="2s")
        refresh, slack = 1, 2
        tree = self.mount(self.config, f"refresh={refresh}")
        file = tree / "latest/live.db"
        with Load(self.database) as load:
            for _ in range(8):
                wanted = load.rows
                wait_until(lambda: self.newest_mark(file) >= wanted, refresh + slack, f"mark {wanted} in latest")
                time.sleep(0.7)
        self.assertGreater(load.rows, 50)
        self.assertGreater(len(self.files(1)), 3)

    def test_every_position_is_what_litestream_restores(self):
        self.replicate(retention="1h", l0_retention="3s")
        tree = self.mount(self.config, "refresh=1")
        with Load(self.database):
            end = time.monotonic() + 10
            while time.monotonic() < end:
                sha256(tree / "latest/live.db")
                time.sleep(0.3)
        time.sleep(1)
        self.replicating.terminate()
        self.replicating.wait(20)
        time.sleep(1.5)
        positions = sorted(os.listdir(tree / "databases/live.db/generations/ltx/positions"))
        self.assertGreater(len(positions), 15)
        for name in positions[::max(1, len(positions) // 12)] + positions[-1:]:
            found = sha256(tree / "databases/live.db/generations/ltx/positions" / name)
            self.assertEqual(found, self.restored("-txid", name.removesuffix(".db")), name)
        self.assertEqual(sha256(tree / "latest/live.db"), self.restored())

    def test_files_deleted_under_an_open_file(self):
        """Files are opened, half read, and read on when retention has deleted what they are made of: the bytes that the
        backup had then, or an error, and never others."""
        self.replicate(retention="5s", l0_retention="1s", filling=8 << 20)
        tree = self.mount(self.config, "refresh=1")
        opened = []
        with Load(self.database), contextlib.ExitStack() as files:
            for _ in range(6):
                file = files.enter_context(open(tree / "latest/live.db", "rb", buffering=0))
                position = os.getxattr(file.fileno(), "user.litemount.position").decode()
                opened.append((file, position, file.read(4096), self.restored("-txid", position)))
                time.sleep(1)
            bases = self.files(9)
            wait_until(lambda: not set(self.files(9)) & set(bases), 40, "retention")
            compared = sum(self.check_kept(*kept) for kept in opened)
        self.assertGreater(compared, 0)

    def check_kept(self, file, position, first, wanted):
        """Whether there was something to compare."""
        try:
            found = hashlib.sha256(first + file.read()).hexdigest()
        except OSError as error:
            self.assertEqual(error.errno, errno.EIO)
            return wanted is not None
        if wanted:
            self.assertEqual(found, wanted, position)
        return wanted is not None


if __name__ == "__main__":
    main()
