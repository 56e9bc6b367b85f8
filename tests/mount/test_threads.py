"""One pool of threads for the process, however many databases are looked at at once, and however deep the work nests."""

import os
import pathlib
import shutil
import subprocess
import threading

from mounting import MountTest, main

NAME = "production_cache.sqlite3"
MOST = 80  # one store's share, the kernel's requests, and those that the process has anyway


class Threads(MountTest):
    seconds = 100

    def copies(self, fixture, count):
        """A folder of so many databases."""
        one = self.fixture(fixture) / "replica" / NAME
        for number in range(count):
            shutil.copytree(one, self.folder / f"many/tenant{number:04d}.sqlite3", copy_function=os.link)
        return self.folder / "many"

    def peak(self, mount, *command):
        """The most threads that the mount has while the command runs, and the lines that it prints."""
        tasks, most, ended = pathlib.Path(f"/proc/{mount.process.pid}/task"), [0], threading.Event()

        def watch():
            while not ended.wait(0.001):
                most[0] = max(most[0], sum(1 for _ in tasks.iterdir()))
        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        finally:
            ended.set()
            watcher.join()
        return most[0], done.stdout.splitlines()

    def check(self, mount, count, *command):
        most, lines = self.peak(mount, *command)
        self.assertEqual(len([line for line in lines if "tenant" in line]), count)
        self.assertLessEqual(most, MOST)

    def test_the_latest_of_many(self):
        mount = self.mount(self.copies("rails-v05", 100))
        self.check(mount, 100, "ls", "-l", mount / "latest")

    def test_many_at_a_time(self):
        mount = self.mount(self.copies("rails-v05", 300))
        self.check(mount, 300, "ls", mount / "at/now")


if __name__ == "__main__":
    main()
