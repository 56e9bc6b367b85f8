"""Mounted by mount(8), as fstab says: what is mounted already is left alone."""

import os
import pathlib
import shutil
import subprocess
import unittest

from mounting import LITEMOUNT, SLOWNESS, MountTest, main, mounts, take_away
from stores import Bucket

NAME = "production.sqlite3"
SECRET = "s3cr3t-K3y-that-nobody-may-see"


@unittest.skipUnless(os.getuid() == 0 and shutil.which("mount.fuse"), "only root can mount, by mount.fuse")
class Fstab(MountTest):
    def setUp(self):
        super().setUp()
        self.backups = self.fixture("rails-v03") / "replica"
        self.bucket = Bucket(self.backups)
        self.addCleanup(self.bucket.close)
        self.endpoint = f"endpoint={self.bucket.endpoint}&region=us-east-1"
        self.point = self.folder / "mnt"
        self.point.mkdir()
        self.addCleanup(take_away, self.point)
        self.environment = {**os.environ, "AWS_ACCESS_KEY_ID": "test:tester", "AWS_SECRET_ACCESS_KEY": "testing"}

    def mount_all(self, source):
        """mount -a, with a fstab of one line. The type tells mount.fuse which program it is."""
        fstab = self.folder / "fstab"
        fstab.write_text(f"{source} {self.point} fuse.{LITEMOUNT} ro,_netdev,cache={self.folder / 'cache'} 0 0\n", "utf-8")
        return subprocess.run(["mount", "-a", "-T", fstab], env=self.environment, capture_output=True, text=True, timeout=60 * SLOWNESS)

    def mounted_twice(self, source):
        for _ in range(2):
            done = self.mount_all(source)
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""), source)
            self.assertEqual(mounts().count(str(self.point)), 1)
            self.assertIn(NAME, os.listdir(self.point / "latest"))
        take_away(self.point)

    def test_a_url_with_a_query(self):
        self.mounted_twice(f"s3://bucket/?{self.endpoint}&force-path-style=true")
        self.mounted_twice("s3://bucket?" + self.endpoint.replace(":", "%3A").replace("/", "%2F"))

    def test_other_sources(self):
        (self.folder / "a,b c").symlink_to(self.backups)
        for source in (self.backups, f"file://{self.backups}", self.folder / r"a,b\040c"):
            self.mounted_twice(source)

    def test_no_secret_in_the_table(self):
        for source in (f"s3://someone:{SECRET}@bucket/?{self.endpoint}", f"s3://bucket/?{self.endpoint}&token={SECRET}",
                       f"s3://bucket/?{self.endpoint}&endpoint=http://someone:{SECRET}@127.0.0.1:1",
                       f"s3://bucket/?{self.endpoint}#{SECRET}"):
            done = self.mount_all(source)
            self.assertEqual((done.returncode, done.stderr), (0, ""), source)
            table = pathlib.Path("/proc/self/mountinfo").read_text("utf-8")
            self.assertIn("s3://bucket/ ", table)
            self.assertNotIn(SECRET, table)
            take_away(self.point)


if __name__ == "__main__":
    main()
