"""Whatever breaks at the store, a reader gets the right bytes or an error, never wrong bytes, and later the right ones again."""

import errno
import os
import shutil
import subprocess
import time

from mounting import LITEMOUNT, SLOWNESS, main, mounts, sha256
from rails_bucket import NAME, FaultTest
from stores import Bucket, s3_config


class Store(FaultTest):
    def test_without_faults(self):
        self.compare(self.mount_bucket())

    def test_503_now_and_then(self):
        self.bucket.fault("503", every=3)
        self.compare(self.mount_bucket(), self.lines[::3])

    def test_cut_bodies_now_and_then(self):
        tree = self.mount_bucket()
        self.bucket.fault("cut", every=3)
        self.compare(tree, self.lines[::3], may_fail=True)
        self.bucket.heal()
        self.compare(tree, self.lines[::3])

    def test_nothing_but_503(self):
        tree = self.mount_bucket()
        self.bucket.fault("503", every=1)
        lines = self.lines[:2]
        self.assertEqual(self.compare(tree, lines, may_fail=True), len(lines))
        reasons = [line for line in tree.log().splitlines() if "503" in line]
        self.assertNotEqual(reasons, [], tree.log())
        self.bucket.heal()
        self.compare(tree, lines)

    def test_nothing_but_cut_bodies(self):
        tree = self.mount_bucket()
        self.bucket.fault("cut", every=1)
        lines = self.lines[:2]
        self.assertEqual(self.compare(tree, lines, may_fail=True), len(lines))
        self.bucket.heal()
        self.compare(tree, lines)

    def test_a_bucket_that_goes_missing(self):
        """And one in whose place a web server answers: that is no answer to whether there is such a name."""
        tree = self.mount_bucket("refresh=1")
        line = self.lines[-1]
        for says, lose in (("NoSuchBucket", lambda: setattr(self.bucket, "bucket", "elsewhere")),
                           ("answered 404", lambda: self.bucket.fault("page"))):
            lose()
            time.sleep(1.5)
            with self.subTest(says), self.assertRaises(OSError) as caught:
                os.stat(tree / "latest" / line.database)
            self.assertEqual(caught.exception.errno, errno.EREMOTEIO)
            self.assertIn(says, tree.log())
            self.bucket.bucket = "bucket"
        self.bucket.heal()
        self.compare(tree, [line])

    def test_the_instants_of_a_store_that_refuses(self):
        """No instant is not the same as none that can be had; but one database may have some where another has not."""
        bucket, name = Bucket(self.replica), "production_queue.sqlite3"
        self.addCleanup(bucket.close)
        two = s3_config(self.folder / "two.yml", self.bucket.endpoint, "bucket", [NAME, name])
        head, _, tail = two.read_text("utf-8").rpartition(self.bucket.endpoint)
        two.write_text(head + bucket.endpoint + tail, "utf-8")
        tree = self.mount(two, "refresh=1")
        instants = os.listdir(tree / "at")
        self.bucket.fault("403")
        time.sleep(1.5)
        self.assertTrue(set(os.listdir(tree / "at")) < set(instants))
        self.assertRegex(tree.log(), f"list at: {NAME}: .*403")
        self.assertNotIn(f"list at: {name}", tree.log())
        bucket.fault("403")
        time.sleep(1.5)
        with self.assertRaises(OSError) as caught:
            os.listdir(tree / "at")
        self.assertEqual(caught.exception.errno, errno.EACCES)
        self.assertIn("list at: no database answers", tree.log())

    def test_silence(self):
        """The store hangs: the reader can be killed, the mount can be unmounted, and the program ends."""
        tree = self.mount_bucket()
        os.listdir(tree / "latest")
        self.bucket.fault("silent", every=1)
        reader = self.processes.start(["cat", tree / self.lines[-1].path()], stdout=subprocess.DEVNULL,
                                      stderr=subprocess.DEVNULL)
        time.sleep(1)
        self.assertIsNone(reader.poll())
        begin = time.monotonic()
        reader.kill()
        reader.wait(5 * SLOWNESS)
        self.assertEqual(tree.unmount(5), 0)
        self.assertLess(time.monotonic() - begin, 8 * SLOWNESS)

    def test_a_signal_ends_it_while_the_store_is_silent(self):
        tree = self.mount_bucket()
        os.listdir(tree / "latest")
        self.bucket.fault("silent", every=1)
        reader = self.processes.start(["cat", tree / self.lines[-1].path()], stdout=subprocess.DEVNULL,
                                      stderr=subprocess.DEVNULL)
        time.sleep(1)
        tree.process.terminate()
        tree.process.wait(10 * SLOWNESS)
        reader.wait(5 * SLOWNESS)
        self.assertNotIn(str(tree.point), mounts())

    def test_a_silent_store_at_the_start(self):
        """Told before going to the background, in bounded time; or interrupted at once."""
        self.bucket.fault("silent", every=1)
        (self.folder / "mnt").mkdir()
        process = self.processes.start([LITEMOUNT, self.config, self.folder / "mnt", "-o",
                                        f"cache={self.folder / 'cache'}"], stderr=subprocess.DEVNULL)
        time.sleep(1)
        process.terminate()
        process.wait(5 * SLOWNESS)
        self.assertNotIn(str(self.folder / "mnt"), mounts())

    def test_objects_that_retention_deletes(self):
        """The older generation goes while it is in use: no wrong bytes, and the newer one stays."""
        tree = self.mount_bucket("refresh=1")
        older = self.replica / NAME / "generations/b529763c7f283888"
        early = [line for line in self.lines if line.database == NAME and line.argument < "2024-11-08T12"][:6]
        self.compare(tree, early[:1])
        shutil.rmtree(older)
        time.sleep(1.5)
        for line in early[1:]:
            try:
                found = sha256(tree / line.path())
            except OSError as error:
                self.assertIn(error.errno, (errno.EIO, errno.ENOENT))
            else:
                self.assertEqual(found, line.file.sha256)
        self.compare(tree, [line for line in self.lines if line.selector == "latest"])


class Stale(FaultTest):
    def test_killed_and_mounted_again(self):
        tree = self.mount_bucket()
        self.compare(tree, self.lines[:1])
        tree.process.kill()
        tree.process.wait()
        with self.assertRaises(OSError) as caught:
            os.listdir(tree.point)
        self.assertEqual(caught.exception.errno, errno.ENOTCONN)
        subprocess.run(["fusermount3", "-u", tree.point], check=True)
        self.compare(self.mount_bucket(), self.lines[:1])

    def test_the_mount_outlives_its_store(self):
        """What is cached can still be read when the store is gone."""
        tree = self.mount_bucket("refresh=1")
        lines = [line for line in self.lines if line.selector == "time"][:3]
        self.compare(tree, lines)
        self.bucket.close()
        time.sleep(1.5)
        with open(tree / lines[0].path(), "rb") as file:
            self.assertEqual(len(file.read()), lines[0].file.size)


if __name__ == "__main__":
    main()
