"""Runs replica_probe for the tests of this folder, and reads what it says.

A test program is a module of unittest cases over StoreTest, ended by `main()`. It prints a line a test and closes with
`N passed, N failed, N skipped`; if all were skipped it exits 77.
Environment: PROBE is the probe; TEST_SLOWNESS multiplies every time limit.
"""

import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROBE = os.environ.get("PROBE") or str(ROOT / "build/tests/replica/replica_probe")
SLOWNESS = float(os.environ.get("TEST_SLOWNESS", "1"))
SANITIZER_MARKS = ("ERROR: AddressSanitizer", "ERROR: LeakSanitizer", "WARNING: ThreadSanitizer", ": runtime error:")


class Answer:
    """What one run of the probe came to."""

    def __init__(self, completed):
        self.status = completed.returncode
        self.output = completed.stdout
        self.errors = completed.stderr.decode("utf-8", "replace")
        self.errno, _, self.reason = self.errors.strip().partition(": ")
        complaints = [mark for mark in SANITIZER_MARKS if mark in self.errors]
        if complaints or self.status not in (0, 1):
            raise AssertionError(f"the probe ended with {self.status}: {self.errors[-20000:]}")

    def lines(self):
        return self.output.decode("utf-8", "surrogateescape").splitlines()

    def objects(self):
        """key -> (version, size, time in nanoseconds)"""
        found = {}
        for line in self.lines():
            if "\t" in line:
                key, version, size, modified = line.split("\t")
                found[key] = (version, int(size), int(modified))
        return found

    def folders(self):
        return [line for line in self.lines() if line.endswith("/") and "\t" not in line]


def probe(settings, *command, seconds=60, environment=None, powerless=False):
    """Runs the probe with these settings. Words of the command may be numbers; "--" stands between commands. `powerless`:
    without root's right to read everything, should root run the tests."""
    words = [*(["setpriv", "--bounding-set=-all"] if powerless and os.geteuid() == 0 else []), PROBE, *(f"{name.replace('_', '-')}={value}" for name, value in settings.items()), *map(str, command)]
    completed = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, timeout=seconds * SLOWNESS, check=False,
                               env={**os.environ, **(environment or {})})
    return Answer(completed)


class StoreTest(unittest.TestCase):
    """A case with a folder of its own and settings for the probe."""

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="litemount-test-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.settings = {}

    def ask(self, *command, seconds=60, environment=None, **settings):
        """What must work."""
        answer = probe({**self.settings, **settings}, *command, seconds=seconds, environment=environment)
        self.assertEqual(answer.status, 0, answer.errors)
        return answer

    def refused(self, errno, *command, says=(), seconds=60, powerless=False, **settings):
        """What must fail with this errno and a reason that says all of `says`."""
        answer = probe({**self.settings, **settings}, *command, seconds=seconds, powerless=powerless)
        self.assertEqual((answer.status, answer.errno), (1, errno), answer.errors)
        for text in says:
            self.assertIn(text, answer.reason)
        return answer

    def listed(self, prefix="", depth="all", *more, **settings):
        return self.ask("list", prefix, depth, *more, **settings)


def write_objects(folder, objects):
    """Writes files from {key: bytes}."""
    for key, data in objects.items():
        path = pathlib.Path(folder) / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def noise(size, seed=0):
    """Bytes that repeat nowhere, the same each time."""
    return hashlib.shake_256(str(seed).encode()).digest(size)


class Outcome(unittest.TextTestResult):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.passed = 0

    def addSuccess(self, test):
        super().addSuccess(test)
        self.passed += 1


def main():
    """Runs the calling module's tests, or those that the command line names (`Reading.test_ranges`)."""
    loader, module = unittest.defaultTestLoader, sys.modules["__main__"]
    suite = loader.loadTestsFromNames(sys.argv[1:], module) if sys.argv[1:] else loader.loadTestsFromModule(module)
    outcome = unittest.TextTestRunner(stream=sys.stdout, verbosity=2, resultclass=Outcome).run(suite)
    for _, reason in outcome.skipped:
        print(f"skipped: {reason}")
    failed = len(outcome.failures) + len(outcome.errors)
    print(f"{outcome.passed} passed, {failed} failed, {len(outcome.skipped)} skipped", flush=True)
    sys.exit(1 if failed else 77 if outcome.skipped and not outcome.passed else 0)
