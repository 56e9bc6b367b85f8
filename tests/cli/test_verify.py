"""litemount verify: what is whole passes, and what is not fails by the name of what is wrong."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "mount"))
from make_backup import GENERATION, write_backup, write_empty  # noqa: E402 (shared with the tests that mount)
from make_ltx import write_snapshot  # noqa: E402
from mounting import LITEMOUNT, SLOWNESS, MountTest, main, wait_until  # noqa: E402
from replicas import instant  # noqa: E402
from stores import Bucket, S3Layout, ltx_times, s3_config, to_s3_layout  # noqa: E402

OTHER_IDENTITY = "AGE-SECRET-KEY-1EGTZVFFV20835NWYV6270LXYVK2VKNX2MMDKWYKLMGR48UAWX40Q2P2LM0"  # of age's own test vectors

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


class VerifyTest(MountTest):
    """Runs the verb, with a cache of its own."""

    def verify(self, *arguments, fixture=None, **environment):
        environment["XDG_CACHE_HOME"] = str(self.folder / "cache")
        if fixture:
            environment["FIXTURE"] = str(fixture)
            arguments = ("-config", fixture / "litestream.yml", *arguments)
        return self.run_litemount("verify", *arguments, environment=environment)

    def reports(self, *arguments, **settings):
        """name -> what was reported as JSON. The exit status is that of the reports."""
        done = self.verify("-json", *arguments, **settings)
        reports = json.loads(done.stdout)
        for report in reports:
            self.assertEqual(report["ok"], not report["problems"])
        self.assertEqual(done.returncode, 0 if all(report["ok"] for report in reports) else 1, done.stderr)
        return {report["name"]: report for report in reports}

    def assert_problems(self, report, patterns):
        problems = report["problems"]
        self.assertEqual(len(problems), len(patterns), problems)
        for problem, pattern in zip(problems, patterns):
            self.assertRegex(problem, "^" + pattern)

    def copies(self, replica, count):
        """That many copies of a replica, and a configuration for them; object times and all."""
        folder = self.folder / "copies"
        lines = ["dbs:"]
        for number in range(count):
            shutil.copytree(replica, folder / f"{number}.db")
            lines += [f"  - path: /data/{number}.db", f"    replicas: [{{path: '{folder}/{number}.db'}}]"]
        config = self.folder / "copies.yml"
        config.write_text("\n".join(lines) + "\n", "utf-8")
        return config, [folder / f"{number}.db" for number in range(count)]


def objects_of(replica):
    """The keys of a replica's objects, in their order."""
    return sorted(os.fspath(path.relative_to(replica)) for path in replica.rglob("*") if path.is_file())


