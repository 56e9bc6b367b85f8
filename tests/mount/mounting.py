"""Mounts litemount for the tests of this folder, as a person would, and leaves nothing behind.

A test program is a module of unittest cases over MountTest, ended by `main()`. It prints a line a test and closes with
`N passed, N failed, N skipped`; if all were skipped it exits 77. No test can hang: past its time everything that it
started is killed, which makes the kernel answer whoever waits on the mount.

Environment: LITEMOUNT is the program under test; TEST_SLOWNESS multiplies every time limit (a sanitizer's build).
"""

import contextlib
import hashlib
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
LITEMOUNT = os.environ.get("LITEMOUNT") or str(ROOT / "build/fs/litemount")
SLOWNESS = float(os.environ.get("TEST_SLOWNESS", "1"))
SANITIZER_MARKS = ("ERROR: AddressSanitizer", "ERROR: LeakSanitizer", "WARNING: ThreadSanitizer", ": runtime error:")


def sha256(path):
    """The SHA-256 of a file's bytes, in hex."""
    digest = hashlib.sha256()
    with open(path, "rb", buffering=0) as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def wait_until(condition, seconds, what):
    """Waits until condition() is true and returns what it gave."""
    end = time.monotonic() + seconds * SLOWNESS
    while not (result := condition()):
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {seconds * SLOWNESS:.0f} s")
        time.sleep(0.02)
    return result


def mounts():
    """The mount points there are now. Read from the kernel's table, so that a dead mount cannot hang the reader."""
    with open("/proc/self/mounts", encoding="utf-8", errors="surrogateescape") as table:
        return [line.split()[1] for line in table]


# ---------------------------------------------------------------------------------------------------- fixtures


def fixture(name, folder):
    """Unpacks a fixture below `folder`, object times and all, and returns its folder."""
    archive = ROOT / f"tests/data/fixtures/{name}.tar.xz"
    if name == "rails-v03":
        archive = ROOT / "examples/rails-backup.tar.xz"
    subprocess.run(["tar", "-xJf", archive, "-C", folder], check=True)
    return pathlib.Path(folder) / name


# ------------------------------------------------------------------------------------------------------ mounts


class Processes:
    """What a test has started. Ended one by one, by pid."""

    def __init__(self):
        self._lock = threading.Lock()
        self._running = []

    def start(self, command, **settings):
        with self._lock:
            process = subprocess.Popen([str(word) for word in command], **settings)
            self._running.append(process)
            return process

    def kill_all(self):
        with self._lock:
            for process in self._running:
                if process.poll() is None:
                    process.kill()

    def reap_all(self):
        self.kill_all()
        for process in self._running:
            process.wait(10)


class Mount:
    """One litemount in the foreground: mounted when made, within `seconds`; unmounted by unmount(), cleaned up by close()."""

    def __init__(self, processes, point, source, options=(), environment=None, arguments=(), log=None, seconds=30):
        self.point = pathlib.Path(point)
        self.point.mkdir(exist_ok=True)
        self.log_path = pathlib.Path(log or f"{point}.log")
        command = [LITEMOUNT, source, self.point, "-f", *arguments]
        if options:
            command += ["-o", ",".join(options)]
        with open(self.log_path, "ab") as log_file:
            self.process = processes.start(command, stdin=subprocess.DEVNULL, stdout=log_file, stderr=log_file,
                                           env={**os.environ, **(environment or {})})
        wait_until(self._settled, seconds, f"mounting {source}")
        if self.process.poll() is not None:
            raise AssertionError(f"litemount ended with {self.process.returncode}: {self.log()}")

    def _settled(self):
        return self.process.poll() is not None or str(self.point) in mounts()

    def __truediv__(self, name):
        return self.point / name

    def log(self):
        return self.log_path.read_text("utf-8", "replace")

    def unmount(self, seconds=10):
        """fusermount3 -u, as a person would. Returns the program's exit status."""
        subprocess.run(["fusermount3", "-u", self.point], check=True, timeout=seconds * SLOWNESS)
        return self.process.wait(seconds * SLOWNESS)

    def kill(self):
        """kill -9, and the dead mount taken away."""
        self.process.kill()
        self.process.wait(10)
        take_away(self.point)

    def close(self):
        """Ends it, however far it got, and fails if a sanitizer had something to say."""
        if self.process.poll() is None:
            with contextlib.suppress(subprocess.SubprocessError):
                self.unmount()
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)
        take_away(self.point)
        complaints = [line for line in self.log().splitlines() if any(mark in line for mark in SANITIZER_MARKS)]
        if complaints:
            raise AssertionError("a sanitizer complained:\n" + self.log()[-20000:])


