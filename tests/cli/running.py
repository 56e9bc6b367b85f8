"""Runs litemount's verbs for the tests of this folder: what tests/mount has for mounts, without one."""

import os
import pathlib
import signal
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/mount"))
import mounting  # noqa: E402 (it lives with the tests of the mount)
from mounting import LITEMOUNT, SLOWNESS  # noqa: E402


class VerbTest(mounting.MountTest):
    """A case with a folder, a cache and a home of its own."""

    def setUp(self):
        super().setUp()
        self.environment = {**os.environ, "XDG_CACHE_HOME": str(self.folder / "cache"), "HOME": str(self.folder)}

    def fixture(self, name):
        """Unpacks a fixture; its litestream.yml is the default from now on."""
        folder = super().fixture(name)
        self.environment.update(FIXTURE=str(folder), LITESTREAM_CONFIG=str(folder / "litestream.yml"))
        return folder

    def start(self, *arguments, **settings):
        settings = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True,
                    "env": self.environment, **settings}
        return self.processes.start([LITEMOUNT, *arguments], **settings)

    def run_verb(self, *arguments, seconds=60, **settings):
        """Runs it to its end; fails if a sanitizer had something to say, or it was ended by a signal."""
        process = self.start(*arguments, **settings)
        output, errors = process.communicate(timeout=seconds * SLOWNESS)
        return self.ended(process, output, errors)

    def ended(self, process, output, errors):
        if any(mark in errors for mark in mounting.SANITIZER_MARKS) or -process.returncode in (signal.SIGABRT, signal.SIGSEGV):
            raise AssertionError(f"{process.args} ended with {process.returncode}:\n{errors[-20000:]}")
        return subprocess.CompletedProcess(process.args, process.returncode, output, errors)


def main():
    mounting.main(mounts=False)