def flip(path):
    """One bit in the middle, and nobody sees it by size or time."""
    status, content = path.stat(), bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x10
    path.write_bytes(content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


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


class States(VerifyTest):
    def test_the_state_that_is_asked_for(self):
        """The row that others refer to was deleted in the last segment."""
        folder = self.fixture("unsound-v03")
        latest = self.reports("orphans.db", fixture=folder)["orphans.db"]
        before = instant(latest["time"]) - 1
        arguments = ("-timestamp", f"@{before // 10**9}.{before % 10**9:09}", "orphans.db")
        report = self.reports(*arguments, fixture=folder)["orphans.db"]
        self.assert_problems(report, [])
        self.assertEqual((report["generation"], report["position"]), (latest["generation"], "00000000/00004080"))
        self.assertEqual((report["objects"], report["bytes"]), (latest["objects"], latest["bytes"]))
        done = self.verify("-timestamp", "2020-01-01", fixture=folder)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stdout, r"FAILED  orphans.db: no restore point as early as 2020-01-01T00:00:00Z; the first is 20")

    def test_quick(self):
        reports = self.reports("-quick", fixture=self.fixture("unsound-v03"))
        self.assert_problems(reports["unindexed.db"], [])
        self.assertRegex(reports["orphans.db"]["notes"][0], "^foreign_key_check: violations: 1, .* row 2 of books refers to no row of authors$")

    def test_a_backup_that_has_gone_stale(self):
        folder = self.fixture("frames-v05")
        config, copies = self.copies(folder / "replica/f4096.db", 2)
        now = time.time_ns()
        for copy, age in zip(copies, (1800, 7200)):
            files = sorted((path for path in copy.rglob("*") if path.is_file()), key=lambda path: path.stat().st_mtime_ns)
            for number, path in enumerate(files):
                moment = now - age * 10**9 - (len(files) - number) * 10**9
                os.utime(path, ns=(moment, moment))
        reports = self.reports("-config", config, "-newer-than", "1h30m")
        self.assert_problems(reports["0.db"], [])
        self.assert_problems(reports["1.db"], [r"stale: the newest restore point, of \S+Z, is 2h\d+m\d+s old$"])
        past = ("-timestamp", "115m-ago")  # what is asked for does not count
        self.assertTrue(self.reports("-config", config, *past, "-newer-than", "1h", "0.db")["0.db"]["problems"][0]
                        .startswith("no restore point as early as"))
        self.assert_problems(self.reports("-config", config, "-timestamp", "now", "-newer-than", "2d", "1.db")["1.db"], [])

    def test_wrong_usage(self):
        for arguments in (("-newer-than", "soon"), ("-newer-than", "0s"), ("-timestamp", "then"), ("-what",),
                          ("-config", "x.yml", "file:///x"), ("",)):
            with self.subTest(arguments):
                done = self.verify(*arguments)
                self.assertEqual((done.returncode, done.stdout, len(done.stderr.splitlines())), (2, "", 1), done.stderr)

    def test_another_identity(self):
        folder = self.fixture("age-v03")
        config = folder / "litestream.yml"
        text = config.read_text("utf-8")
        config.write_text(re.sub(r"AGE-SECRET-KEY-1\w+", OTHER_IDENTITY, text), "utf-8")
        done = self.verify(fixture=folder)
        self.assertEqual(done.returncode, 1)
        self.assertIn(".lz4 is encrypted with age for another identity than the configuration's", done.stdout)
        self.assertNotIn("AGE-SECRET", done.stdout + done.stderr)

    def test_a_folder_of_backups_needs_no_configuration(self):
        folder = self.fixture("pagesizes-v03")
        for source in (f"file://{folder}/replica", f"{folder}/replica"):
            reports = self.reports(source)
            self.assertEqual(sorted(reports), ["big.db", "p1024.db", "p512.db", "p65536.db", "p8192.db"])
            self.assertEqual({report["path"] for report in reports.values()}, {None})

    def test_a_url_that_leads_nowhere(self):
        """Those that follow are verified too, and what is secret in it is not shown."""
        folder = self.fixture("frames-v05") / "replica"
        nowhere = f"file://{self.folder}/none"
        bucket = Bucket(folder)
        self.addCleanup(bucket.close)
        bucket.fault("403")
        refused = f"s3://key:hidden@bucket/x?endpoint={bucket.endpoint}"
        reports = self.reports(nowhere, refused, f"file://{folder}")
        self.assertEqual(list(reports), [nowhere, "s3://bucket/x", *sorted(os.listdir(folder))])
        self.assert_problems(reports[nowhere], [r"/\S+/none: No such file or directory"])
        self.assert_problems(reports["f512.db"], [])

    def test_few_files_may_be_open(self):
        """Fewer than there are databases whose pages are cached."""
        replica = next((self.fixture("pagesizes-v03") / "replica").glob("p512.db"))
        self.copies(replica, 80)
        done = subprocess.run(["bash", "-c", 'ulimit -n 64 && exec "$@"', "-", LITEMOUNT, "verify", "-quick", f"file://{self.folder}/copies"],
                              env={**os.environ, "XDG_CACHE_HOME": str(self.folder / "cache")}, capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stdout.count("ok  ")), (0, 80), done.stderr[-500:])

    def test_no_backup_is_one_problem(self):
        config = self.folder / "none.yml"
        (self.folder / "none").mkdir()
        config.write_text(f"dbs:\n  - path: /data/x.db\n    replica:\n      path: '{self.folder}/none'\n", "utf-8")
        self.assert_problems(self.reports("-config", config)["x.db"], [r"no backup found at \S+/none: nothing is there"])

    def test_an_application_that_began_anew(self):
        fixture = self.fixture("rails-v03")
        write_empty(fixture / "replica/production.sqlite3")
        done = self.verify(fixture=fixture)
        self.assertEqual(done.returncode, 0)
        self.assertEqual(done.stdout.count("ok  "), 4)
        self.assertRegex(done.stderr, rf"production.sqlite3: as of \S+, in generation {GENERATION}: it has no tables\n$")
        warnings = {name: report["warning"] for name, report in self.reports(fixture=fixture).items()}
        self.assertEqual([name for name, warning in warnings.items() if warning], ["production.sqlite3"])

    def test_every_replica_counts(self):
        replica = self.fixture("frames-v05") / "replica/f512.db"
        _, copies = self.copies(replica, 2)
        flip(copies[1] / objects_of(copies[1])[2])
        config = self.folder / "two.yml"
        config.write_text(f"dbs:\n  - path: /data/x.db\n    replicas:\n      - {{name: near, path: '{copies[0]}'}}\n"
                          f"      - {{name: far, path: '{copies[1]}'}}\n      - {{name: none, path: '{self.folder}/none'}}\n", "utf-8")
        report = self.reports("-config", config)["x.db"]
        self.assert_problems(report, [r"\S+/1.db/ltx/\S+.ltx is damaged", r"no backup found at \S+/none: nothing is there"])
        self.assertEqual(report["objects"], 2 * len(objects_of(replica)))
        self.assert_problems(self.reports("-config", config, "-replica", "near")["x.db"], [])


