"""Every state of the fixtures from S3: from a server that keeps the objects' times, and from a real one."""

import pathlib
import shutil
import tempfile
import unittest

from mounting import Processes, fixture, main
from stores import Bucket, Swift, keeps_its_answer, s3_config, why_no_swift
from tables import S3Test, table_of


class KeptTimes(S3Test):
    """S3 tells times in whole seconds: the lines whose instant falls between an object's time and its second are left out."""

    def check(self, name, at_least):
        folder = self.fixture(name)
        table = table_of(folder)
        bucket = Bucket(folder / "replica")
        self.addCleanup(bucket.close)
        lines = [line for line in table.lines if keeps_its_answer(line.time(), folder / "replica" / line.database)]
        self.assertGreater(len(lines), at_least)
        config = s3_config(self.folder / "s3.yml", bucket.endpoint, bucket.bucket, table.replicas)
        self.compare(table, lines, self.mount(config))

    def test_a_rails_app(self):
        self.check("rails-v03", 90)

    def test_page_sizes(self):
        self.check("pagesizes-v03", 40)

    def test_the_edges_of_time(self):
        self.check("edges-v03", 40)

    def test_damage(self):
        self.check("damaged-v03", 30)

    def test_damage_that_leaves_something_to_save(self):
        self.check("broken-v03", 80)


@unittest.skipIf(why_no_swift(), why_no_swift())
class RealServer(S3Test):
    """OpenStack Swift checks every signature. It gives the objects new times: what is asked for by position is compared."""

    @classmethod
    def setUpClass(cls):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="litemount-swift-"))
        cls.addClassCleanup(shutil.rmtree, folder, ignore_errors=True)
        processes = Processes()
        cls.addClassCleanup(processes.reap_all)
        cls.swift = Swift(processes, folder / "swift")
        cls.addClassCleanup(cls.swift.close)
        backup = fixture("rails-v03", folder)
        cls.swift.upload(backup / "replica")
        cls.table = table_of(backup)

    def config(self, **settings):
        return s3_config(self.folder / "s3.yml", self.swift.endpoint, **{"bucket": self.swift.bucket, "names": self.table.replicas,
                                                                          **settings})

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
        url = f"s3://{self.swift.bucket}?endpoint={self.swift.endpoint}&region=us-east-1"
        keys = {"LITESTREAM_ACCESS_KEY_ID": "test:tester", "LITESTREAM_SECRET_ACCESS_KEY": "testing"}
        lines = [line for line in self.table.lines if line.selector in ("latest", "generation")]
        self.compare(self.table, lines, self.mount(url, environment=keys))


if __name__ == "__main__":
    main()
