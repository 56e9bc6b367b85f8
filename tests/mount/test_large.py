"""A backup of 20,000 segments mounts, lists and answers. The limits on time only catch what is not linear at all."""

import datetime
import os
import pathlib
import shutil
import subprocess
import tempfile
import time

from make_backup import GENERATION, START, write_backup
from mounting import SLOWNESS, MountTest, main, sha256
from stores import Bucket, s3_config

SEGMENTS = 20_000
NAME = "large.db"


class Large(MountTest):
    seconds = 240

    @classmethod
    def setUpClass(cls):
        cls.backup = pathlib.Path(tempfile.mkdtemp(prefix="litemount-test-"))
        cls.addClassCleanup(shutil.rmtree, cls.backup, ignore_errors=True)
        cls.states = write_backup(cls.backup, SEGMENTS)
        cls.replica = cls.backup / NAME

    def within(self, seconds, action):
        begin = time.monotonic()
        result = action()
        self.assertLess(time.monotonic() - begin, seconds * SLOWNESS)
        return result

    def test_20000_segments(self):
        tree = self.within(30, lambda: self.mount(self.replica))
        (file_name,) = self.within(30, lambda: os.listdir(tree / "latest"))
        (name,) = os.listdir(tree / "databases")
        file = tree / "latest" / file_name
        generation = tree / "databases" / name / "generations" / GENERATION

        # Whole files, at the ends of WAL indexes, newest first: what SQLite itself made of them.
        self.assertEqual(self.within(60, lambda: sha256(file)), self.states[-1][2])
        for index, seconds, wanted in self.states[::-4]:
            instant = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
            self.assertEqual(sha256(tree / "at" / instant / file_name), wanted, instant)
            (last,) = sorted(os.listdir(generation / "positions" / f"{index:08x}"))[-1:]
            self.assertEqual(sha256(generation / "positions" / f"{index:08x}" / last), wanted, last)

        # Every commit is a point, and can be looked at.
        found = self.within(120, lambda: subprocess.run(["find", generation / "points", "-type", "f", "-printf", "%T@\n"],
                                                        capture_output=True, text=True, check=True))
        times = sorted(int(line.split(".")[0]) for line in found.stdout.splitlines())
        self.assertEqual(times, list(range(START, START + len(times))))
        self.assertEqual(len(times), sum(1 for path in self.replica.rglob("*.lz4")))

        # And a second mount knows all that.
        tree.unmount()
        again = self.within(10, lambda: self.mount(self.replica, point="again"))
        self.assertEqual(self.within(30, lambda: sha256(again / "latest" / file_name)), self.states[-1][2])

    def test_a_bucket_of_20000_segments(self):
        """The newest state needs every one of them, and the listing has 21 pages."""
        bucket = Bucket(self.backup)
        self.addCleanup(bucket.close)
        config = s3_config(self.folder / "s3.yml", bucket.endpoint, bucket.bucket, [NAME])
        tree = self.mount(config, seconds=60)
        self.within(30, lambda: os.listdir(tree / "at"))
        self.assertEqual(bucket.object_requests(), [])
        self.assertEqual(self.within(150, lambda: sha256(tree / "latest" / NAME)), self.states[-1][2])
        self.assertEqual(bucket.fetched_twice(), [])


if __name__ == "__main__":
    main()
