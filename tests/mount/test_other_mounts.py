"""What is mounted within a source folder: another litemount is passed over, and not asked; all else is read."""

import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import time
import unittest

from mounting import MountTest, main, sha256, take_away

NAME = "production.sqlite3"


class OtherMounts(MountTest):
    def setUp(self):
        super().setUp()
        replicas = self.fixture("rails-v03") / "replica"
        self.backups = self.folder / "backups"
        shutil.copytree(replicas / NAME, self.backups / NAME)
        self.other = replicas / NAME
        self.known = sha256(self.mount(self.backups, point="alone") / "latest" / NAME)

    def stopped(self, point):
        """A litemount that is mounted at `point` and answers nobody, whatever the kernel remembers of it forgotten."""
        mount = self.mount(self.other, point=point.relative_to(self.folder))
        os.listdir(mount / "latest")
        mount.process.send_signal(signal.SIGSTOP)
        self.addCleanup(mount.process.send_signal, signal.SIGCONT)
        time.sleep(1.2)  # longer than the attributes of its root are valid
        return mount

    def is_read(self, source, names=(NAME,), point="mnt"):
        """Mounted, listed, read, and named on the command line, and no word is said."""
        mount = self.mount(source, "refresh=0", point=point)
        for _ in range(2):
            self.assertEqual(sorted(os.listdir(mount / "latest")), sorted({name.split("/")[0] for name in names}))
        for name in names:
            self.assertEqual(sha256(mount / "latest" / name), self.known)
        self.assertEqual(mount.log(), "")
        done = self.run_litemount("verify", "-quick", source, seconds=30)
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_one_that_is_stopped(self):
        self.stopped(self.backups / "mnt")
        self.is_read(self.backups)

    def test_one_within_a_backup(self):
        """Where a backup is looked for whole, and where it is known."""
        generation = next((self.backups / NAME / "generations").iterdir())
        for number, folder in enumerate((self.backups / NAME, generation, generation / "snapshots", generation / "wal")):
            self.stopped(folder / "mnt")
            self.is_read(self.backups, point=f"mnt{number}")

    def test_one_behind_a_link(self):
        mount = self.stopped(self.folder / "stopped")
        for name, target in (("mnt", mount.point), ("latest", "../../stopped/latest"), ("file", mount / "latest" / NAME),
                             ("round", "mnt/../mnt")):
            (self.backups / name).symlink_to(target)
        self.is_read(self.backups)

    def test_one_that_came_later(self):
        """Also our own, bound there."""
        mount = self.mount(self.backups, "refresh=0")
        os.listdir(mount / "latest")
        self.stopped(self.backups / "mnt")
        self.assertEqual(os.listdir(mount / "latest"), [NAME])
        if os.getuid() != 0:
            return
        (self.backups / "own").mkdir()
        with contextlib.suppress(subprocess.CalledProcessError):
            subprocess.run(["mount", "--bind", mount.point, self.backups / "own"], check=True, stderr=subprocess.DEVNULL)
            self.addCleanup(take_away, self.backups / "own")
        self.assertEqual(os.listdir(mount / "latest"), [NAME])
        self.assertEqual(sha256(mount / "latest" / NAME), self.known)

    @unittest.skipUnless(os.getuid() == 0, "only root can mount")
    def test_what_else_is_mounted(self):
        """A folder that is bound, another file system, links into it, and a litemount in it."""
        disk, bound = self.folder / "source/disk", self.folder / "source/bound"
        for folder in (disk, bound):
            folder.mkdir(parents=True)
        for command in (["mount", "--bind", self.backups, bound], ["mount", "-t", "tmpfs", "none", disk]):
            if subprocess.run(command, stderr=subprocess.DEVNULL).returncode:
                self.skipTest("nothing can be mounted here")
            self.addCleanup(subprocess.run, ["umount", "-l", command[-1]], check=True)
        subprocess.run(["cp", "-a", f"{self.backups}/.", disk], check=True)
        (self.folder / "source/link").symlink_to("../source/./disk/" + NAME)
        (self.folder / "source/far").symlink_to(pathlib.Path(os.path.abspath(disk), NAME))
        self.stopped(disk / "mnt")
        self.is_read(self.folder / "source", (f"disk/{NAME}", f"bound/{NAME}", "link", "far"))


if __name__ == "__main__":
    main()
