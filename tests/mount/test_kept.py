"""The listing of a large folder on S3 is kept: the next mount lists on from its end, and looks at all of it again once
something turns out to be gone."""

import os

from make_backup import GENERATION, write_backup
from mounting import MountTest, main, sha256
from stores import Bucket, s3_config

NAME = "large.db"


class Kept(MountTest):
    seconds = 120

    def points(self, tree):
        """All restore points' paths."""
        folder = tree / "databases" / NAME / "generations" / GENERATION / "points"
        return sorted(path.relative_to(folder) for path in folder.rglob("*.db"))

    def listings(self, bucket):
        with bucket.lock:
            n = sum(1 for request in bucket.requests if request["method"] == "GET" and not request["key"])
            bucket.requests.clear()
        return n

    def test_the_next_mount_lists_on(self):
        states = write_backup(self.folder / "backup", 3600)
        bucket = Bucket(self.folder / "backup")
        self.addCleanup(bucket.close)
        config = s3_config(self.folder / "s3.yml", bucket.endpoint, bucket.bucket, [NAME])
        tree = self.mount(config)
        points = self.points(tree)
        tree.unmount()
        whole = self.listings(bucket)

        tree = self.mount(config, point="again")
        self.assertEqual(self.points(tree), points)
        self.assertLess(self.listings(bucket), whole)
        self.assertEqual(bucket.object_requests(), [])

        # Folders that nobody expects there count in an answer as objects do, and must not hide any.
        wal = self.folder / "backup" / NAME / "generations" / GENERATION / "wal"
        for name in ("00000001_a", "00000001_b"):
            (wal / name).mkdir()
            (wal / name / "file").touch()

        # Retention deletes what the newest state stands on. Once that is missed, everything is listed again: at once,
        # and to the last object.
        index, _, wanted = states[-2]
        (gone,) = wal.glob(f"{states[-1][0]:08x}_00000000.wal.lz4")
        later = {path for path in wal.iterdir() if path.name >= gone.name}
        gone.unlink()
        self.assertEqual(sha256(tree / "latest" / NAME), wanted, f"index {index:08x}")
        self.assertEqual(len(self.points(tree)), len(points) - len(later))
        self.assertGreaterEqual(self.listings(bucket), whole)


if __name__ == "__main__":
    main()
