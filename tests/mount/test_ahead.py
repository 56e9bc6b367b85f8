"""Snapshots that hold more of their WAL than was backed up when they were made: what was is shown, and nothing that was not.

The fixture's databases are called for the kind of mixture that `litestream restore` makes of them: make_ahead.py. Each transaction
changes rows and, with them, their sum, so SQL tells whether a state was ever committed.
"""

import contextlib
import os
import sqlite3

import states
from mounting import ROOT, MountTest, main, sha256

NAMES = ("first", "own", "behind", "beginning")
MIXED = {"first": "2026-11-28T22:44:30.952653394Z", "own": "2026-11-28T22:44:41.629959364Z"}  # points that nothing else leads to
MIXTURE = r"snapshot 0000\w{4} holds a part of the next transaction, and no earlier one leads here"


def committed(file):
    """The number of the transaction whose state the file is; None: of none."""
    with contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro&immutable=1", uri=True)) as connection:
        number, total = connection.execute("SELECT number, total FROM totals").fetchone()
        rows = connection.execute("SELECT sum(id * value), max(value) FROM entries").fetchone()
        sound = connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    return number if sound and rows == (total, number) else None


def attribute(file, name):
    with contextlib.suppress(OSError):
        return os.getxattr(file, f"user.litemount.{name}").decode()
    return None


class Ahead(MountTest):
    seconds = 120

    def setUp(self):
        super().setUp()
        self.backup = self.fixture("ahead-v03")
        self.config = self.backup / "litestream.yml"
        self.environment = {"FIXTURE": str(self.backup), "XDG_CACHE_HOME": str(self.folder / "cache")}

    def mounted(self):
        return self.mount(self.config, environment=self.environment)

    def generation(self, tree, name):
        found, = (tree / f"databases/{name}.db/generations").iterdir()
        return found

    def objects(self, name, kind):
        """Of a database's backup, by time."""
        return sorted(self.backup.glob(f"replica/{name}.db/generations/*/{kind}/*"), key=lambda path: path.stat().st_mtime_ns)

    def points(self, tree, name):
        return sorted((self.generation(tree, name) / "points").glob("*/*/*.db"))

    def check_state(self, file):
        """Was it committed, or does it tell that it was not? Returns 1 if the latter."""
        if committed(file) is not None:
            self.assertIsNone(attribute(file, "gap"), file)
            return 0
        self.assertRegex(attribute(file, "gap") or "no gap", f"^{MIXTURE}$", file)
        return 1

    def test_every_point_was_committed(self):
        """But for those upon a first snapshot."""
        tree = self.mounted()
        self.assertEqual(sum(self.check_state(point) for name in NAMES for point in self.points(tree, name)), len(MIXED))
        for name, time in MIXED.items():
            self.assertEqual(self.check_state(tree / f"at/{time}/{name}.db"), 1)

    def test_a_position_has_one_content(self):
        """Whether it is found by time or by name."""
        tree, compared = self.mounted(), 0
        for name in NAMES:
            positions = self.generation(tree, name) / "positions"
            for point in self.points(tree, name):
                same = positions / f"{attribute(point, 'position')}.db"
                if same.exists():
                    self.assertEqual(sha256(point), sha256(same), point)
                    compared += 1
        self.assertGreater(compared, 20)

    def test_every_position_was_committed(self):
        tree = self.mounted()
        for name in NAMES:
            indexes = {path.name[:8] for path in self.objects(name, "snapshots")}
            for position in (self.generation(tree, name) / "positions").glob("*/*.db"):
                if position.parent.name in indexes:
                    self.check_state(position)

    def test_the_newest_where_nothing_followed(self):
        """The backup ends with the snapshot: no segment tells yet what it holds."""
        line = next(line for line in states.read_lines(ROOT / "tests/data/fixtures/ahead-v03.expected.tsv")
                    if line.selector == "vouched" and line.database == "own.db")
        for path in self.objects("own", "snapshots") + self.objects("own", "wal"):
            if path.stat().st_mtime_ns > line.time():
                path.unlink()
        self.assertEqual(sha256(self.mounted() / "latest/own.db"), line.file.sha256)

    def test_verify_notes_it_and_restore_warns(self):
        done = self.run_litemount("verify", "-config", self.config, environment=self.environment)
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertEqual(done.stdout.count("is a mixture"), len(MIXED))
        for name, time in MIXED.items():
            text = f"what it has as of {time} is a mixture: {MIXTURE}"
            self.assertRegex(done.stdout, rf"note    {name}\.db: \S+: {text}\n")
            restored = self.run_litemount("restore", "-config", self.config, "-timestamp", time, "-o", self.folder / "it.db",
                                          "-force", f"{name}.db", environment=self.environment)
            self.assertEqual(restored.returncode, 0, restored.stderr)
            self.assertRegex(restored.stderr, rf"{name}\.db: {text}\n")
            self.assertIsNone(committed(self.folder / "it.db"))


if __name__ == "__main__":
    main()
