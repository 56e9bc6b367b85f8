"""Unmounting while files fail: the kernel takes pages away then, and waits for those whose reads are under way.

A mount that hangs for good is aborted through the kernel's control file system, so that its test fails and nothing else.
"""

import errno
import os
import pathlib
import random
import signal
import subprocess
import threading
import time

from make_ltx import random_pages, write_file
from mounting import SLOWNESS, MountTest, main, mounts, wait_until
from stores import Bucket, s3_config

NAME = "large.db"
PAGE_SIZE, HALF = 4096, 700  # two files of 2.9 MB
TIMESTAMP = 1_700_000_000_000  # milliseconds since 1970
PATIENCE = 10  # seconds that an unmount may take
ROUNDS = int(os.environ.get("ROUNDS", "12"))


class Unmounting(MountTest):
    def setUp(self):
        super().setUp()
        self.control = self.folder / "control"
        self.control.mkdir()
        if subprocess.run(["mount", "-t", "fusectl", "fusectl", self.control], stderr=subprocess.DEVNULL, check=False).returncode:
            self.skipTest("FUSE's control file system can't be mounted")
        self.addCleanup(subprocess.run, ["umount", self.control], check=True)
        pages = random_pages(2 * HALF, PAGE_SIZE)
        first, second = dict(list(pages.items())[:HALF]), dict(list(pages.items())[HALF:])
        self.key = os.fspath(self.write(9, (1, 7), first, HALF).relative_to(self.folder / "backup"))
        self.write(0, (8, 8), second, 2 * HALF)
        self.bucket = Bucket(self.folder / "backup")
        self.addCleanup(self.bucket.close)
        self.config = s3_config(self.folder / "s3.yml", self.bucket.endpoint, self.bucket.bucket, [NAME])

    def write(self, level, txids, pages, count):
        path = write_file(self.folder / "backup" / NAME, level, txids, pages.items(), count, PAGE_SIZE, TIMESTAMP + 1000 * txids[1])
        os.utime(path, ns=((TIMESTAMP + 1000 * txids[1]) * 1_000_000,) * 2)
        return path

    def begin(self, number=0):
        self.tree = self.mount(self.config, point=f"mnt{number}", cache=f"cache{number}")
        (self.device,) = (line.split()[2] for line in pathlib.Path("/proc/self/mountinfo").read_text("utf-8").splitlines()
                          if line.split()[4] == str(self.tree.point))
        self.aborted = False

    def abort(self):
        self.aborted = True
        (self.control / self.device.partition(":")[2] / "abort").write_text("1", "ascii")

    def assertEnds(self, *processes):
        """All within PATIENCE, the file system itself too."""
        watchdog = threading.Timer(PATIENCE * SLOWNESS, self.abort)
        watchdog.start()
        try:
            for process in (*processes, self.tree.process):
                process.wait(3 * PATIENCE * SLOWNESS)
        finally:
            watchdog.cancel()
        self.assertFalse(self.aborted, "the mount hung, and was aborted")
        self.assertNotIn(str(self.tree.point), mounts())

    def read_until_it_fails(self, file):
        """The half whose bytes are wrong. The last read fails."""
        with self.assertRaises(OSError) as caught:
            for _ in range(2):
                for place in range(0, HALF * PAGE_SIZE, 1 << 17):
                    os.pread(file, 1 << 17, place)
        self.assertEqual(caught.exception.errno, errno.EIO)

    def wait_for_the_silent_one(self, number):
        def silent():
            with self.bucket.lock:
                return sum(request["fault"] == "silent" for request in self.bucket.requests) == number
        wait_until(silent, 10, "a request that is not answered")

    def unmount(self, way):
        """By fusermount3, whose arguments are `way`, or by a signal alone."""
        if way == "signal":
            self.tree.process.send_signal(signal.SIGTERM)
            return []
        return [self.processes.start(["fusermount3", *way, self.tree.point], stderr=subprocess.DEVNULL)]

    def check_a_read_under_way(self, number, way, ends_by_signal):
        self.begin(number)
        file = os.open(self.tree / "latest" / NAME, os.O_RDONLY)
        os.pread(file, PAGE_SIZE, 0)
        os.pread(file, PAGE_SIZE, HALF * PAGE_SIZE)
        self.bucket.flips[self.key] = 2_000_000
        self.bucket.fault("silent", times=1, on="object")
        os.posix_fadvise(file, 3 * HALF // 2 * PAGE_SIZE, 64 * PAGE_SIZE, os.POSIX_FADV_WILLNEED)
        self.wait_for_the_silent_one(number + 1)
        self.read_until_it_fails(file)
        os.close(file)
        time.sleep(0.2)
        unmounting = self.unmount(way)
        time.sleep(0.5)
        if ends_by_signal:
            self.tree.process.send_signal(signal.SIGTERM)
        else:
            self.bucket.heal()
        self.assertEnds(*unmounting)
        self.bucket.heal()

    def test_a_read_under_way_when_another_fails(self):
        """Who drops pages waits for its page, the unmount for him, and for that whoever tells the kernel anything."""
        for number, (way, ends_by_signal) in enumerate(((["-u"], False), (["-u", "-z"], False), (["-u"], True), ("signal", False))):
            with self.subTest(way=way, ends_by_signal=ends_by_signal):
                self.check_a_read_under_way(number, way, ends_by_signal)

    def test_readers_that_fail_and_are_killed(self):
        choose = random.Random(ROUNDS)
        for number in range(ROUNDS):
            way = (["-u"], ["-u", "-z"], "signal")[number % 3]
            with self.subTest(number=number, way=way):
                self.begin(number)
                self.bucket.flips[self.key] = choose.randrange(1_000_000, 2_800_000)
                self.bucket.fault("slow", seconds=0.02, every=2, on="object")
                readers = [self.processes.start(["sh", "-c", 'while :; do cat "$0" >/dev/null; done', self.tree / "latest" / NAME],
                                                stderr=subprocess.DEVNULL, start_new_session=True) for _ in range(4)]
                wait_until(lambda: "its checksum does not match" in self.tree.log(), 10, "the failure")
                unmounting = self.unmount(way) if way != ["-u"] else []
                for reader in readers:
                    os.killpg(reader.pid, signal.SIGKILL)
                if way == ["-u"]:
                    unmounting = self.unmount(way)
                    if unmounting[0].wait(PATIENCE * SLOWNESS):  # somebody had not closed his file yet
                        time.sleep(0.1)
                        unmounting = self.unmount(way)
                self.assertEnds(*unmounting, *readers)
                self.bucket.heal()


if __name__ == "__main__":
    main()
