"""A second replica: for what the first has lost, does not have yet, or does not tell. What restores make of several is in
tests/cli/test_replicas.py."""

import os
import shutil
import socket
import time

from make_backup import GENERATION, write_backup
from mounting import ROOT, SLOWNESS, MountTest, main, sha256
from states import read_lines
from stores import Bucket

NAME = "large.db"


class SecondReplica(MountTest):
    """It is whole, and the first is not."""

    def setUp(self):
        super().setUp()
        self.right = write_backup(self.folder / "backup", 30, indexes=3)[-1][2]
        self.first = self.folder / "first"
        self.config = self.folder / "litestream.yml"
        self.config.write_text(f"dbs:\n  - path: /data/{NAME}\n    replicas:\n      - path: {self.first}\n"
                               f"      - path: {self.folder / 'backup' / NAME}\n", "utf-8")

    def check(self):
        self.assertEqual(sha256(self.mount(self.config) / "latest" / NAME), self.right)

    def test_the_first_is_gone(self):
        self.check()

    def test_the_first_is_empty(self):
        (self.first / "generations").mkdir(parents=True)
        self.check()

    def test_the_first_has_folders_only(self):
        for kind in ("snapshots", "wal"):
            (self.first / "generations" / GENERATION / kind).mkdir(parents=True)
        self.check()

    def test_the_first_has_only_damaged_snapshots(self):
        shutil.copytree(self.folder / "backup" / NAME, self.first)
        (self.first / "generations" / GENERATION / "snapshots/00000000.snapshot.lz4").write_bytes(b"")
        self.check()


class Mounted(MountTest):
    """Two of a database that began a new generation: one was not written to any more by then."""

    name, newer, older = "production.sqlite3", "8ad8a83282ca8351", "b529763c7f283888"

    def setUp(self):
        super().setUp()
        self.whole = self.fixture("rails-v03") / "replica" / self.name
        self.stale = self.folder / "stale"
        shutil.copytree(self.whole, self.stale)
        shutil.rmtree(self.stale / "generations" / self.newer)
        lines = [line for line in read_lines(ROOT / "tests/data/fixtures/rails-v03.expected.tsv") if line.database == self.name]
        self.latest = next(line.file.sha256 for line in lines if line.selector == "latest")
        self.last_of_older = next(line.file.sha256 for line in lines if line.argument == self.older)

    def configure(self, first):
        config = self.folder / "litestream.yml"
        config.write_text(f"dbs:\n  - path: /data/{self.name}\n    replicas:\n      - {{name: one, {first}}}\n"
                          f"      - {{name: two, path: {self.whole}}}\n", "utf-8")
        return config

    def check(self, mount, sha, replica):
        file = mount / "latest" / self.name
        self.assertEqual(sha256(file), sha)
        self.assertEqual(os.getxattr(file, "user.litemount.replica").decode(), f"file://{replica}")

    def test_the_one_that_was_updated_last_answers(self):
        mount = self.mount(self.configure(f"path: {self.stale}"), "refresh=0")
        for _ in range(2):
            self.check(mount, self.latest, self.whole)
        self.assertEqual(mount.log().count("is passed over: it is "), 1, mount.log())
        self.assertEqual(set(os.listdir(mount / "databases" / self.name / "generations")), {self.newer, self.older})
        for folder, _, files in os.walk(mount / "databases" / self.name / "generations"):
            for file in files if "/points" in folder else ():
                os.getxattr(os.path.join(folder, file), "user.litemount.time")

    def test_one_is_asked_for(self):
        mount = self.mount(self.configure(f"path: {self.stale}"), "replica=one")
        self.check(mount, self.last_of_older, self.stale)

    def test_one_that_is_written_to_again(self):
        mount = self.mount(self.configure(f"path: {self.stale}"), "refresh=0")
        self.check(mount, self.latest, self.whole)
        shutil.copytree(self.whole / "generations" / self.newer, self.stale / "generations" / self.newer)
        last = max((self.stale / "generations" / self.newer / "wal").iterdir())
        os.utime(last, ns=(2 * 10**18, 2 * 10**18))
        self.check(mount, self.latest, self.stale)

    def test_one_that_is_silent(self):
        listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.addCleanup(listener.close)
        config = self.configure(f"url: 's3://b/p?endpoint=http://127.0.0.1:{listener.getsockname()[1]}'")
        secrets = {"LITESTREAM_ACCESS_KEY_ID": "a", "LITESTREAM_SECRET_ACCESS_KEY": "b"}
        mount = self.mount(config, "refresh=0", environment=secrets)
        for _ in range(20):
            self.check(mount, self.latest, self.whole)
        self.assertEqual(mount.log().count("is passed over: it has not answered within 5 s"), 1, mount.log())


class SlowFolder(MountTest):
    """A folder of databases, of which one is held only by a replica that takes its time with every answer."""

    def test_a_late_answer_counts(self):
        whole = self.fixture("rails-v03") / "replica/production.sqlite3"
        shutil.copytree(whole, self.folder / "first/a.db")
        shutil.copytree(whole, self.folder / "second/b.db")
        bucket = Bucket(self.folder / "second")
        self.addCleanup(bucket.close)
        config = self.folder / "folder.yml"
        config.write_text(f"access-key-id: a\nsecret-access-key: b\ndbs:\n  - dir: /data\n    pattern: '*.db'\n    replicas:\n"
                          f"      - path: {self.folder}/first\n"
                          f"      - {{type: s3, bucket: bucket, endpoint: '{bucket.endpoint}', region: us-east-1}}\n", "utf-8")
        bucket.delay = 6
        mount = self.mount(config, "refresh=0")
        deadline = time.monotonic() + 60 * SLOWNESS
        while set(os.listdir(mount / "latest")) != {"a.db", "b.db"}:
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.5)


if __name__ == "__main__":
    main()
