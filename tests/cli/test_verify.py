"""litemount verify: what is whole passes, and what is not fails by the name of what is wrong."""

import re

from running import main
from make_backup import write_backup
from make_ltx import write_snapshot
from verifying import VerifyTest, flip, objects_of

# What Litestream left whole: fixture -> databases.
WHOLE = {"rails-v03": 4, "pagesizes-v03": 5, "edges-v03": 1, "age-v03": 1, "lockpage-v03": 1, "mixed": 1,
         "rails-v05": 4, "frames-v05": 3, "edges-v05": 1}

# What was broken: fixture -> database -> a pattern for each problem; those that are not named are whole. Whatever costs the
# newest states is told a second time, by the state.
OLDER, NOTHING = r"the newest state that can be restored is of .*Z: ", r"no usable snapshot at "
V03, V05 = r"\S+/generations/\w{16}/", r"\S+/ltx/"
BROKEN = {
    "damaged-v03": {
        "missing-segment": [V03 + r"wal/00000002_00019278.wal.lz4 is missing$", OLDER],
        "truncated-segment": [V03 + r"wal/00000004_0001e2f0.wal.lz4 is cut short$", OLDER],
        "flipped-segment": [V03 + r"wal/00000002_00019278.wal.lz4 is damaged", OLDER],
        "empty-segment": [V03 + r"wal/00000002_00019278.wal.lz4 is empty$", OLDER],
        "flipped-snapshot": [V03 + r"snapshots/00000000.snapshot.lz4 is damaged", NOTHING],
        "missing-snapshot": [r"\S+/generations/\w{16} has no snapshot: nothing of it can be restored$", NOTHING],
    },
    "broken-v03": {
        "bad-frame": [V03 + r"wal/00000000_00018260.wal.lz4 is damaged"],
        "bad-last-snapshot": [V03 + r"snapshots/00000002.snapshot.lz4 is damaged"],
        "cut-in-the-middle": [V03 + r"wal/00000000_00018260.wal.lz4 is cut short$"],
        "empty-last-snapshot": [V03 + r"snapshots/00000002.snapshot.lz4 is empty$"],
        "hole-then-snapshot": [V03 + r"wal/00000000_00018260.wal.lz4 is missing$"],
        "missing-index-start": [V03 + r"wal/00000000_00000000.wal.lz4 is missing$"],
        "missing-index": [V03 + r"wal: all of WAL 00000000 is missing$"],
    },
    "damaged-v05": {
        "gap": [V05 + r"0/0{14}11-0{14}11.ltx is missing$", OLDER],
        "flipped-page": [V05 + r"0/0{15}d-0{15}d.ltx is damaged", OLDER],
        "truncated-file": [V05 + r"0/0{14}11-0{14}11.ltx is damaged", OLDER],
        "bad-trailer": [V05 + r"0/0{15}d-0{15}d.ltx is damaged", OLDER],
    },
    "broken-v05": {
        "bad-last-snapshot": [V05 + r"9/0{15}1-0{14}2a.ltx is damaged"],
        "bad-level2": [V05 + r"2/0{15}d-0{14}2a.ltx is damaged"],
        "bad-page-index": [V05 + r"9/0{15}1-0{14}2a.ltx is damaged"],
        "cut-last-snapshot": [V05 + r"9/0{15}1-0{14}2a.ltx is damaged"],
        "empty-last-file": [V05 + r"0/0{14}44-0{14}44.ltx is damaged", OLDER],
        "header-only": [V05 + r"0/0{14}44-0{14}44.ltx is damaged", OLDER],
        "level1-covers": [V05 + r"0/0{14}2e-0{14}2e.ltx is missing$"],
        "missing-level1": [V05 + r"1/0{15}d-0{14}1a.ltx is missing, or several files that hold these TXIDs$"],
        "newest-gap": [V05 + r"0/0{14}39-0{14}39.ltx is missing$", OLDER],
        "other-page-size": [V05 + r"0/0{14}44-0{14}44.ltx is damaged", OLDER],
    },
    "shrink-v03": {"shrink": [r"integrity_check: .*; and \d+ more$"]},  # pages of anything
    "unsound-v03": {
        "unindexed": [r"integrity_check: row 1 missing from index titles; and 2 more$"],
    },
}


class Fixtures(VerifyTest):
    seconds = 300

    def test_what_is_whole(self):
        for name, count in WHOLE.items():
            with self.subTest(name):
                done = self.verify(fixture=self.fixture(name))
                lines = done.stdout.splitlines()
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                self.assertEqual(len(lines), count)
                for line in lines:
                    self.assertRegex(line, r"^ok      \S+  \d{4}-\d\d-\d\dT[0-9:.]+Z  \d+ objects, \d+\.\d [kM]B$")

    def test_what_is_broken(self):
        for name, databases in BROKEN.items():
            folder = self.fixture(name)
            reports = self.reports(fixture=folder)
            self.assertEqual(len(reports), len(list((folder / "replica").iterdir())))
            for database, report in reports.items():
                with self.subTest(name, database=database):
                    self.assert_problems(report, databases.get(database.rpartition(".")[0], []))
                    self.assertEqual(report["path"], f"{folder}/data/{database}")

    def test_a_problem_is_a_line(self):
        done = self.verify("missing-segment.sqlite3", "junk.sqlite3", "/nowhere.db", fixture=self.fixture("damaged-v03"))
        words = [line.split()[:2] for line in done.stdout.splitlines()]
        self.assertEqual(words, [["FAILED", "missing-segment.sqlite3:"]] * 2 + [["ok", "junk.sqlite3"], ["FAILED", "/nowhere.db:"]])
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stderr, "litemount: error: 2 of 3 databases failed\n")


