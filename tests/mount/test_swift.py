"""States of the fixtures from a real S3 server, OpenStack Swift, which checks every signature."""

import os
import pathlib
import shutil
import tempfile
import unittest

from mounting import Processes, fixture, main
from stores import Swift, ltx_times, s3_config, to_s3_layout, why_no_swift
from tables import S3Test, table_of

KEYS = {"LITESTREAM_ACCESS_KEY_ID": "test:tester", "LITESTREAM_SECRET_ACCESS_KEY": "testing"}


@unittest.skipIf(why_no_swift(), why_no_swift())
class RealServer(S3Test):
    """It gives the objects new times, so of v0.3 what is asked for by position is compared. What Litestream 0.5 notes beside its
    objects is put there with them."""

    @classmethod
    def setUpClass(cls):
        cls.backups = pathlib.Path(tempfile.mkdtemp(prefix="litemount-swift-"))
        cls.addClassCleanup(shutil.rmtree, cls.backups, ignore_errors=True)
        processes = Processes()
        cls.addClassCleanup(processes.reap_all)
        cls.swift = Swift(processes, cls.backups / "swift")
        cls.addClassCleanup(cls.swift.close)
        backup = fixture("rails-v03", cls.backups)
        cls.swift.upload(backup / "replica")
        cls.table = table_of(backup)

    def config(self, **settings):
        return s3_config(self.folder / "s3.yml", self.swift.endpoint, **{"bucket": self.swift.bucket, "names": self.table.replicas,
                                                                          **settings})

    def url(self, bucket):
        return f"s3://{bucket}?endpoint={self.swift.endpoint}&region=us-east-1"

    def test_every_position_and_the_right_key_only(self):
        lines = [line for line in self.table.lines if line.selector in ("latest", "generation", "index")]
        self.assertGreater(len(lines), 30)
        self.compare(self.table, lines, self.mount(self.config()))

        (self.folder / "refused").mkdir()
        for settings, word in (({"secret": "wrong-s3cret"}, "SignatureDoesNotMatch"), ({"bucket": "nobodys"}, "nobodys")):
            with self.subTest(word):
                done = self.run_litemount(self.config(**settings), self.folder / "refused")
                self.assertEqual((done.returncode, len(done.stderr.splitlines())), (1, 1), done.stderr)
                self.assertIn(word, done.stderr)
                self.assertNotIn("wrong-s3cret", done.stderr)

    def test_a_bucket_in_place_of_a_config(self):
        """Each backup in it is found, and named by its path."""
        lines = [line for line in self.table.lines if line.selector in ("latest", "generation")]
        self.compare(self.table, lines, self.mount(self.url(self.swift.bucket), environment=KEYS))

    def test_v05_every_line_as_litestream_uploads_it(self):
        backup = fixture("rails-v05", self.backups)
        table = table_of(backup)
        to_s3_layout(backup / "replica")
        self.swift.upload(backup / "replica", "uploaded", ltx_times(backup / "replica"))
        self.compare(table, table.lines, self.mount(self.config(bucket="uploaded", names=table.replicas)))

    def test_v05_every_position_of_a_folder_that_was_copied(self):
        """Swift gives the files new times."""
        backup = fixture("frames-v05", self.backups)
        table = table_of(backup)
        self.swift.upload(backup / "replica", "copied")
        lines = [line for line in table.lines if line.selector in ("latest", "txid")]
        self.assertGreater(len(lines), 15)
        self.compare(table, lines, self.mount(self.config(bucket="copied", names=table.replicas)))

    def test_v05_a_bucket_in_place_of_a_config(self):
        backup = fixture("edges-v05", self.backups)
        table = table_of(backup)
        to_s3_layout(backup / "replica")
        self.swift.upload(backup / "replica", "found", ltx_times(backup / "replica"))
        tree = self.mount(self.url("found"), environment=KEYS)
        self.assertEqual(os.listdir(tree / "latest"), list(table.replicas))
        self.compare(table, table.lines, tree)


if __name__ == "__main__":
    main()
