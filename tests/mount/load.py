"""Writes, for the tests beside a running Litestream."""

import contextlib
import os
import sqlite3
import threading


class Load:
    """Somebody who writes to the database all the time."""

    def __init__(self, path):
        self.path, self.rows = path, 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._write, daemon=True)

    def _write(self):
        with contextlib.closing(sqlite3.connect(self.path, timeout=10, isolation_level=None)) as connection:
            while not self._stop.wait(0.02):
                connection.execute("INSERT INTO entries(text) VALUES(?)", (os.urandom(300).hex(),))
                if self.rows % 7 == 0:
                    connection.execute("DELETE FROM entries WHERE id % 11 = ?", (self.rows % 11,))
                connection.execute("INSERT INTO marks VALUES(?)", (self.rows + 1,))
                self.rows += 1

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join(10)
