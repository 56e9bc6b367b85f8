"""A restore over a database that was not closed, killed at each step of its end: what stands there is the old database
with its WAL, or the new one alone."""

import contextlib
import os
import re
import shutil
import sqlite3
import subprocess
import unittest

from running import LITEMOUNT, SLOWNESS, VerbTest, main
from mounting import sha256

CALLS = "?rename,?renameat,?renameat2,?link,?linkat,?symlink,?symlinkat,?unlink,?unlinkat,?fchmod,fsync"
CALL = re.compile(r"(?P<process>\d+) +(?P<name>\w+)\(")
ROWS = 300  # of the old database: the first stands in its file, the others in its WAL
MARK = "litemount-new"


def write_old(path):
    """A database as a crash of its application leaves it."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=WAL").fetchall()
        connection.execute("PRAGMA synchronous=OFF").fetchall()
        connection.execute("PRAGMA wal_autocheckpoint=0").fetchall()
        connection.execute("CREATE TABLE old(number INTEGER PRIMARY KEY, text TEXT)")
        for number in range(ROWS):
            connection.execute("INSERT INTO old VALUES(?, ?)", (number, "x" * 500))
            if number == 0:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        kept = [(path.with_name(path.name + suffix), f"{path}{suffix}.kept") for suffix in ("", "-wal", "-shm")]
        for file, copy in kept:
            shutil.copy(file, copy)
    for file, copy in kept:
        os.rename(copy, file)


def sidecars(path):
    real = os.path.realpath(path)
    return [real + suffix for suffix in ("-wal", "-shm", "-journal") if os.path.lexists(real + suffix)]


@unittest.skipUnless(shutil.which("strace"), "strace is not installed")
class Killed(VerbTest):
    seconds = 400

    def setUp(self):
        super().setUp()
        self.fixture("rails-v03")
        self.place, self.right = self.folder / "place", {}
        for name in ("production", "production_queue"):
            source = self.folder / "right" / f"{name}.sqlite3"
            self.assertEqual(self.run_verb("restore", "-o", source, self.database(name)).returncode, 0)
            self.right[f"{name}.sqlite3"] = sha256(source)

    def database(self, name):
        return f"{self.environment['FIXTURE']}/data/{name}.sqlite3"

    def anew(self, names):
        shutil.rmtree(self.place, ignore_errors=True)
        self.place.mkdir()
        for name in names:
            write_old(self.place / name)

    def restore(self, arguments, *strace):
        """Under strace, which kills it or does not."""
        command = ["strace", "-f", "-y", "-qq", "-e", f"trace={CALLS}", "-o", self.folder / "calls", *strace,
                   LITEMOUNT, "restore", "-force", *arguments]
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False,
                              timeout=60 * SLOWNESS)

    def steps(self):
        """The calls that change something in the place: each as its name, and the how manieth of that name in its thread."""
        counts, steps = {}, []
        for line in (self.folder / "calls").read_text("utf-8", "replace").splitlines():
            call = CALL.match(line)
            if not call:
                continue
            key = call.group("process", "name")
            counts[key] = counts.get(key, 0) + 1
            if str(self.place) in line:
                steps.append((key[1], counts[key]))
        return list(dict.fromkeys(steps))

    def assert_whole(self, name):
        """Whichever of the two is there, is whole."""
        path = self.place / name
        if sha256(path) == self.right[name] and not sidecars(path):
            return
        with contextlib.closing(sqlite3.connect(path)) as connection:
            self.assertEqual(connection.execute("PRAGMA integrity_check").fetchall(), [("ok",)])
            self.assertEqual(connection.execute("SELECT count(*), sum(number) FROM old").fetchall(),
                             [(ROWS, ROWS * (ROWS - 1) // 2)])

    def assert_restored(self, arguments, names):
        result = self.run_verb("restore", "-force", *arguments)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(sorted(os.listdir(self.place)), sorted(names))
        for name in names:
            self.assertFalse((self.place / name).is_symlink())
            self.assertEqual(sha256(self.place / name), self.right[name])

    def kill_at_every_step(self, arguments, names):
        self.anew(names)
        result = self.restore(arguments)
        self.assertEqual(result.returncode, 0, result.stderr)
        steps = self.steps()
        self.assertGreater(len(steps), 5)
        for call, number in steps:
            with self.subTest(call=call, number=number):
                self.anew(names)
                result = self.restore(arguments, "-e", f"inject={call}:signal=KILL:when={number}")
                self.assertEqual(result.returncode, -9, result.stderr)
                for name in names:
                    self.assert_whole(name)
                self.assert_restored(arguments, names)

    def test_one(self):
        self.kill_at_every_step(["-o", self.place / "production.sqlite3", self.database("production")],
                                ["production.sqlite3"])

    def test_it_is_on_disk_before_it_has_its_name(self):
        for names in [], ["production.sqlite3"]:
            self.anew(names)
            self.restore(["-o", self.place / "production.sqlite3", self.database("production")])
            calls = [line for line in (self.folder / "calls").read_text("utf-8", "replace").splitlines()
                     if MARK in line and "fchmod" not in line]
            self.assertIn("fsync", calls[0])

    def test_all(self):
        config = self.folder / "two.yml"
        replica = f"{self.environment['FIXTURE']}/replica"
        config.write_text("dbs:\n" + "".join(f"  - path: /srv/{name}\n    replicas: [{{path: {replica}/{name}}}]\n"
                                             for name in self.right), "utf-8")
        self.kill_at_every_step(["-config", config, "-all", "-o", self.place], list(self.right))


@unittest.skipUnless(shutil.which("strace"), "strace is not installed")
class Left(Killed):
    """What a kill at the very end leaves: a link to the new database."""

    test_one = test_all = test_it_is_on_disk_before_it_has_its_name = None

    def setUp(self):
        super().setUp()
        self.path = self.place / "production.sqlite3"
        self.arguments = ["-o", self.path, self.database("production")]
        self.anew([self.path.name])
        unlinks = 0
        while not self.path.is_symlink():
            unlinks += 1
            self.assertEqual(self.restore(self.arguments, "-e", f"inject=unlink:signal=KILL:when={unlinks}").returncode, -9)
        self.assertIn(MARK, os.readlink(self.path))

    def write(self, connection):
        connection.execute("CREATE TABLE IF NOT EXISTS mine(text)")
        connection.execute("INSERT INTO mine VALUES('mine')")

    def test_it_is_used_and_then_put_in_place(self):
        self.assertEqual(self.run_verb("restore", *self.arguments).returncode, 1)
        with contextlib.closing(sqlite3.connect(self.path, isolation_level=None)) as connection:
            self.write(connection)
        self.assert_restored(self.arguments, [self.path.name])

    def test_in_use_it_stays_a_link(self):
        with contextlib.closing(sqlite3.connect(self.path, isolation_level=None)) as connection:
            self.write(connection)
            self.assertEqual(len(sidecars(self.path)), 2)
            self.assertEqual(self.run_verb("restore", "-force", *self.arguments).returncode, 0)
            self.assertTrue(self.path.is_symlink())
            self.assertEqual((sha256(self.path), sidecars(self.path)), (self.right[self.path.name], []))
        self.assert_restored(self.arguments, [self.path.name])

    def test_by_a_link_of_ones_own(self):
        link = self.folder / "link.db"
        link.symlink_to(self.path)
        self.assert_restored(["-o", link, self.database("production")], [self.path.name])
        self.assertTrue(link.is_symlink())


if __name__ == "__main__":
    main()