class Objects(VerifyTest):
    """Every object of a small backup, one after the other, in as many copies of it."""

    def each(self, name, database):
        replica = self.fixture(name) / "replica" / database
        keys = objects_of(replica)
        config, copies = self.copies(replica, len(keys))
        return keys, config, copies

    def check_flips(self, name, database):
        keys, config, copies = self.each(name, database)
        for report in self.reports("-config", config).values():
            self.assert_problems(report, [])
            self.assertEqual(report["objects"], len(keys))
        for key, copy in zip(keys, copies):
            flip(copy / key)
        reports = self.reports("-config", config)  # most of it is in the cache now, as it was
        for number, key in enumerate(keys):
            with self.subTest(key):
                problems = reports[f"{number}.db"]["problems"]
                self.assertIn(f"/{number}.db/{key} is damaged", problems[0] if problems else "")

    def test_a_flipped_bit(self):
        self.check_flips("pagesizes-v03", "p512.db")

    def test_v05_a_flipped_bit(self):
        self.check_flips("edges-v05", "edges.sqlite3")

    def check_deletions(self, name, database, is_seen):
        keys, config, copies = self.each(name, database)
        for key, copy in zip(keys, copies):
            (copy / key).unlink()
        reports = self.reports("-config", config)
        wanted = [number for number in range(len(keys)) if is_seen(keys, number)]
        self.assertGreater(len(wanted), 5)
        for number in wanted:
            with self.subTest(keys[number]):
                problems = reports[f"{number}.db"]["problems"]
                self.assertTrue(problems, "it is not missed")
                self.assertRegex(problems[0], re.escape(f"{number}.db/{keys[number]} is missing") + "|all of WAL")

    def test_a_missing_segment(self):
        """But for those that end a WAL: nothing tells of them."""
        def is_seen(keys, number):
            return "/wal/" in keys[number] and number + 1 < len(keys) and keys[number + 1].startswith(keys[number].split("_")[0])
        self.check_deletions("pagesizes-v03", "p512.db", is_seen)

    def test_v05_a_missing_file(self):
        """But for those that begin or end a level, and for snapshots: that is what retention leaves."""
        def is_seen(keys, number):
            level = keys[number].rpartition("/")[0]
            inner = 0 < number < len(keys) - 1 and all(keys[n].startswith(level + "/") for n in (number - 1, number + 1))
            return inner and level != "ltx/9"
        self.check_deletions("edges-v05", "edges.sqlite3", is_seen)

    def test_v05_a_hole_between_levels(self):
        """Where level 0 begins, a higher one has to have ended."""
        config, (copy,) = self.copies(self.fixture("rails-v05") / "replica/production.sqlite3", 1)
        for path in [*(copy / "ltx/0").iterdir(), *(copy / "ltx/1").iterdir()]:
            least, most = (int(number, 16) for number in path.stem.split("-"))
            if 0x9D <= least and most <= 0xA3 or path.parent.name == "1" and most > 0x9C:
                path.unlink()
        problems = self.reports("-config", config)["0.db"]["problems"]
        self.assertRegex(problems[0], V05 + r"0/0{14}9d-0{14}a3.ltx is missing, or several files that hold these TXIDs$")


class LargeObjects(VerifyTest):
    """Of more than is ever in memory at once: read piece by piece."""

    def setUp(self):
        super().setUp()
        write_backup(self.folder / "backup", 4, indexes=1, page_size=4096, filling=9 << 20)
        self.ltx = write_snapshot(self.folder / "backup/ltx.db", self.folder / "backup/source.db", 7, 1_700_000_000_000)
        for name in ("source.db", "source.db-wal", "source.db-shm"):
            (self.folder / "backup" / name).unlink(missing_ok=True)
        self.url = f"file://{self.folder}/backup"

    def test_they_are_read_whole(self):
        stored = sum(path.stat().st_size for path in (self.folder / "backup").rglob("*") if path.is_file())
        reports = self.reports(self.url).values()
        self.assertEqual([report["problems"] for report in reports], [[], []])
        self.assertEqual(sum(report["bytes"] for report in reports), stored)

    def test_a_flipped_bit(self):
        """Where the page cache of a mount would not have looked: the database was read from the cache before."""
        self.reports(self.url)
        snapshot = next((self.folder / "backup").rglob("*.snapshot.lz4"))
        for path in (self.ltx, snapshot):
            flip(path)
        problems = sum((report["problems"] for report in self.reports(self.url).values()), [])
        for path in (self.ltx, snapshot):
            self.assertTrue(any(f"{path} is damaged" in problem for problem in problems), problems)

    def test_a_name_that_lies(self):
        self.ltx.rename(self.ltx.with_name(f"{1:016x}-{8:016x}.ltx"))
        self.assertRegex(self.reports(self.url)["ltx.db"]["problems"][0], "its header tells other TXIDs than its name$")


if __name__ == "__main__":
    main()
