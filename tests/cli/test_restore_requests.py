"""litemount restore from S3: what it asks the store for, and what it shows on a terminal meanwhile."""

import datetime
import fcntl
import os
import re
import struct
import termios

from running import VerbTest, main
from make_backup import write_backup
from mounting import SLOWNESS, sha256
from stores import Bucket, s3_config

NAME = "large.db"
FILLING = 24 << 20  # bytes: several LZ4 blocks, the unit in which a snapshot is read
COLUMNS = 100
BAR = re.compile(r"large\.db  \[(#*)(\.*)\]  +(\d+) %   *([\d.]+) of ([\d.]+) MB  +[\d.]+ MB/s  (.*?) *")


class Requests(VerbTest):
    def setUp(self):
        super().setUp()
        self.states = write_backup(self.folder / "backup", 60, indexes=3, page_size=4096, filling=FILLING)
        self.size = sum(path.stat().st_size for path in (self.folder / "backup" / NAME).rglob("*.lz4"))
        self.bucket = Bucket(self.folder / "backup")
        self.addCleanup(self.bucket.close)
        self.config = s3_config(self.folder / "s3.yml", self.bucket.endpoint, self.bucket.bucket, [NAME])

    def restore(self, state, *arguments):
        """Restores it to a new file, and returns the requests for objects that this took."""
        _, seconds, wanted = state
        target = self.folder / f"restored-{len(self.bucket.requests)}.db"
        time = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        before = len(self.bucket.object_requests())
        result = self.run_verb("restore", "-config", self.config, "-o", target, "-timestamp", time, *arguments, NAME)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(sha256(target), wanted)
        return self.bucket.object_requests()[before:]

    def bytes_of(self, requests):
        total = 0
        for key, text in requests:
            size = (self.folder / "backup" / key).stat().st_size
            first, last = map(int, re.fullmatch(r"bytes=(\d+)-(\d+)", text).groups()) if text else (0, size - 1)
            total += min(last, size - 1) - first + 1
        return total

    def test_every_byte_is_fetched_once(self):
        requests = self.restore(self.states[-1])
        self.assertEqual(self.bucket.fetched_twice(), [])
        self.assertLess(self.bytes_of(requests), self.size * 5 // 4)

    def test_another_time_costs_only_what_is_not_cached(self):
        early = self.bytes_of(self.restore(self.states[0]))
        self.assertLess(self.bytes_of(self.restore(self.states[-1])), early // 50)
        for state in self.states:
            self.assertEqual(self.restore(state), [])

    def test_a_dry_run_reads_no_pages(self):
        result = self.run_verb("restore", "-config", self.config, "-dry-run", "-o", "x", NAME)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertLess(self.bytes_of(self.bucket.object_requests()), FILLING // 10)

    def test_without_a_cache_no_byte_is_fetched_often(self):
        self.environment["XDG_CACHE_HOME"] = "/proc/nowhere"
        requests = self.restore(self.states[-1])
        self.assertLess(self.bytes_of(requests), self.size * 3 // 2)

    def test_a_store_that_fails_now_and_then(self):
        for kind in ("503", "reset", "cut"):
            self.bucket.fault(kind, every=4, times=4, on="object")
        self.restore(self.states[-1])

    def test_a_snapshot_that_is_damaged_on_its_way(self):
        target = self.folder / "restored.db"
        self.bucket.fault("flip", on="object")
        result = self.run_verb("restore", "-config", self.config, "-o", target, NAME)
        self.assertEqual((result.returncode, target.exists()), (1, False), result.stderr)

    def terminal(self):
        """The two ends of a terminal, the near one for us."""
        near, far = os.openpty()
        self.addCleanup(os.close, near)
        fcntl.ioctl(far, termios.TIOCSWINSZ, struct.pack("HHHH", 25, COLUMNS, 0, 0))
        return near, far

    def shown(self, near):
        """All that comes until nobody has the other end any more."""
        text = b""
        while True:
            try:
                part = os.read(near, 65536)
            except OSError:  # EIO: the last one closed it
                return text.decode()
            text += part

    def test_the_progress_bar_of_a_terminal(self):
        near, far = self.terminal()
        self.bucket.delay = 0.2  # long enough for the bar to be drawn more than twice
        process = self.start("restore", "-config", self.config, "-o", self.folder / "restored.db", NAME, stderr=far)
        os.close(far)
        lines = re.split(r"\r\x1b\[K|\r\n", self.shown(near))
        self.assertEqual(process.wait(30 * SLOWNESS), 0)
        bars = [BAR.fullmatch(line) for line in lines if line.startswith("large.db")]
        self.assertTrue(all(bars), lines)
        shares = [int(bar[3]) for bar in bars]
        self.assertEqual((shares[0], shares[-1], shares), (0, 100, sorted(shares)))
        self.assertGreater(len(bars), 2)
        self.assertTrue(all(len(bar[0]) <= COLUMNS for bar in bars))
        self.assertEqual((bars[0][1], bars[-1][2], bars[0][6]), ("", "", "-"))
        self.assertIn("restored to", lines[-2])  # the bar's line was cleared for it
        self.assertEqual(lines[-1], "")


if __name__ == "__main__":
    main()
