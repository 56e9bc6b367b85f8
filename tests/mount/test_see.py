"""What the mount shows of its own doings: .litemount/stats, and at debug level why each request was sent."""

import os
import re

from make_backup import write_backup
from mounting import MountTest, main, sha256
from stores import SECRET, Bucket, s3_config

NAME = "large.db"
ORDER = ["uptime", "open-files", "requests", "retries", "bytes", "cache-hits", "cache-misses", "cache-bytes", "cache-limit",
         "store.1.url", "store.1.requests", "store.1.retries", "store.1.bytes"]


class See(MountTest):
    def setUp(self):
        super().setUp()
        self.states = write_backup(self.folder / "backup", 12, indexes=2, page_size=4096, filling=8 << 20)
        self.bucket = Bucket(self.folder / "backup")
        self.addCleanup(self.bucket.close)
        self.config = s3_config(self.folder / "s3.yml", self.bucket.endpoint, self.bucket.bucket, [NAME])

    def stats(self, tree):
        lines = (tree / ".litemount/stats").read_text().splitlines()
        self.assertEqual([line.split(" ")[0] for line in lines], ORDER)
        return dict(line.split(" ") for line in lines)

    def test_stats(self):
        tree = self.mount(self.config, "cache-size=1G")
        self.assertNotIn(".litemount", os.listdir(tree.point))
        self.assertEqual(os.listdir(tree / ".litemount"), ["stats"])
        before = self.stats(tree)
        self.assertEqual(int(before["requests"]), len(self.bucket.requests))
        self.assertEqual(before["open-files"], "0")

        self.bucket.fault("503", times=1)
        with open(tree / "latest" / NAME, "rb"):
            self.assertEqual(sha256(tree / "latest" / NAME), self.states[-1][2])
            after = self.stats(tree)
        self.assertEqual(int(after["requests"]), len(self.bucket.requests))
        self.assertEqual(after["retries"], "1")
        self.assertGreater(int(after["bytes"]), 8 << 20)
        self.assertGreater(int(after["cache-misses"]), 0)
        self.assertGreater(int(after["cache-bytes"]), 8 << 20)
        self.assertEqual(after["cache-limit"], str(1 << 30))
        self.assertEqual(after["open-files"], "1")
        self.assertEqual(after["store.1.url"], f"s3://{self.bucket.bucket}?endpoint={self.bucket.endpoint}")
        for name in ("requests", "retries", "bytes"):
            self.assertEqual(after[f"store.1.{name}"], after[name])

    def test_stats_are_read_in_any_pieces(self):
        tree = self.mount(self.config)
        with open(tree / ".litemount/stats", "rb", buffering=0) as file:
            whole = file.read(1 << 16)
            sha256(tree / "latest" / NAME)  # it stays what it was at the open
            self.assertEqual(b"".join(os.pread(file.fileno(), 7, i) for i in range(0, len(whole) + 14, 7)), whole)
        self.assertRaises(OSError, open, tree / ".litemount/stats", "wb")

    def test_the_log_tells_each_request_and_why(self):
        tree = self.mount(self.config, arguments=["-d"])
        with open(tree / "latest" / NAME, "rb", buffering=0) as file:
            os.pread(file.fileno(), 4096, 4 << 20)  # a lone page: nothing has been read ahead yet
        self.assertEqual(sha256(tree / "latest" / NAME), self.states[-1][2])
        tree.unmount()
        pattern = re.compile(r"debug: (GET|HEAD|LIST) \S+(?: bytes=\d+-\d+)?: 20[06], \d+ bytes in \d+ ms: (.+)")
        lines = [match for line in tree.log().splitlines() if (match := pattern.search(line))]
        self.assertEqual(len(lines), len(self.bucket.requests))
        reasons = {line[2] for line in lines}
        self.assertNotIn("no reason given", reasons)
        self.assertIn(f"look at {NAME} again, to begin the mount", reasons)
        self.assertTrue(any(reason.endswith(f"to look up latest/{NAME}") for reason in reasons), reasons)
        self.assertTrue(any(reason.endswith(f"to read latest/{NAME}") for reason in reasons), reasons)
        for secret in (SECRET, "Signature", "Authorization", "continuation-token"):
            self.assertNotIn(secret, tree.log())


if __name__ == "__main__":
    main()
