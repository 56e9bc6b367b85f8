"""Several replicas of one database: the one that was updated last answers, as Litestream 0.3.13 has it, and what only
another one holds comes from that one. The bytes are those that the real program restored of a whole replica."""

import json
import os
import pathlib
import shutil
import socket

from running import ROOT, VerbTest, main
import states
from mounting import sha256
from stores import Bucket

NAME = "production.sqlite3"
NEWER, OLDER = "8ad8a83282ca8351", "b529763c7f283888"
LINES = [line for line in states.read_lines(ROOT / "tests/data/fixtures/rails-v03.expected.tsv") if line.database == NAME]


class Replicas(VerbTest):
    def setUp(self):
        super().setUp()
        self.whole = self.fixture("rails-v03") / "replica" / NAME
        self.latest = next(line.file.sha256 for line in LINES if line.selector == "latest")
        self.older = next(line.file.sha256 for line in LINES if line.argument == OLDER)

    def copy(self, name, without=None):
        """Another replica; times and all."""
        folder = self.folder / name
        shutil.copytree(self.whole, folder)
        if without:
            shutil.rmtree(folder / "generations" / without)
        return folder

    def configure(self, **replicas):
        lines = [f"      - {{name: {name}, {f'path: {place}' if isinstance(place, pathlib.Path) else place}}}\n"
                 for name, place in replicas.items()]
        config = self.folder / "litestream.yml"
        config.write_text(f"dbs:\n  - path: /data/{NAME}\n    replicas:\n{''.join(lines)}", "utf-8")
        self.environment["LITESTREAM_CONFIG"] = str(config)

    def restore(self, *arguments):
        target = self.folder / "restored.db"
        result = self.run_verb("restore", "-force", "-o", target, *arguments, f"/data/{NAME}")
        self.assertEqual(result.returncode, 0, result.stderr)
        return sha256(target), result.stderr

    def listed(self, verb, *arguments):
        result = self.run_verb(verb, "-json", *arguments)
        self.assertEqual(result.returncode, 0, result.stderr)
        return json.loads(result.stdout)

    def assert_all_times(self):
        """What the real program restored of the whole replica, at a few of its instants."""
        for line in [line for line in LINES if line.selector == "time" and line.file][::6]:
            self.assertEqual(self.restore("-timestamp", line.argument)[0], line.file.sha256, line.argument)

    def assert_all_points(self):
        """Those of the whole replica, with their positions."""
        self.assertEqual(self.listed("points", f"/data/{NAME}"), self.listed("points", f"file://{self.whole}"))


class Stale(Replicas):
    """One was not written to any more when the database began a new generation."""

    def setUp(self):
        super().setUp()
        self.stale = self.copy("stale", without=NEWER)

    def test_the_one_that_was_updated_last_answers(self):
        for order in (("stale", "whole"), ("whole", "stale")):
            self.configure(**{name: getattr(self, name) for name in order})
            got, said = self.restore()
            self.assertEqual(got, self.latest)
            self.assertRegex(said, f"replica file://{self.stale} is passed over: it is [0-9]+ \\w+ behind file://{self.whole}")
            self.assert_all_points()
        self.assert_all_times()

    def test_a_generation_that_only_one_holds(self):
        short = self.copy("short", without=OLDER)
        self.configure(stale=self.stale, short=short)
        self.assertEqual(self.restore("-generation", NEWER)[0], self.latest)
        self.assertEqual(self.restore("-generation", OLDER)[0], self.older)
        self.assert_all_times()
        self.assert_all_points()

    def test_one_is_asked_for(self):
        self.configure(stale=self.stale, whole=self.whole)
        got, said = self.restore("-replica", "stale")
        self.assertEqual((got, "passed over" in said), (self.older, False))
        for verb in ("generations", "snapshots", "wal"):
            rows = self.listed(verb, "-replica", "stale", f"/data/{NAME}")
            self.assertEqual({row["generation"] for row in rows}, {OLDER}, verb)
        self.assertEqual({row["generation"] for row in self.listed("points", "-replica", "stale", f"/data/{NAME}")}, {OLDER})

    def test_who_answers_is_told(self):
        self.configure(stale=self.stale, whole=self.whole)
        result = self.run_verb("databases")
        self.assertIn(f"{NAME}: replica whole answers", result.stderr)
        self.assertEqual(self.listed("databases")[0]["answers"], "whole")
        self.assertIn("is passed over: it is ", result.stderr)
        report = self.listed("verify")[0]
        self.assertEqual((report["ok"], report["replica"]), (True, f"file://{self.whole}"))
        self.assertEqual(len(report["passed_over"]), 1)
        self.assertIn(f"file://{self.stale}", report["passed_over"][0])
        self.assertEqual(report["objects"], sum(1 for folder in (self.stale, self.whole) for _ in folder.rglob("*.lz4")))

    def test_a_folder_of_databases(self):
        """Each may hold some that the others don't."""
        for name, databases in (("first", ("a.db",)), ("second", ("a.db", "b.db"))):
            for database in databases:
                shutil.copytree(self.stale if name == "first" else self.whole, self.folder / name / database)
        config = self.folder / "folder.yml"
        config.write_text(f"dbs:\n  - dir: /data\n    pattern: '*.db'\n    replicas:\n"
                          f"      - path: {self.folder}/first\n      - path: {self.folder}/second\n", "utf-8")
        result = self.run_verb("restore", "-config", config, "-all", "-o", self.folder / "all")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual({path.name: sha256(path) for path in (self.folder / "all").iterdir()},
                         {"a.db": self.latest, "b.db": self.latest})


