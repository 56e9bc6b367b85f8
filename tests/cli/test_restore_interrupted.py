"""A restore that is ended half-way, from a store that takes its time: the file is there whole, or as it was before."""

import os
import random
import signal
import time

from running import VerbTest, main
from make_backup import write_backup
from mounting import SLOWNESS, sha256, wait_until
from stores import Bucket, s3_config

NAME = "large.db"
FILLING = 8 << 20  # bytes
OLD = b"what was there before"


class Interrupted(VerbTest):
    seconds = 180

    def setUp(self):
        super().setUp()
        self.states = write_backup(self.folder / "backup", 40, indexes=2, page_size=4096, filling=FILLING)
        self.bucket = Bucket(self.folder / "backup")
        self.addCleanup(self.bucket.close)
        self.config = s3_config(self.folder / "s3.yml", self.bucket.endpoint, self.bucket.bucket, [NAME])
        self.place = self.folder / "place"
        self.place.mkdir()
        self.target = self.place / "restored.db"

    def begin(self, *arguments):
        return self.start("restore", "-config", self.config, "-o", self.target, *arguments, NAME)

    def end(self, process, code):
        process.send_signal(code)
        output, errors = process.communicate(timeout=30 * SLOWNESS)
        return self.ended(process, output, errors)

    def begin_and_stall(self, *arguments):
        """A restore that has begun to write, and waits for pages from a store that has fallen silent."""
        self.run_verb("restore", "-config", self.config, "-dry-run", NAME)  # knows all now but the pages
        self.bucket.fault("stall", on="object")
        process = self.begin(*arguments)
        wait_until(lambda: any(name.endswith(".litemount-new") for name in os.listdir(self.place)), 30, "the file is begun")
        return process

    def restore_whole(self, *arguments):
        self.bucket.heal()
        self.bucket.delay = 0
        process = self.begin(*arguments)
        result = self.ended(process, *process.communicate(timeout=60 * SLOWNESS))
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(sha256(self.target), self.states[-1][2])
        self.assertEqual(os.listdir(self.place), [self.target.name])

    def test_signals_leave_nothing(self):
        for code in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            result = self.end(self.begin_and_stall(), code)
            self.assertEqual((result.returncode, os.listdir(self.place)), (1, []))
            self.assertIn("interrupted", result.stderr)
            self.bucket.heal()
        self.restore_whole()

    def test_what_was_there_stays(self):
        self.target.write_bytes(OLD)
        for code in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
            self.end(self.begin_and_stall("-force"), code)
            self.assertEqual(self.target.read_bytes(), OLD)
            self.bucket.heal()
        self.restore_whole("-force")

    def test_what_a_kill_leaves_goes_with_the_next_one(self):
        result = self.end(self.begin_and_stall(), signal.SIGKILL)
        self.assertEqual((result.returncode, len(os.listdir(self.place))), (-signal.SIGKILL, 1))
        self.assertFalse(self.target.exists())
        self.restore_whole()

    def test_at_any_moment(self):
        chance, killed = random.Random(6), set()  # what those that were killed left, until one gets as far as to clear up
        self.bucket.delay = 0.02
        for number in range(24):
            code = (signal.SIGINT, signal.SIGTERM, signal.SIGKILL)[number % 3]
            process = self.begin("-force")
            time.sleep(chance.uniform(0, 0.5) * min(SLOWNESS, 2))  # a sanitizer takes twice the time
            result = self.end(process, code)
            left = set(os.listdir(self.place))
            if self.target.exists():
                self.assertEqual(sha256(self.target), self.states[-1][2])
                self.target.unlink()
                left.discard(self.target.name)
                killed.clear()
            else:
                self.assertNotEqual(result.returncode, 0)
            if code == signal.SIGKILL:
                killed = left
            self.assertLessEqual(left, killed)
            for name in left:
                self.assertTrue(name.endswith(".litemount-new"), name)
        self.restore_whole()


if __name__ == "__main__":
    main()
