"""Finding backups in a folder or a bucket: by their folders' names and by what is in them."""

import os
import pathlib
import shutil

from make_backup import write_backup
from mounting import MountTest, main, sha256
from stores import Bucket, to_s3_layout

DIR = """dbs:
  - dir: /srv/tenants
    pattern: "*.db"
    recursive: true
    replica: {{type: s3, bucket: bucket, path: all, endpoint: '{endpoint}', region: us-east-1}}
"""


class Found(MountTest):
    """The same places in a folder and in a bucket; `self.top` is either."""

    def setUp(self):
        super().setUp()
        self.top = self.folder / "top"
        self.top.mkdir()
        last = write_backup(self.folder / "one", 1, indexes=1)[-1]
        self.v03, self.sum = self.folder / "one/large.db", last[2]

    def put(self, place):
        shutil.copytree(self.v03, self.top / place, dirs_exist_ok=True)

    def litter(self, place):
        path = self.top / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"no backup")

    def v05(self):
        """A backup of v0.5, as a file replica has it."""
        backup = self.fixture("edges-v05") / "replica"
        return next(backup.iterdir())

    def serve(self):
        bucket = Bucket(self.top)
        self.addCleanup(bucket.close)
        return bucket

    def names(self, source, point):
        tree = self.mount(source, point=point, cache=f"cache-{point}")
        found = sorted(os.fspath(path.relative_to(tree / "latest")) for path in pathlib.Path(tree / "latest").rglob("*")
                       if path.is_file())
        return tree, found

    def assert_found(self, *names, bucket=None):
        """The folder holds these, and so does the bucket."""
        wanted = {"folder": names, "bucket": bucket or names}
        bucket = self.serve()
        for point, source in (("folder", self.top), ("bucket", f"s3://bucket?endpoint={bucket.endpoint}")):
            with self.subTest(point):
                tree, found = self.names(source, point)
                self.assertEqual(found, sorted(wanted[point]))
                for name in found:
                    self.assertEqual(sha256(tree / "latest" / name), self.sum)

    def test_tenants_with_numbers(self):
        for name in ("0000", "0001", "0009", "0042"):
            self.put(name)
        self.assert_found("0000", "0001", "0009", "0042")

    def test_folders_that_hold_something_else(self):
        self.put("backups/app.db")
        self.litter("0000/aa/photo.jpg")
        self.litter("ltx/model.bin")
        self.litter("generations/readme.txt")
        self.assert_found("backups/app.db")

    def test_tenants_below_such_names(self):
        for place in ("ltx", "generations", "0001"):
            self.put(f"{place}/app.db")
        self.assert_found("0001/app.db", "generations/app.db", "ltx/app.db")

    def test_one_below_another(self):
        """A file can't be a folder too."""
        self.put("app")
        self.put("app/archive/old")
        self.litter("app/ltx/model.bin")
        self.put("app/0001")
        self.assert_found("app", "app.d/archive/old", "app.d/0001")

    def test_some_below_the_root(self):
        self.put("")
        self.put("tenants/0001")
        self.assert_found("top", "tenants/0001", bucket=("bucket", "tenants/0001"))

    def test_litter_beside_a_backup_is_no_generation(self):
        self.put("app.db")
        self.litter("app.db/ltx/model.bin")
        self.litter("app.db/0001/aa")
        tree, _ = self.names(self.top, "litter")
        self.assertEqual(len(os.listdir(tree / "databases/app.db/generations")), 1)

    def test_tenants_of_v05(self):
        backup = self.v05()
        for name in ("0001", "0002"):
            shutil.copytree(backup, self.top / "all" / name / "app.db")
        to_s3_layout(self.top / "all/0002")
        bucket = self.serve()
        config = self.folder / "tenants.yml"
        config.write_text(DIR.format(endpoint=bucket.endpoint), "utf-8")
        tree, found = self.names(config, "config")
        self.assertEqual(found, ["0001/app.db", "0002/app.db"])
        self.assertEqual(sha256(tree / "latest" / found[0]), sha256(tree / "latest" / found[1]))

    def test_a_database_without_a_path(self):
        """v0.5 writes `/0000/...`, or `./0000/...` where it was told `s3://bucket`."""
        backup = self.v05()
        (self.folder / "layout/app.db").mkdir(parents=True)
        shutil.copytree(backup / "ltx", self.folder / "layout/app.db/ltx")
        to_s3_layout(self.folder / "layout")
        sums = set()
        for part in ("%2F", "%2E"):
            shutil.rmtree(self.top)
            shutil.copytree(self.folder / "layout/app.db", self.top / part, ignore=shutil.ignore_patterns("ltx"))
            bucket = self.serve()
            for slash in ("", "/"):
                with self.subTest(part=part, slash=slash):
                    source = f"s3://bucket{slash}?endpoint={bucket.endpoint}"
                    tree, found = self.names(source, f"root{part[1:]}{len(slash)}")
                    self.assertEqual(found, ["bucket"])
                    sums.add(sha256(tree / "latest/bucket"))
        self.assertEqual(len(sums), 1)

    def test_a_path_that_was_written_with_a_slash(self):
        """v0.3 wrote `lead/app.db/generations/...`, v0.5 writes `lead/app.db//0000/...`: one database."""
        self.put("lead/app.db")
        shutil.copytree(self.v05() / "ltx", self.folder / "layout/app.db/ltx")
        to_s3_layout(self.folder / "layout")
        shutil.copytree(self.folder / "layout/app.db", self.top / "lead/app.db/%2F", ignore=shutil.ignore_patterns("ltx"))
        tree, found = self.names(f"s3://bucket?endpoint={self.serve().endpoint}", "slash")
        self.assertEqual(found, ["lead/app.db"])
        self.assertEqual(len(os.listdir(tree / "databases/lead/app.db/generations")), 2)
        self.assertNotEqual(sha256(tree / "latest/lead/app.db"), self.sum)

    def test_few_requests(self):
        for number in range(40):
            self.put(f"tenants/{number:04d}/app.db")
        bucket = self.serve()
        source = f"s3://bucket?endpoint={bucket.endpoint}"
        tree = self.mount(source)
        mounted = len(bucket.requests)
        self.assertLess(mounted, 8)
        self.assertEqual(len(os.listdir(tree / "latest/tenants")), 40)
        # Each folder once, each backup's own once more, and each tenant's number once for what it looks like.
        self.assertLessEqual(len(bucket.requests) - mounted, 2 + 40 + 2 * 40 + 15)
        tree.unmount()
        before = len(bucket.requests)
        tree = self.mount(source, point="again")
        self.assertEqual(len(os.listdir(tree / "latest/tenants")), 40)
        self.assertLessEqual(len(bucket.requests) - before, 8 + 2 + 40 + 10)


if __name__ == "__main__":
    main()
