"""A mount point in the way of what is read: a look there would ask the mount itself, and wait for itself for ever."""

import os
import subprocess
import unittest

from mounting import MountTest, main, mounts, take_away

NAME = "production.sqlite3"


class Places(MountTest):
    def setUp(self):
        super().setUp()
        self.backups = self.fixture("rails-v03") / "replica"
        self.point = None
        self.addCleanup(lambda: take_away(self.point))

    def config(self, *lines):
        path = self.folder / "litestream.yml"
        path.write_text("\n".join(["dbs:", *lines]) + "\n", "utf-8")
        return path

    def start(self, source, point, cache=None):
        point.mkdir(parents=True, exist_ok=True)
        self.point = point
        return self.run_litemount(source, point, "-o", f"cache={cache or self.folder / 'cache'}")

    def refused(self, source, point, *words, cache=None):
        done = self.start(source, point, cache)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
        for word in (str(point), "cannot mount here", *words):
            self.assertIn(word, done.stderr)
        self.assertNotIn(str(point), mounts())

    def mounted(self, source, point, cache=None):
        done = self.start(source, point, cache)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertTrue((point / "latest" / NAME).read_bytes())
        take_away(point)

    def test_within_the_source(self):
        for source in (self.backups, f"file://{self.backups}", self.config(
                f"  - {{dir: /data, pattern: '*', recursive: true, replica: {{path: {self.backups}}}}}")):
            self.refused(source, self.backups / "mnt", str(self.backups), "lies within")
        self.refused(self.backups, self.backups / NAME / "generations/mnt", "lies within")

    def test_over_the_source(self):
        for source in (self.backups, self.config(f"  - {{path: /data/{NAME}, replica: {{path: {self.backups}}}}}")):
            self.refused(source, self.backups, "hide")

    def test_above_the_source(self):
        self.refused(self.backups, self.backups.parent, str(self.backups), "hide")
        self.refused(self.config(f"  - {{path: /data/one.db, replica: {{path: {self.backups}/{NAME}}}}}",
                                 f"  - {{path: /data/two.db, replica: {{path: {self.folder}/other/not/yet}}}}"),
                     self.folder / "other", "other/not/yet")

    def test_beside_it(self):
        """One database's replica is read, and the mount stands next to that."""
        self.mounted(self.config(f"  - {{path: /data/{NAME}, replica: {{path: {self.backups}/{NAME}}}}}"), self.backups / "mnt")

    def test_links(self):
        (self.folder / "link").symlink_to(self.backups)
        self.refused(self.folder / "link", self.backups / "mnt", "lies within")
        self.refused(self.backups, self.folder / "link/mnt", "lies within")
        (self.folder / "way").mkdir()
        (self.folder / "way/link").symlink_to(self.backups)
        self.refused(self.folder / "way/link", self.folder / "way", "hide")

    @unittest.skipUnless(os.getuid() == 0, "only root can bind")
    def test_a_bind_mount(self):
        point = self.folder / "bound"
        point.mkdir()
        if subprocess.run(["mount", "--bind", self.backups, point], stderr=subprocess.DEVNULL).returncode:
            self.skipTest("nothing can be bound here")
        self.addCleanup(subprocess.run, ["umount", "-l", point], check=True)
        self.refused(self.backups, point / "mnt", "lies within")

    def test_the_cache(self):
        cache = self.folder / "cache"
        self.mounted(self.backups, self.folder / "mnt", cache)
        self.refused(self.backups, cache / "v1/mnt", "cache", cache=cache)
        for point in (cache, self.folder / "above"):  # held open from before the mount
            self.mounted(self.backups, point, self.folder / "above/cache" if point.name == "above" else cache)


if __name__ == "__main__":
    main()