def take_away(point):
    """Unmounts `point` as often as something is mounted there, busy or dead."""
    for _ in range(5):
        if str(point) not in mounts():
            return
        subprocess.run(["fusermount3", "-u", "-z", point], stderr=subprocess.DEVNULL, timeout=10)


class MountTest(unittest.TestCase):
    """A case with a folder of its own, mounts that are always cleaned up, and a limit on its time."""

    seconds = 120  # a test's limit

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="litemount-test-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.processes = Processes()
        self.addCleanup(self.processes.reap_all)
        watchdog = threading.Timer(self.seconds * SLOWNESS, self._out_of_time)
        watchdog.daemon = True
        watchdog.start()
        self.addCleanup(watchdog.cancel)

    def _out_of_time(self):
        print(f"out of time: {self.id()}", file=sys.stderr)
        self.processes.kill_all()

    def fixture(self, name):
        return fixture(name, self.folder)

    def mount(self, source, *options, point="mnt", cache="cache", **settings):
        """Mounts `source`, with a cache below the test's own folder."""
        if cache:
            options = (f"cache={self.folder / cache}", *options)
        mount = Mount(self.processes, self.folder / point, source, options, **settings)
        self.addCleanup(mount.close)
        return mount

    def mount_fixture(self, name, *options, **settings):
        folder = self.folder / name
        if not folder.exists():
            self.fixture(name)
        return self.mount(folder / "litestream.yml", *options, environment={"FIXTURE": str(folder)}, **settings)

    def run_litemount(self, *arguments, environment=None, seconds=60):
        """Runs the program to its end; for what is expected to fail, or to go to the background."""
        return subprocess.run([LITEMOUNT, *map(str, arguments)], env={**os.environ, **(environment or {})},
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds * SLOWNESS)


# ----------------------------------------------------------------------------------------------------- results


class Outcome(unittest.TestResult):
    """Prints a line a test, as it ends."""

    def __init__(self):
        super().__init__()
        self.passed, self.failed = 0, set()

    def startTest(self, test):
        super().startTest(test)
        self.begin = time.monotonic()

    def _name(self, test):
        return test.id().removeprefix("__main__.")

    def addSuccess(self, test):
        self.passed += 1
        print(f"passed: {self._name(test)} ({time.monotonic() - self.begin:.1f} s)", flush=True)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        print(f"skipped: {self._name(test)}: {reason}", flush=True)

    def addError(self, test, error):
        self.failed.add(self._name(test))
        print(f"FAILED: {self._name(test)}\n" + "".join(traceback.format_exception(*error)), flush=True)

    addFailure = addError

    def addSubTest(self, test, subtest, error):
        if error:
            print(f"  in {subtest.id()}")
            self.addError(test, error)


def main(mounts=True):
    """Runs the calling module's tests, or those that the command line names (`Tree.test_modes`). `mounts`: they mount."""
    for code in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(code, lambda *_: sys.exit(1))
    loader, module = unittest.defaultTestLoader, sys.modules["__main__"]
    suite = loader.loadTestsFromNames(sys.argv[1:], module) if sys.argv[1:] else loader.loadTestsFromModule(module)
    outcome = Outcome()
    if (os.path.exists("/dev/fuse") or not mounts) and os.access(LITEMOUNT, os.X_OK):
        suite.run(outcome)
    else:
        print(f"skipped: {pathlib.Path(sys.argv[0]).stem}: no /dev/fuse here, or {LITEMOUNT} is not built")
        outcome.skipped.append((suite, "cannot mount"))
    print(f"{outcome.passed} passed, {len(outcome.failed)} failed, {len(outcome.skipped)} skipped")
    sys.exit(1 if outcome.failed else 77 if outcome.skipped and not outcome.passed else 0)
