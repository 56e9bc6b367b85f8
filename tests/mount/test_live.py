"""Beside a running Litestream: `latest` follows it, and every state is what `litestream restore` makes of the backup.

LITESTREAM names the real program (0.3.13); without it the test is skipped.
"""

import contextlib
import hashlib
import os
import pathlib
import sqlite3
import subprocess
import time
import unittest

import replicas
from load import Load
from mounting import SLOWNESS, MountTest, main, sha256, wait_until

LITESTREAM = os.environ.get("LITESTREAM", "")
CONFIG = """dbs:
  - path: {folder}/live.db
    monitor-interval: 100ms
    checkpoint-interval: 2s
    min-checkpoint-page-count: 50
    replicas:
      - type: file
        path: {folder}/replica
        sync-interval: 100ms
        snapshot-interval: 5s
"""


@unittest.skipUnless(os.access(LITESTREAM, os.X_OK), "the real Litestream 0.3.13 is not here (LITESTREAM)")
class Live(MountTest):
    def setUp(self):
        super().setUp()
        self.database = self.folder / "live.db"
        with contextlib.closing(sqlite3.connect(self.database, isolation_level=None)) as connection:
            connection.execute("PRAGMA journal_mode=WAL").fetchall()
            connection.execute("CREATE TABLE entries(id INTEGER PRIMARY KEY, text TEXT)")
            connection.execute("CREATE TABLE marks(number INTEGER PRIMARY KEY)")
        self.config = self.folder / "litestream.yml"
        self.config.write_text(CONFIG.format(folder=self.folder), "utf-8")
        self.replicating = self.processes.start([LITESTREAM, "replicate", "-config", self.config],
                                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(lambda: list(self.folder.glob("replica/generations/*/snapshots/*.lz4")), 20, "the first snapshot")

    def newest_mark(self, file):
        with contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
            return connection.execute("SELECT coalesce(max(number), 0) FROM marks").fetchone()[0]

    @contextlib.contextmanager
    def without_newest_snapshot(self, instant):
        """Of those at that instant, if there is another: what it holds of later transactions the real program mixes in."""
        time = replicas.instant(instant)
        snapshots = sorted((path.stat().st_mtime_ns, path) for path in self.folder.glob("replica/generations/*/snapshots/*.lz4"))
        made = [path for moment, path in snapshots if moment <= time]
        if len(made) < 2:
            yield
            return
        aside = made[-1].rename(self.folder / "aside")
        yield
        aside.rename(made[-1])

    def restored(self, *arguments):
        """The SHA-256 of what the real program restores: None where it refuses."""
        output = self.folder / "restored.db"
        output.unlink(missing_ok=True)
        done = subprocess.run([LITESTREAM, "restore", "-config", self.config, "-o", output, *arguments, self.database],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=30 * SLOWNESS)
        return sha256(output) if done.returncode == 0 else None

    def test_latest_follows(self):
        refresh, slack = 1, 2
        tree = self.mount(self.config, f"refresh={refresh}")
        file = tree / "latest/live.db"
        with Load(self.database) as load, open(file, "rb", buffering=0) as kept:
            first = kept.read(4096)
            instant = os.getxattr(file, "user.litemount.time").decode()
            for _ in range(6):
                wanted = load.rows
                wait_until(lambda: self.newest_mark(file) >= wanted, refresh + slack, f"mark {wanted} in latest")
                time.sleep(0.7)
            self.assertGreater(load.rows, 50)
            rest = first + kept.read()
        if wanted := self.restored("-timestamp", instant):
            self.assertEqual(hashlib.sha256(rest).hexdigest(), wanted, "an open file has moved on")

    def test_every_state_is_what_litestream_restores(self):
        tree = self.mount(self.config, "refresh=1")
        with Load(self.database):
            end = time.monotonic() + 8
            while time.monotonic() < end:
                sha256(tree / "latest/live.db")
                time.sleep(0.3)
        time.sleep(1)
        self.replicating.terminate()
        self.replicating.wait(20)
        time.sleep(1.5)
        instants = sorted({path.name.removesuffix(".db") for path in pathlib.Path(tree.point).glob("databases/*/generations/*/points/*/*/*.db")})
        compared = 0
        for instant in instants[::max(1, len(instants) // 12)] + instants[-1:]:
            if wanted := self.restored("-timestamp", instant):
                got = sha256(tree / "at" / instant / "live.db")
                if got != wanted:
                    with self.without_newest_snapshot(instant):
                        wanted = self.restored("-timestamp", instant)
                self.assertEqual(got, wanted, instant)
                compared += 1
        self.assertGreaterEqual(compared, 10)
        self.assertEqual(sha256(tree / "latest/live.db"), self.restored())


if __name__ == "__main__":
    main()
