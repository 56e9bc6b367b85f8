"""Where memory is short: what fails for a moment must not stay so, and what fails for good leaves nothing behind."""

import os
import re
import subprocess
import unittest

from mounting import LITEMOUNT, MountTest, main, mounts, sha256, take_away

SHIM = os.environ.get("FAILING_CALLS")
NAME = "production.sqlite3"


def sanitizers():
    """The libraries of the program's sanitizers, which want to be loaded first."""
    return re.findall(r"/\S+san\.so\S*", subprocess.run(["ldd", LITEMOUNT], capture_output=True, text=True, check=True).stdout)


@unittest.skipUnless(SHIM, "FAILING_CALLS does not name the built library")
class Short(MountTest):
    def setUp(self):
        super().setUp()
        self.backup = self.fixture("rails-v03")
        self.environment = {"FIXTURE": str(self.backup), "LD_PRELOAD": ":".join([*sanitizers(), SHIM])}

    def test_requests_that_cannot_be_received_at_once(self):
        mount = self.mount(self.backup / "litestream.yml", environment={**self.environment, "FAIL_READS": "3"})
        self.assertTrue(sha256(mount / "latest" / NAME))
        self.assertIn(NAME, os.listdir(mount / "databases"))
        self.assertEqual(mount.unmount(), 0)

    def test_a_mount_that_fails_late_is_taken_off(self):
        point = self.folder / "mnt"
        point.mkdir()
        self.addCleanup(take_away, point)
        done = self.run_litemount(self.backup / "litestream.yml", point, "-o", f"cache={self.folder / 'cache'}",
                                  environment={**self.environment, "FAIL_CUSTOM_IO": "1"})
        self.assertEqual(done.returncode, 1)
        self.assertIn("memory", done.stderr)
        self.assertNotIn(str(point), mounts())


if __name__ == "__main__":
    main()
