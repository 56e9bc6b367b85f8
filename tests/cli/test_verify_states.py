"""litemount verify: which state it checks, of which replicas, and what it says of them."""

import os
import re
import subprocess
import time

from running import LITEMOUNT, main
from make_backup import GENERATION, write_empty
from replicas import instant
from stores import Bucket
from verifying import VerifyTest, flip, objects_of

OTHER_IDENTITY = "AGE-SECRET-KEY-1EGTZVFFV20835NWYV6270LXYVK2VKNX2MMDKWYKLMGR48UAWX40Q2P2LM0"  # of age's own test vectors


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


if __name__ == "__main__":
    main()