class SlowFolder(Replicas):
    """A folder of databases, of which one is held only by a replica that takes its time with every answer."""

    def setUp(self):
        super().setUp()
        shutil.copytree(self.whole, self.folder / "first/a.db")
        shutil.copytree(self.whole, self.folder / "second/b.db")
        self.bucket = Bucket(self.folder / "second")
        self.addCleanup(self.bucket.close)
        self.config = self.folder / "folder.yml"
        self.config.write_text(f"dbs:\n  - dir: /data\n    pattern: '*.db'\n    replicas:\n      - path: {self.folder}/first\n"
                               f"      - {{type: s3, bucket: bucket, endpoint: '{self.bucket.endpoint}', region: us-east-1}}\n",
                               "utf-8")
        self.environment.update(LITESTREAM_ACCESS_KEY_ID="a", LITESTREAM_SECRET_ACCESS_KEY="b")

    def restore_all(self):
        result = self.run_verb("restore", "-config", self.config, "-all", "-o", self.folder / "all", seconds=200)
        return result, {path.name: sha256(path) for path in (self.folder / "all").iterdir()}

    def test_all_waits_for_it(self):
        self.bucket.delay = 6
        result, restored = self.restore_all()
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(restored, {"a.db": self.latest, "b.db": self.latest})

    def test_all_is_not_all_without_it(self):
        self.bucket.fault("403")
        result, restored = self.restore_all()
        self.assertEqual((result.returncode, restored), (1, {"a.db": self.latest}))
        self.assertIn("not all databases could be found: replica s3://bucket", result.stderr)


class Damaged(Replicas):
    """What is wrong with the first hides nothing of the second, and the other way round."""

    def setUp(self):
        super().setUp()
        self.first = self.copy("first")
        self.configure(first=self.first, whole=self.whole)

    def check(self):
        for first, second in ((self.first, self.whole), (self.whole, self.first)):
            self.configure(first=first, second=second)
            got, said = self.restore()
            self.assertEqual((got, "passed over" in said), (self.latest, False))
            self.assert_all_times()
            self.assert_all_points()

    def test_segments_are_missing(self):
        folder = self.first / "generations" / NEWER / "wal"
        for path in sorted(folder.iterdir())[3:9]:
            path.unlink()
        self.check()

    def test_a_segment_is_damaged(self):
        path = sorted((self.first / "generations" / NEWER / "wal").iterdir())[-2]
        times = path.stat()
        os.truncate(path, times.st_size // 2)
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
        self.check()

    def test_no_snapshots(self):
        shutil.rmtree(self.first / "generations" / NEWER / "snapshots")
        self.check()

    def test_both_lack_the_same(self):
        """Then nobody has it."""
        for folder in (self.first, self.whole):
            shutil.rmtree(folder / "generations" / NEWER / "snapshots")
        result = self.run_verb("restore", "-o", self.folder / "restored.db", f"/data/{NAME}")
        self.assertEqual(result.returncode, 1)
        self.assertIn(NEWER, result.stderr)


class Unread(Replicas):
    """A kind of store that this program can't read: its database is missing, whatever the others say."""

    def configure(self, *others):
        config = self.folder / "litestream.yml"
        lines = [f"  - path: /data/{name}\n    replicas: [{', '.join(replicas)}]\n"
                 for name, *replicas in ((NAME, f"{{path: {self.whole}}}"), *others)]
        config.write_text(f"dbs:\n{''.join(lines)}", "utf-8")
        self.environment["LITESTREAM_CONFIG"] = str(config)

    def restore_all(self):
        folder = self.folder / "restored"
        result = self.run_verb("restore", "-all", "-force", "-o", folder)
        self.assertEqual(sha256(folder / NAME), self.latest)
        return result

    def test_it_is_a_failure(self):
        self.configure(("one.db", "{url: 'gs://bucket/x'}"), ("two.db", "{url: 'nats://host/b'}", "{url: 'gs://bucket/y'}"))
        result = self.restore_all()
        self.assertEqual(result.returncode, 1, result.stderr)
        verified = self.run_verb("verify", "-quick")
        self.assertEqual(verified.returncode, 1, verified.stdout)
        self.assertIn("2 of 3 databases failed", verified.stderr)
        for says in (result.stderr, verified.stdout):
            for name, kind in (("one.db", "gs"), ("two.db", "nats")):
                self.assertIn(f"/data/{name}: replicas of type '{kind}' can't be read", says)

    def test_another_replica_is_enough(self):
        self.configure(("one.db", "{url: 'gs://bucket/x'}", f"{{path: {self.whole}}}"))
        result = self.restore_all()
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(result.stderr.count("replicas of type 'gs' can't be read"), 1, result.stderr)
        verified = self.run_verb("verify", "-quick")
        self.assertEqual(verified.returncode, 0, verified.stdout + verified.stderr)


class Silent(Replicas):
    """One takes connections and says nothing. The others are not kept waiting for it."""

    def setUp(self):
        super().setUp()
        listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.addCleanup(listener.close)
        port = listener.getsockname()[1]
        self.configure(silent=f"url: 's3://b/p?endpoint=http://127.0.0.1:{port}'", whole=self.whole)
        self.environment.update(LITESTREAM_ACCESS_KEY_ID="a", LITESTREAM_SECRET_ACCESS_KEY="b")

    def test_it_is_passed_over(self):
        got, said = self.restore()
        self.assertEqual(got, self.latest)
        self.assertEqual(said.count("is passed over: it has not answered within 5 s"), 1, said)
        self.assertEqual({row["name"] for row in self.listed("generations", f"/data/{NAME}")}, {"whole"})
        self.assertIn("replica whole answers", self.run_verb("databases").stderr)


if __name__ == "__main__":
    main()
