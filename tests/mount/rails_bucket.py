"""The Rails backup as an S3 bucket that breaks as it is told, for the tests of what breaks: served by the fault server of
tests/replica, with its objects' own times in whole seconds."""

import errno

import states
from mounting import ROOT, MountTest, sha256
from stores import Bucket, keeps_its_answer, s3_config

NAME = "production.sqlite3"


class FaultTest(MountTest):
    seconds = 240

    def setUp(self):
        super().setUp()
        self.replica = self.fixture("rails-v03") / "replica"
        self.lines = [line for line in states.read_lines(ROOT / "tests/data/fixtures/rails-v03.expected.tsv")
                      if line.selector in ("latest", "time") and line.file
                      and keeps_its_answer(line.time(), self.replica / line.database)]
        self.assertGreater(len(self.lines), 40)
        self.bucket = Bucket(self.replica)
        self.addCleanup(self.bucket.close)
        names = [path.name for path in self.replica.iterdir()]
        self.config = s3_config(self.folder / "s3.yml", self.bucket.endpoint, self.bucket.bucket, names)

    def mount_bucket(self, *options, **settings):
        return self.mount(self.config, *options, **settings)

    def compare(self, tree, lines=None, may_fail=False):
        """Compares states with what the real program restored. Returns how many could not be read (EREMOTEIO)."""
        failed = 0
        for line in lines or self.lines:
            try:
                found = sha256(tree / line.path())
            except OSError as error:
                if not may_fail or error.errno != errno.EREMOTEIO:
                    raise
                failed += 1
                continue
            self.assertEqual(found, line.file.sha256, line.path())
        return failed
