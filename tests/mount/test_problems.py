"""One broken entry of a configuration, beside a sound one: it has a reason, and blocks nothing."""

import json
import os

from make_backup import write_backup
from mounting import MountTest, main, sha256

SOUND = "dbs:\n  - path: /srv/a.db\n    replicas: [{{path: {backup}}}]\n"
# What is wrong -> the entry, and what the reason says.
BROKEN = {
    "an unset bucket": ("  - {path: /srv/b.db, replicas: [{type: s3, bucket: '${NOT_SET}', path: b}]}", "bucket"),
    "an unset URL": ("  - {path: /srv/b.db, replicas: [{url: '${NOT_SET}'}]}", "dbs[1].replicas[0].path"),
    "an unknown type": ("  - {path: /srv/b.db, replicas: [{type: minio, bucket: b}]}", 'unknown replica type "minio"'),
    "a bad URL": ("  - {path: /srv/b.db, replica: {url: 's3:/b/x'}}", "a replica URL begins with its type"),
    "a bad endpoint": ("  - {path: /srv/b.db, replicas: [{type: s3, bucket: b, endpoint: 'https://h/x y'}]}", "an endpoint is a host"),
    "no bucket's name": ("  - {path: /srv/b.db, replicas: [{type: s3, bucket: 'a/b'}]}", "this can't be a bucket's name"),
    "replica and replicas": ("  - {path: /srv/b.db, replica: {path: /x}, replicas: [{path: /y}]}", "one of both must go"),
    "no mapping": ("  - {path: /srv/b.db, replicas: [text]}", "dbs[1].replicas[0]"),
}


