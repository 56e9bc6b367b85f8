"""What a program is started with: files that are closed, a URL with a password, a user without a name."""

import os
import pathlib
import stat
import subprocess
import unittest

from mounting import LITEMOUNT, MountTest, main, take_away, wait_until

NAME = "production.sqlite3"
NOBODY = 54321  # a uid without a line in /etc/passwd


class Start(MountTest):
    def setUp(self):
        super().setUp()
        self.backups = self.fixture("rails-v03") / "replica"
        self.point = self.folder / "mnt"
        self.point.mkdir()
        self.addCleanup(take_away, self.point)

    def test_closed_standard_files(self):
        """No file of the cache gets the descriptor that messages are written to."""
        mount = self.mount(self.backups, arguments=["-d"], log=self.folder / "log")
        mount.unmount()
        process = self.processes.start(["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", LITEMOUNT, self.backups, self.point, "-f", "-o",
                                        f"cache={self.folder / 'cache'}"])
        self.addCleanup(process.kill)
        while not (self.point / "latest").exists() and process.poll() is None:
            pass
        opened = [os.readlink(f"/proc/{process.pid}/fd/{number}") for number in range(3)]
        self.assertEqual(opened, ["/dev/null"] * 3)

    def test_no_password_in_the_command_line(self):
        process = self.processes.start([LITEMOUNT, "s3://someone:s3cr3t@bucket/x?endpoint=http://127.0.0.1:1", self.point, "-f"],
                                       stderr=subprocess.DEVNULL)
        shown = pathlib.Path(f"/proc/{process.pid}/cmdline")
        wait_until(lambda: b"s3://...." in shown.read_bytes(), 10, "a command line without it")
        self.assertNotIn(b"s3cr3t", shown.read_bytes())
        self.assertIn(os.fsencode(self.point), shown.read_bytes())
        process.kill()

    def test_the_command_line_stays_as_it_was_typed(self):
        mount = self.mount(self.backups, "refresh=5", "umask=022")
        words = pathlib.Path(f"/proc/{mount.process.pid}/cmdline").read_bytes().split(b"\0")
        self.assertIn(f"cache={self.folder / 'cache'},refresh=5,umask=022".encode(), words)

    @unittest.skipUnless(os.getuid() == 0, "only root can be another user")
    def test_a_user_without_a_name(self):
        for folder in (self.folder, self.point):
            os.chown(folder, NOBODY, NOBODY)
        device = self.folder / "fuse"
        os.mknod(device, 0o600 | stat.S_IFCHR, os.stat("/dev/fuse").st_rdev)
        os.chmod(device, 0o666)  # as it is on most machines
        as_nobody = ["unshare", "-m", "sh", "-c", f'mount --bind {device} /dev/fuse && exec setpriv --reuid {NOBODY} --regid {NOBODY} '
                     '--clear-groups "$@"', "sh", LITEMOUNT, self.backups, self.point, "-o", f"cache={self.folder / 'cache'}"]
        done = subprocess.run(as_nobody, capture_output=True, text=True, timeout=60)
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"user {NOBODY}", done.stderr)


if __name__ == "__main__":
    main()
