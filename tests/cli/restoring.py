"""What the tests of litemount restore share: a backup, a place to restore to, and what has to come of it."""

import os

from running import ROOT, VerbTest
import states
from mounting import sha256

NAME = "production.sqlite3"
TABLE = ROOT / "tests/data/fixtures/rails-v03.expected.tsv"
MIDDLE = "2024-11-08T01:59:47.494Z"  # of the table
BEFORE = "2024-11-07T00:00:00Z"


class RestoreTest(VerbTest):
    def setUp(self):
        super().setUp()
        self.backup = self.fixture("rails-v03")
        self.database = self.backup / "data" / NAME
        self.place = self.folder / "place"
        self.place.mkdir()
        self.target = self.place / "restored.db"
        lines = [line for line in states.read_lines(TABLE) if line.database == NAME]
        self.latest = next(line.file.sha256 for line in lines if line.selector == "latest")
        self.middle = next(line.file.sha256 for line in lines if line.argument == MIDDLE)
        self.generation = next(line.generation() for line in lines if line.selector == "index")

    def restore(self, *arguments, output=None, **settings):
        return self.run_verb("restore", "-o", output or self.target, *arguments, self.database, **settings)

    def assert_refused(self, result, *words, status=1, left=()):
        """One line that has the words, the status, and nothing new in the place."""
        self.assertEqual(result.returncode, status, result.stderr)
        self.assertEqual(result.stderr.count("\n"), 1, result.stderr)
        for word in words:
            self.assertIn(str(word), result.stderr)
        self.assertEqual(sorted(os.listdir(self.place)), sorted(left))

    def assert_restored(self, result, wanted=None, target=None):
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(sha256(target or self.target), wanted or self.latest)
