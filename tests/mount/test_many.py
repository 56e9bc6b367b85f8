"""Many databases below one `dir:`: each is asked about when it is looked at, and not before, and not again."""

import os
import shutil
import subprocess

from make_backup import GENERATION, write_backup
from mounting import MountTest, main, sha256
from stores import Bucket

COUNT = 80
CONFIG = """access-key-id: test:tester
secret-access-key: testing
dbs:
  - dir: /data
    pattern: "*.db"
    replica: {{type: s3, bucket: {bucket}, path: all, endpoint: '{endpoint}', region: us-east-1}}
"""


class ManyDatabases(MountTest):
    def setUp(self):
        super().setUp()
        self.states = write_backup(self.folder / "one", 1, indexes=1)
        self.names = [f"tenant{number:03d}.db" for number in range(COUNT)]
        for name in self.names:
            shutil.copytree(self.folder / "one/large.db", self.folder / "backup/all" / name)
        self.bucket = Bucket(self.folder / "backup")
        self.addCleanup(self.bucket.close)
        self.config = self.folder / "many.yml"
        self.config.write_text(CONFIG.format(bucket=self.bucket.bucket, endpoint=self.bucket.endpoint), "utf-8")

    def requests_of(self, action):
        """What `action` asked the store for: the prefix of each listing, the key of each object."""
        with self.bucket.lock:
            before = len(self.bucket.requests)
        action()
        with self.bucket.lock:
            return [request["key"] or request["query"]["prefix"] for request in self.bucket.requests[before:]]

    def mount_many(self, **settings):
        self.tree = self.mount(self.config, "refresh=3600", **settings)

    def list_latest(self):
        self.assertEqual(sorted(os.listdir(self.tree / "latest")), self.names)

    def test_a_mount_ends_its_look_at_the_first(self):
        asked = self.requests_of(self.mount_many)
        self.assertLess(len({key for key in asked if key != "all/"}), COUNT)

    def test_one_that_is_looked_at_is_looked_for_alone(self):
        self.mount_many()
        name = self.names[77]
        asked = self.requests_of(lambda: self.assertEqual(sha256(self.tree / "latest" / name), self.states[-1][2]))
        self.assertEqual([key for key in asked if not key.startswith(f"all/{name}/")], [])
        # What SQLite looks for beside it is no database's name.
        for suffix in ("-journal", "-wal"):
            self.assertEqual(self.requests_of(lambda: os.path.exists(self.tree / "latest" / f"{name}{suffix}")), [])

    def test_a_listing_of_names_asks_none_of_them(self):
        self.mount_many()
        asked = self.requests_of(self.list_latest)
        self.assertEqual([key for key in asked if "/" in key[len("all/"):].rstrip("/")], [])
        self.assertEqual(self.requests_of(self.list_latest), [])
        self.tree.unmount()
        # The next mount knows what they are.
        asked = self.requests_of(lambda: self.mount_many(point="again"))
        self.assertEqual(len([key for key in asked if key != "all/"]), 1)
        self.assertEqual(self.requests_of(self.list_latest), ["all/"])

    def test_an_instant_asks_each_once(self):
        self.mount_many()
        self.list_latest()
        folder = self.tree / "at/2030-01-01"
        asked = self.requests_of(lambda: self.assertEqual(sorted(os.listdir(folder)), self.names))
        self.assertLessEqual(len(asked), COUNT)
        self.assertEqual(self.requests_of(lambda: os.listdir(folder)), [])
        self.assertEqual(os.listdir(self.tree / "at/2001-01-01"), [])

    def test_a_long_listing_opens_all_and_nothing_twice(self):
        self.mount_many()
        self.list_latest()
        listed = subprocess.run(["ls", "-l", self.tree / "latest"], check=True, capture_output=True, text=True)
        self.assertEqual(len(listed.stdout.splitlines()), COUNT + 1)
        self.assertEqual(self.bucket.fetched_twice(), [])
        key = f"all/{self.names[0]}/generations/{GENERATION}/snapshots/00000000.snapshot.lz4"
        self.assertIn(key, [key for key, _ in self.bucket.object_requests()])

    def test_who_asks_in_order_finds_the_next_ones_opened(self):
        self.mount_many()
        self.list_latest()
        for name in self.names[10:12]:
            self.assertEqual({key.split("/")[1] for key in self.requests_of(lambda: os.stat(self.tree / "latest" / name))},
                             {name})
        self.assertGreater(len(self.requests_of(lambda: os.stat(self.tree / "latest" / self.names[12]))), 10)
        self.assertEqual(self.requests_of(lambda: os.stat(self.tree / "latest" / self.names[13])), [])


if __name__ == "__main__":
    main()