class Broken(MountTest):
    def setUp(self):
        super().setUp()
        self.states = write_backup(self.folder / "one", 1, indexes=1)
        self.sum = self.states[-1][2]
        self.environment = {"XDG_CACHE_HOME": str(self.folder / "cache")}

    def write(self, entry):
        config = self.folder / "litestream.yml"
        config.write_text(SOUND.format(backup=self.folder / "one/large.db") + entry + "\n", "utf-8")
        return config

    def run_verb(self, *arguments):
        return self.run_litemount(*arguments, environment=self.environment)

    def check_restores(self, config, reason):
        one, all_of_them = self.folder / "one.db", self.folder / "all"
        done = self.run_verb("restore", "-config", config, "-force", "-o", one, "/srv/a.db")
        self.assertEqual((done.returncode, sha256(one)), (0, self.sum), done.stderr)
        done = self.run_verb("restore", "-config", config, "-force", "-all", "-o", all_of_them)
        self.assertEqual((done.returncode, sha256(all_of_them / "a.db")), (1, self.sum), done.stderr)
        self.assertIn(reason, done.stderr)
        self.assertIn("1 of 2 databases were not restored", done.stderr)
        done = self.run_verb("restore", "-config", config, "-o", self.folder / "b.db", "/srv/b.db")
        self.assertEqual(done.returncode, 1)
        self.assertIn(reason, done.stderr)

    def test_command_line(self):
        for name, (entry, reason) in BROKEN.items():
            with self.subTest(name):
                config = self.write(entry)
                self.check_restores(config, reason)
                done = self.run_verb("databases", "-config", config, "-json")
                self.assertEqual([row["path"] for row in json.loads(done.stdout)], ["/srv/a.db", "/srv/b.db"])
                for verb in ("generations", "snapshots", "wal", "points"):
                    self.assertEqual(self.run_verb(verb, "-config", config, "/srv/a.db").returncode, 0)
                    done = self.run_verb(verb, "-config", config, "/srv/b.db")
                    self.assertEqual(done.returncode, 1)
                    self.assertIn(reason, done.stderr)

    def test_verify(self):
        config = self.write(BROKEN["an unset bucket"][0])
        done = self.run_verb("verify", "-config", config, "-json")
        reports = {report["name"]: report for report in json.loads(done.stdout)}
        self.assertEqual((done.returncode, reports["a.db"]["problems"]), (1, []))
        self.assertIn("an s3 replica needs a bucket", " ".join(reports["b.db"]["problems"]))

    def test_mount(self):
        for number, (entry, reason) in enumerate(BROKEN.values()):
            with self.subTest(entry):
                tree = self.mount(self.write(entry), point=f"mnt{number}")
                self.assertEqual(sorted(os.listdir(tree / "latest")), ["a.db", "b.db"])
                self.assertEqual(sha256(tree / "latest/a.db"), self.sum)
                with self.assertRaises(OSError):
                    os.stat(tree / "latest/b.db")
                self.assertIn(reason, tree.log())

    def test_an_entry_without_a_path(self):
        config = self.write("  - {path: '${NOT_SET}', replicas: [{path: /nowhere}]}")
        done = self.run_verb("restore", "-config", config, "-all", "-o", self.folder / "all")
        self.assertEqual((done.returncode, sha256(self.folder / "all/a.db")), (1, self.sum), done.stderr)
        self.assertIn("dbs[1]: ", done.stderr)
        self.assertIn("/srv/a.db", self.run_verb("databases", "-config", config).stdout)
        done = self.run_verb("restore", "-config", config, "-o", self.folder / "a.db", "/srv/a.db")
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_a_folder_of_databases(self):
        for entry in ("  - {dir: /srv/t, pattern: '*.db', replicas: [{type: s3, bucket: '${NOT_SET}'}]}",
                      "  - {dir: /srv/t, replicas: [{path: /nowhere}]}"):
            with self.subTest(entry):
                config = self.write(entry)
                done = self.run_verb("restore", "-config", config, "-force", "-all", "-o", self.folder / "all")
                self.assertEqual((done.returncode, sha256(self.folder / "all/a.db")), (1, self.sum), done.stderr)
                self.assertIn("not all databases could be found", done.stderr)
                done = self.run_verb("verify", "-config", config, "-json")
                self.assertEqual((done.returncode, len(json.loads(done.stdout))), (1, 2), done.stderr)
                tree = self.mount(config, point=f"mnt{len(entry)}")
                self.assertEqual(os.listdir(tree / "latest"), ["a.db"])

    def test_a_sound_replica_beside_a_broken_one(self):
        config = self.folder / "litestream.yml"
        config.write_text("dbs:\n  - path: /srv/a.db\n    replicas:\n      - {type: tape, name: old}\n"
                          f"      - {{path: {self.folder / 'one/large.db'}}}\n", "utf-8")
        done = self.run_verb("restore", "-config", config, "-o", self.folder / "a.db", "/srv/a.db")
        self.assertEqual((done.returncode, sha256(self.folder / "a.db")), (0, self.sum), done.stderr)
        done = self.run_verb("restore", "-config", config, "-replica", "old", "-o", self.folder / "b.db", "/srv/a.db")
        self.assertEqual(done.returncode, 1)
        self.assertIn('unknown replica type "tape"', done.stderr)

    def test_an_identity_that_is_none(self):
        config = self.write("  - {path: /srv/b.db, replicas: [{path: /nowhere, age: {identities: [AGE-SECRET-KEY-1XYZ]}}]}")
        done = self.run_verb("restore", "-config", config, "-o", self.folder / "a.db", "/srv/a.db")
        self.assertEqual((done.returncode, sha256(self.folder / "a.db")), (0, self.sum), done.stderr)

    def test_nothing_sound_at_all(self):
        config = self.folder / "litestream.yml"
        config.write_text("dbs:\n" + BROKEN["an unset bucket"][0] + "\n", "utf-8")
        for arguments in (("restore", "-config", config, "-all", "-o", self.folder / "all"), (config, self.folder)):
            done = self.run_verb(*arguments)
            self.assertEqual(done.returncode, 1)
            self.assertIn(f"{config}:2: dbs[0].replicas[0].bucket: an s3 replica needs a bucket", done.stderr)


if __name__ == "__main__":
    main()
