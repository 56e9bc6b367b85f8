"""litemount restore: where it writes, what it leaves alone, and what it does without room."""

import contextlib
import fcntl
import os
import pathlib
import resource
import shutil
import stat
import subprocess

from running import main
from restoring import NAME, RestoreTest

SIDECARS = ("-wal", "-shm", "-journal")
TEMPORARY = ".aaaaaa.litemount-new"


class Places(RestoreTest):
    def test_its_own_path_is_the_default(self):
        shutil.rmtree(self.database.parent, ignore_errors=True)  # a new machine
        self.assert_restored(self.run_verb("restore", self.database), target=self.database)

    def test_names_of_a_database(self):
        for number, name in enumerate((NAME, f"./data/{NAME}", f"data/../data//{NAME}")):
            target = self.place / str(number)
            self.assert_restored(self.run_verb("restore", "--o", target, name, cwd=self.backup), target=target)

    def test_a_url(self):
        url = f"file://{self.backup}/replica/{NAME}"
        self.assert_refused(self.run_verb("restore", url), "-o", status=2)
        self.assert_restored(self.run_verb("restore", f"-o={self.target}", url))

    def test_only_who_restored_may_read_it(self):
        self.assert_restored(self.restore(), target=self.target)
        self.assertEqual(stat.S_IMODE(self.target.stat().st_mode), 0o600)
        self.assertEqual(os.listdir(self.place), [self.target.name])

    def test_folders_are_made(self):
        target = self.place / "a/b/c.db"
        self.assert_restored(self.restore(output=target), target=target)

    def test_an_empty_file_is_no_database(self):
        self.target.touch()
        self.assert_restored(self.restore())

    def test_what_is_there_stays(self):
        self.target.write_text("mine")
        self.assert_refused(self.restore(), self.target, "-force", left=[self.target.name])
        self.assertEqual(self.target.read_text(), "mine")

    def test_what_sqlite_left_beside_it_stays(self):
        for sidecar in SIDECARS:
            beside = pathlib.Path(f"{self.target}{sidecar}")
            beside.touch()
            self.assert_refused(self.restore(), beside, "-force", left=[beside.name])
            beside.unlink()

    def test_what_sqlite_left_beside_the_file_of_a_link_stays(self):
        (self.place / "elsewhere.db").touch()
        self.target.symlink_to("elsewhere.db")
        for sidecar in SIDECARS:
            beside = self.place / f"elsewhere.db{sidecar}"
            beside.touch()
            self.assert_refused(self.restore(), beside, "-force", left=[self.target.name, "elsewhere.db", beside.name])
            beside.unlink()
        pathlib.Path(f"{self.target}-wal").touch()
        self.assert_restored(self.restore())

    def test_force_replaces_all_of_it(self):
        self.target.write_text("mine")
        self.target.chmod(0o640)
        if os.geteuid() == 0:
            os.chown(self.target, 1234, 4321)
        for sidecar in SIDECARS:
            pathlib.Path(f"{self.target}{sidecar}").touch()
        before = self.target.stat()
        self.assert_restored(self.restore("-force"))
        after = self.target.stat()
        self.assertEqual((after.st_mode, after.st_uid, after.st_gid), (before.st_mode, before.st_uid, before.st_gid))
        self.assertEqual(os.listdir(self.place), [self.target.name])

    def test_a_link_stays_a_link(self):
        elsewhere = self.place / "elsewhere.db"
        elsewhere.write_text("mine")
        self.target.symlink_to(elsewhere.name)
        self.assert_restored(self.restore("-force"), target=elsewhere)
        self.assertTrue(self.target.is_symlink())

    def test_a_name_as_long_as_names_are(self):
        self.assert_restored(self.restore(output=self.place / ("x" * 255)), target=self.place / ("x" * 255))

    def test_a_link_to_nothing_is_no_place(self):
        self.target.symlink_to(self.folder / "nothing")
        self.assert_refused(self.restore(), self.target, "leads to no file", left=[self.target.name])

    def test_a_folder_and_a_device_are_no_place(self):
        self.assert_refused(self.restore("-force", output=self.place), "folder")
        self.assert_refused(self.restore("-force", output="/dev/null"), "/dev/null")
        self.assert_refused(self.restore(output=f"{self.database.parents[1]}/litestream.yml/x"), "Not a directory")

    def test_a_folder_that_may_not_be_written_to(self):
        self.assert_refused(self.restore(output="/proc/restored.db"), "/proc/restored.db", "cannot create it")

    def test_what_a_killed_one_left_goes(self):
        left, held = (pathlib.Path(f"{self.target}{ending}") for ending in (TEMPORARY, TEMPORARY.replace("a", "b")))
        others = [self.place / name for name in ("other.db" + TEMPORARY, self.target.name + ".aaaaaa.tmp")]
        for path in (left, held, *others):
            path.touch()
        with open(held, "rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            self.assert_restored(self.restore())
        self.assertEqual({path.name for path in (held, *others, self.target)}, set(os.listdir(self.place)))


class Shortages(RestoreTest):
    def test_no_cache(self):
        for number, variables in enumerate(({"XDG_CACHE_HOME": "/proc/nowhere"}, {"XDG_CACHE_HOME": "", "HOME": "/proc/nowhere"})):
            self.environment.update(variables)
            target = self.place / str(number)
            result = self.restore(output=target)
            self.assert_restored(result, target=target)
            self.assertIn("reading without a cache", result.stderr)

    def test_a_cache_on_a_full_disk(self):
        """The cache fails to write; the restore goes on."""
        self.restore()
        size = self.target.stat().st_size
        self.target.unlink()
        shutil.rmtree(self.folder / "cache")
        with self.file_system(size // 4) as small:
            self.environment["XDG_CACHE_HOME"] = str(small)
            self.assert_restored(self.restore())

    def test_no_room(self):
        with self.file_system(64 << 10) as small:
            result = self.restore(output=small / "restored.db")
            self.assert_refused(result, "no room", "No space left")
            self.assertEqual(os.listdir(small), [])

    def test_a_file_that_may_not_grow(self):
        def limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (64 << 10, 64 << 10))
        self.assert_refused(self.restore(preexec_fn=limit), "File too large")

    @contextlib.contextmanager
    def file_system(self, size):
        """A file system of so many bytes."""
        point = self.folder / "small"
        point.mkdir()
        if os.geteuid() or subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", point]).returncode:
            self.skipTest("a small file system cannot be mounted here")
        try:
            yield point
        finally:
            subprocess.run(["umount", point], check=True)


if __name__ == "__main__":
    main()
