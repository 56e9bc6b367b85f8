"""Before the mount stands: whoever started it can end it, whatever it waits for."""

import os
import signal
import subprocess
import time

from make_backup import write_backup
from mounting import LITEMOUNT, MountTest, main, mounts, take_away, wait_until
from stores import Bucket, s3_config
from test_mounting import daemons

NAME = "large.db"
# A shell without job control starts its children with SIGINT ignored.
HEED = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)}


class Begin(MountTest):
    def setUp(self):
        super().setUp()
        self.point = self.folder / "mnt"
        self.point.mkdir()
        self.addCleanup(take_away, self.point)
        self.addCleanup(lambda: [os.kill(pid, signal.SIGKILL) for pid in daemons(self.point)])

    def start(self, source, *flags):
        return self.processes.start([LITEMOUNT, source, self.point, *flags, "-o", f"cache={self.folder / 'cache'}"],
                                    stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **HEED)

    def ends(self, process, code):
        """The one that was started is told, as by ^C in a terminal, where the other is no member of its group."""
        process.send_signal(code)
        process.wait(10)
        wait_until(lambda: not daemons(self.point), 10, "the end of the other process")
        self.assertNotIn(str(self.point), mounts())

    def test_a_configuration_that_does_not_come(self):
        pipe = self.folder / "litestream.yml"
        os.mkfifo(pipe)
        for flags in (["-f"], []):
            for code in (signal.SIGINT, signal.SIGTERM):
                with self.subTest(code=code, flags=flags):
                    process = self.start(pipe, *flags)
                    time.sleep(0.5)
                    self.assertIsNone(process.poll())
                    self.ends(process, code)

    def test_a_store_that_does_not_answer(self):
        write_backup(self.folder / "backup", 4, indexes=2)
        bucket = Bucket(self.folder / "backup")
        self.addCleanup(bucket.close)
        config = s3_config(self.folder / "s3.yml", bucket.endpoint, bucket.bucket, [NAME])
        bucket.fault("silent")
        for code in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
            with self.subTest(code=code):
                process = self.start(config)
                wait_until(lambda: len(daemons(self.point)) == 2, 10, "two processes")
                time.sleep(0.5)
                self.ends(process, code)
        bucket.heal()
        time.sleep(1)
        self.assertNotIn(str(self.point), mounts())


if __name__ == "__main__":
    main()