class Stores(VerifyTest):
    """From S3, where objects are read in order to be seen, whatever the cache holds."""

    def serve(self, name):
        folder = self.fixture(name)
        metadata = ltx_times(folder / "replica")
        to_s3_layout(folder / "replica")
        metadata = {re.sub(r"/ltx/(\d)/", lambda match: f"/{int(match[1]):04x}/", key): value for key, value in metadata.items()}
        self.bucket = Bucket(folder / "replica", metadata=metadata)
        self.addCleanup(self.bucket.close)
        names = sorted(path.name for path in (folder / "replica").iterdir())
        return s3_config(self.folder / "s3.yml", self.bucket.endpoint, self.bucket.bucket, names)

    def check(self, name):
        config = self.serve(name)
        for _ in range(2):
            before = len(self.bucket.object_requests())
            for report in self.reports("-config", config).values():
                self.assert_problems(report, [])
            fetched = {key for key, _ in self.bucket.object_requests()[before:]}
            self.assertEqual(fetched, set(objects_of(self.bucket.folder)))

    def test_every_object_is_read_every_time(self):
        self.check("edges-v03")

    def test_v05_every_object_is_read_every_time(self):
        self.check("frames-v05")

    def test_v05_as_it_was_written_to_s3(self):
        """However the path was written: its objects are found, and nothing is missing between them."""
        layout = S3Layout(self.fixture("s3layout-v05"))
        servers, config = layout.serve()
        for server in servers:
            self.addCleanup(server.close)
        reports = self.reports("-config", config).values()
        self.assertEqual([report["problems"] for report in reports], [[]] * len(layout.names))
        self.assertEqual(sum(report["objects"] for report in reports), len(layout.rows))

    def test_an_object_that_comes_damaged(self):
        """On its way, which is nothing against the backup; and as it is kept."""
        config = self.serve("edges-v03")
        self.bucket.fault("flip", times=1, on="object")
        self.assert_problems(self.reports("-config", config)["edges.sqlite3"], [])
        path = max(self.bucket.folder.rglob("*.wal.lz4"))
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
        self.assert_problems(self.reports("-config", config)["edges.sqlite3"],
                             [r"s3://\S+\.lz4 is damaged", "the newest state that can be restored is of .* is damaged"])

    def test_a_store_that_lets_nobody_read(self):
        """It is asked a few times, and not for every object."""
        config = self.serve("edges-v03")
        self.bucket.fault("403", on="object")
        report = self.reports("-config", config)["edges.sqlite3"]
        self.assertTrue(any("not verified: " in problem for problem in report["problems"]), report["problems"])
        self.assertEqual(report["objects"], 0)
        refused = [request for request in self.bucket.requests if request["status"] == 403]
        self.assertLess(len(refused), len(objects_of(self.bucket.folder)))

    def test_an_object_that_is_listed_but_not_there(self):
        config = self.serve("frames-v05")
        self.bucket.fault("404", times=1, on="object")
        reports = self.reports("-config", config).values()
        self.assertEqual(sum((report["problems"] for report in reports), [])[0].partition(".ltx ")[2],
                         "is listed, but what was listed can't be read")

    def start(self, config):
        """It verifies, and goes on."""
        environment = {**os.environ, "XDG_CACHE_HOME": str(self.folder / "cache")}
        return self.processes.start([LITEMOUNT, "verify", "-json", "-config", config], env=environment, text=True,
                                    stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def wait_for_request(self, key, after=0):
        wait_until(lambda: any(request["key"] == key for request in self.bucket.requests[after:]), 30, "asking for it")

    def test_what_retention_deletes_meanwhile(self):
        """The first snapshot goes while it is asked for. What led on from it was deleted before, and is not missed."""
        config = self.serve("edges-v05")
        replica = self.bucket.folder / "edges.sqlite3"
        first, second, *_ = sorted((replica / "0009").iterdir())
        for path in replica.glob("000[0-8]/*"):
            if int(path.stem[17:], 16) < int(second.stem[17:], 16):
                path.unlink()
        self.assertRegex(self.reports("-config", config)["edges.sqlite3"]["problems"][0], r"\S+ is missing")
        self.bucket.fault("slow", on="object", seconds=1)
        before = len(self.bucket.requests)
        process = self.start(config)
        self.wait_for_request(f"edges.sqlite3/0009/{first.name}", before)
        first.unlink()
        self.bucket.heal()
        output, errors = process.communicate(timeout=60 * SLOWNESS)
        self.assertEqual((process.returncode, errors), (0, ""), output)
        self.assertEqual(json.loads(output)[0]["objects"], len(objects_of(self.bucket.folder)))

    def test_what_was_deleted_since_it_was_verified(self):
        """A large folder's listing is kept for a while. It does not count here: what is gone is a hole."""
        write_backup(self.folder / "backup", 1500)
        self.bucket = Bucket(self.folder / "backup")
        self.addCleanup(self.bucket.close)
        config = s3_config(self.folder / "s3.yml", self.bucket.endpoint, self.bucket.bucket, ["large.db"])
        self.assert_problems(self.reports("-config", config)["large.db"], [])
        gone = sorted((self.folder / "backup/large.db").rglob("*.wal.lz4"))[200]
        gone.unlink()
        problems = self.reports("-config", config)["large.db"]["problems"]
        self.assertRegex(problems[0], rf"/{gone.name} is missing$")

    def test_what_changes_meanwhile(self):
        """Litestream v0.5 sets the time of a file in a folder when it is there already."""
        config = self.serve("edges-v05")
        newest = sorted((self.bucket.folder / "edges.sqlite3/0000").iterdir())[-1]
        self.bucket.fault("slow", on="object", seconds=1)
        process = self.start(config)
        self.wait_for_request(os.fspath(newest.relative_to(self.bucket.folder)))
        os.utime(newest, ns=(1, newest.stat().st_mtime_ns + 1))
        self.bucket.heal()
        output, errors = process.communicate(timeout=60 * SLOWNESS)
        self.assertEqual((process.returncode, errors), (0, ""), output)
        self.assertEqual(json.loads(output)[0]["objects"], len(objects_of(self.bucket.folder)))

    def test_an_interruption(self):
        config = self.serve("edges-v05")
        self.bucket.fault("silent", on="object")
        process = self.start(config)
        self.wait_for_request(objects_of(self.bucket.folder)[0])
        process.terminate()
        output, errors = process.communicate(timeout=20 * SLOWNESS)
        self.assertEqual((process.returncode, json.loads(output), errors), (1, [], "litemount: error: interrupted\n"))


if __name__ == "__main__":
    main()
