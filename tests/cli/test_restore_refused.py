"""litemount restore where what is newer can't be had: it puts nothing in place, and names what can."""

import os
import shutil

from running import ROOT, main
import states
from mounting import sha256
from restoring import NAME, TABLE, RestoreTest


def cut(path, size):
    """Cuts a file short and leaves its times as they are."""
    times = path.stat()
    os.truncate(path, size)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


class Refusals(RestoreTest):
    def assert_refused(self, result, *words, **settings):
        """What damage was met with is told too."""
        result.stderr = "".join(line for line in result.stderr.splitlines(True) if "error: " in line)
        super().assert_refused(result, "can't be restored; the newest before it can, with ", *words, **settings)

    def assert_named_is_restored(self, refused, wanted, database):
        """What a refusal names gives these bytes, when it is asked for."""
        named = refused.stderr.partition(" can, with ")[2].partition(": ")[0].split()
        self.assertIn("-timestamp", named, refused.stderr)
        self.assert_restored(self.run_verb("restore", "-o", self.target, *named, database), wanted)


class Holes(Refusals):
    def test_what_was_before_it_is_named(self):
        folder = self.fixture("damaged-v05")
        table = states.Table(folder, ROOT / "tests/data/fixtures/damaged-v05.expected.tsv")
        wanted = next(iter(table.damage.values()))
        result = self.run_verb("restore", "-o", self.target, folder / "data" / wanted.database)
        self.assert_refused(result, "the newest state", "no sound file holds")
        self.assert_named_is_restored(result, wanted.file.sha256, folder / "data" / wanted.database)


class NewestGeneration(Refusals):
    """It can't be opened: its snapshots are damaged, or gone."""

    def setUp(self):
        super().setUp()
        self.newer, self.older = (line for line in states.read_lines(TABLE)
                                  if (line.database, line.selector) == (NAME, "generation"))
        self.snapshots = self.backup / "replica" / NAME / "generations" / self.newer.generation() / "snapshots"

    def check(self):
        refused = self.restore()
        self.assert_refused(refused, f"generation {self.newer.generation()}, which goes on until ", "has no usable snapshot")
        self.assert_refused(self.restore("-timestamp", "now"), "the state as of ", self.newer.generation())
        self.assert_named_is_restored(refused, self.older.file.sha256, self.database)

    def test_snapshots_cut_short(self):
        for path in self.snapshots.iterdir():
            cut(path, 200)
        self.check()

    def test_empty_snapshots(self):
        for path in self.snapshots.iterdir():
            cut(path, 0)
        self.check()

    def test_no_snapshots(self):
        shutil.rmtree(self.snapshots)
        self.check()

    def test_by_its_name(self):
        """Then nothing else was asked for, and there is nothing to name."""
        shutil.rmtree(self.snapshots)
        result = self.restore("-generation", self.newer.generation())
        self.assertEqual((result.returncode, result.stderr.count("no usable snapshot")), (1, 1), result.stderr)

    def test_a_wal_index(self):
        """It is one of the newest generation; the same of another one is another state."""
        shutil.rmtree(self.snapshots)
        line = next(line for line in states.read_lines(TABLE) if (line.database, line.selector) == (NAME, "index")
                    and line.generation() == self.older.generation())
        named = ["-generation", line.generation(), "-index", line.argument.rpartition("/")[2]]
        refused = self.restore(*named[2:])
        lost = f"the newest generation, {self.newer.generation()},"
        RestoreTest.assert_refused(self, refused, f"{lost} can't be restored; the newest before it can, with {' '.join(named)}: ")
        self.assert_restored(self.restore(*named), line.file.sha256)

    def test_a_wal_index_that_no_other_has_either(self):
        older = self.snapshots.parents[1] / self.older.generation()
        shutil.rmtree(self.snapshots)
        first, *_, last = sorted((older / "wal").iterdir())
        cut(last, last.stat().st_size // 2)
        refused = self.restore("-index", last.name[:8])
        self.assert_refused(refused, "the newest state", self.newer.generation())
        self.assertIn(" -timestamp ", refused.stderr)

    def test_all_others_are_restored(self):
        shutil.rmtree(self.snapshots)
        result = self.run_verb("restore", "-all", "-o", self.place)
        wanted = {line.database: line.file.sha256 for line in states.read_lines(TABLE) if line.selector == "latest"}
        del wanted[NAME]
        self.assertEqual(result.returncode, 1, result.stderr)
        self.assertEqual({path.name: sha256(path) for path in self.place.iterdir()}, wanted)


if __name__ == "__main__":
    main()
