"""What SQLite does with a file of the mount: backups in steps, attached instants, connections that outlive `latest`."""

import contextlib
import hashlib
import os
import pathlib
import sqlite3
import struct
import subprocess

from make_backup import Writer
from mounting import SLOWNESS, MountTest, main, wait_until

NAME = "large.db"  # of the backups here
PAGE_SIZES = [1 << power for power in range(9, 17)]
PAGES = 230  # at least: a backup() of 100 pages a step takes three
HEADER = struct.Struct(">8I")  # of a WAL


def wal_sum(words):
    """SQLite's checksum over big-endian words."""
    one = two = 0
    for first, second in zip(words[::2], words[1::2]):
        one = (one + first + two) & 0xFFFFFFFF
        two = (two + second + one) & 0xFFFFFFFF
    return one, two


def content(database):
    """A hash of all that SQLite reads out of a database."""
    return hashlib.sha256("\n".join(database.iterdump()).encode()).hexdigest()


def content_of(path):
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        return content(database)


def count(database, schema="main"):
    return database.execute(f"SELECT count(*) FROM {schema}.entries").fetchone()[0]


class Source:
    """A database that a real SQLite writes, and its v0.3 replica, which gets a snapshot a state."""

    def __init__(self, folder, page_size=4096, journal_mode="WAL", name=NAME):
        self.file = folder / f"{name}.source"
        self.writer = Writer(folder / "backup" / name)
        self.snapshots = 0
        self.execute(f"PRAGMA page_size={page_size}", "CREATE TABLE entries(id INTEGER PRIMARY KEY, text TEXT)")
        self.set_journal_mode(journal_mode)

    def execute(self, *statements):
        with contextlib.closing(sqlite3.connect(self.file, isolation_level=None)) as database:
            for statement in statements:
                database.execute(statement).fetchall()

    def set_journal_mode(self, mode):
        self.execute(f"PRAGMA journal_mode={mode}")

    def add_pages(self, pages):
        """Entries enough for so many pages more."""
        page_size = struct.unpack(">H", self.file.read_bytes()[16:18])[0]
        text = "x" * ((65536 if page_size == 1 else page_size) * 2 // 5)
        with contextlib.closing(sqlite3.connect(self.file)) as database, database:
            database.executemany("INSERT INTO entries(text) VALUES(?)", [(text,)] * (pages * 2))

    def snapshot(self):
        """The file is whole: whoever closes a WAL-mode database last checkpoints it."""
        assert not pathlib.Path(f"{self.file}-wal").exists()
        self.writer.put("snapshots", f"{self.snapshots:08x}.snapshot", self.file.read_bytes())
        self.snapshots += 1


class Sqlite(MountTest):
    def source(self, *arguments, **settings):
        source = Source(self.folder, *arguments, **settings)
        source.add_pages(PAGES)
        source.snapshot()
        return source

    def open(self, path):
        database = sqlite3.connect(f"file:{path}?mode=ro", uri=True, isolation_level=None)
        self.addCleanup(database.close)
        return database

    def shell(self, path, *commands):
        return subprocess.run(["sqlite3", "-readonly", path, *commands], check=True, capture_output=True, text=True,
                              timeout=20 * SLOWNESS).stdout

    def backups(self, file, expected):
        """`.backup` of the shell, and Python's backup() in steps: each ends, and the copy holds what the source does."""
        self.shell(file, f".backup {self.folder}/copy")
        self.assertEqual(content_of(self.folder / "copy"), expected)
        steps = []
        with contextlib.closing(sqlite3.connect(self.folder / "steps")) as copy:
            def progress(_, left, total):
                steps.append(left)
                self.assertLessEqual(len(steps), total // 100 + 1, "it begins again")
            self.open(file).backup(copy, pages=100, progress=progress)
        self.assertGreaterEqual(len(steps), 3)
        self.assertEqual(content_of(self.folder / "steps"), expected)
        for name in ("copy", "steps"):
            (self.folder / name).unlink()

    def test_every_page_size_in_both_modes(self):
        sources = {f"{page_size}-{mode}.db": Source(self.folder, page_size, mode, name=f"{page_size}-{mode}.db")
                   for page_size in PAGE_SIZES for mode in ("WAL", "DELETE")}
        for source in sources.values():
            source.add_pages(PAGES)
            source.snapshot()
        mount = self.mount(self.folder / "backup")
        for name, source in sources.items():
            with self.subTest(name):
                file = mount / "latest" / name
                self.backups(file, content_of(source.file))
                self.assertEqual(self.shell(file, "PRAGMA integrity_check"), "ok\n")
                self.assertEqual(self.shell(file, "PRAGMA mmap_size=100000000", "SELECT count(*) FROM entries").split()[1],
                                 self.shell(source.file, "SELECT count(*) FROM entries").strip())
        self.beside(mount, sources)

    def beside(self, mount, names):
        """The -wal is a header without frames, and one byte; the other files are empty."""
        for name in names:
            page_size, mode = name.removesuffix(".db").split("-")
            file = mount / "latest" / name
            wal = pathlib.Path(f"{file}-wal")
            self.assertEqual(os.stat(f"{file}-shm").st_size, 0)
            self.assertEqual(os.stat(wal).st_size, len(wal.read_bytes()))
            if mode == "DELETE":
                self.assertEqual(wal.read_bytes(), b"")
                continue
            words = HEADER.unpack(wal.read_bytes()[:-1])
            self.assertEqual(words[:6], (0x377F0683, 3007000, int(page_size), 0, 0, 0))
            self.assertEqual(words[6:], wal_sum(words[:6]))
            with open(wal, "rb") as opened:
                self.assertEqual([os.pread(opened.fileno(), 100, offset) for offset in (32, 33, 34, 5000)],
                                 [b"\0", b"", b"", b""])
        self.assertEqual(sorted(os.listdir(mount / "latest")), sorted(names))

    def test_pages_are_kept_between_statements(self):
        """Of a thousand statements on one connection only the first reads."""
        self.source()
        mount = self.mount(self.folder / "backup")
        select = "SELECT count(*) FROM (SELECT * FROM entries WHERE id < 20);"
        said = self.shell(mount / "latest" / NAME, select * 1000, ".stats")
        (misses,) = [line.split()[-1] for line in said.splitlines() if line.startswith("Page cache misses:")]
        self.assertLess(int(misses), 100)

    def test_attached_instants(self):
        source = self.source()
        first = source.writer.time - 1
        source.writer.time += 60
        source.execute("DELETE FROM entries WHERE id % 2")
        source.snapshot()
        mount = self.mount(self.folder / "backup")
        database = self.open(mount / "latest" / NAME)
        database.execute("ATTACH ? AS before", (f"file:{mount.point}/at/@{first}/{NAME}?mode=ro",))
        self.assertEqual((count(database), count(database, "before")), (PAGES, PAGES * 2))
        gone = "SELECT count(*) FROM before.entries WHERE id NOT IN (SELECT id FROM main.entries)"
        self.assertEqual(database.execute(gone).fetchone()[0], PAGES)
        database.execute("ATTACH ? AS mine", (str(self.folder / "mine"),))
        database.execute("CREATE TABLE mine.entries AS SELECT * FROM before.entries")
        self.assertEqual(count(database, "mine"), PAGES * 2)

    def test_latest_moves_on_while_it_is_open(self):
        """A connection keeps its instant, also when the next one has other pages, or is not in WAL mode any more."""
        source = self.source()
        mount = self.mount(self.folder / "backup", "refresh=0")
        file, opened = mount / "latest" / NAME, []
        changes = [lambda: source.set_journal_mode("DELETE"),
                   lambda: source.execute("PRAGMA page_size=1024", "VACUUM"),
                   lambda: source.set_journal_mode("WAL"), lambda: None]
        for change in changes:
            expected = content_of(source.file)
            wait_until(lambda: content_of(file) == expected, 20, "the newest state")
            for first in ("SELECT count(*) FROM entries", "PRAGMA schema_version"):
                database = self.open(file)
                database.execute(first).fetchall()
                opened.append((database, expected))
            for database, before in opened:
                self.assertEqual(content(database), before)
            change()
            source.add_pages(3)
            source.writer.time += 60
            source.snapshot()
        for database, before in opened:
            self.assertEqual(content(database), before)


if __name__ == "__main__":
    main()
