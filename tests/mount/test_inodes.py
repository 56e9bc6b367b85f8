"""Inode numbers: a listing shows the one that stat shows, and different states have different ones.

A listing opens nothing, so where names and times do not tell which state a name leads to it shows the number that libfuse
has for what it does not know: in latest/, until the database was looked at; in at/TIME/ of v0.5, until the times of its
files are known; and where several generations or replicas may answer and something is missing.
"""

import collections
import contextlib
import os
import pathlib
import subprocess

from make_backup import write_backup
from mounting import MountTest, main, sha256
from stores import Bucket

UNKNOWN = 0xFFFFFFFF
SOUND = ["rails-v03", "edges-v03", "pagesizes-v03", "shrink-v03", "age-v03", "rails-v05", "edges-v05", "frames-v05"]
DAMAGED = ["damaged-v03", "broken-v03", "ahead-v03", "damaged-v05", "broken-v05"]


def listed(folder):
    """The inode of every name below it, as listings show it; nothing is looked at but folders."""
    with os.scandir(folder) as entries:
        found = {pathlib.Path(entry.path): entry.inode() for entry in entries}
    for path in list(found):
        if path.suffix not in (".db", ".sqlite3", ".sqlite"):
            found.update(listed(path))
    return found


class Inodes(MountTest):
    seconds = 300

    def below_at(self, tree):
        """What stands in some at/TIME/, which at/ lists."""
        found = {}
        for time in sorted(os.listdir(tree / "at"))[::5]:
            found.update(listed(tree / "at" / time))
        return found

    def check(self, inodes):
        """Each is what stat shows, or not known. Returns the paths of which it is not."""
        wrong = []
        for path, inode in inodes.items():
            try:
                shown = os.stat(path).st_ino
            except OSError:  # what is damaged is met when it is opened
                continue
            if inode not in (shown, UNKNOWN):
                wrong.append(f"{path}: listed as {inode}, but {shown}")
        self.assertEqual(wrong, [])
        return [path for path, inode in inodes.items() if inode == UNKNOWN]

    def check_states(self, paths):
        """Equal numbers are of equal bytes, and what is told to be one state has one number."""
        sums, states = collections.defaultdict(set), collections.defaultdict(set)
        for path in paths:
            attributes = [os.getxattr(path, f"user.litemount.{name}") for name in ("database", "generation", "position", "time")]
            inode = os.stat(path).st_ino
            states[tuple(attributes)].add(inode)
            sums[inode].add((attributes[0], sha256(path)))
        self.assertEqual([found for found in sums.values() if len(found) > 1], [])
        self.assertEqual([state for state, found in states.items() if len(found) > 1], [])

    def test_a_listing_shows_what_stat_shows(self):
        for name in SOUND:
            with self.subTest(fixture=name):
                tree = self.mount_fixture(name, point=f"mnt-{name}", cache=f"cache-{name}")
                first = listed(tree / "databases")
                self.assertEqual(self.check(first), [])
                latest = listed(tree / "latest")
                self.assertEqual(self.check(latest), [])
                at = self.below_at(tree)
                unknown = self.check(at)
                if name != "rails-v03":
                    self.assertEqual(unknown, [])
                self.check_states(path for path in [*first, *at, *latest] if path.is_file())

    def test_a_listing_is_right_over_damage(self):
        for name in [*DAMAGED, "mixed"]:
            with self.subTest(fixture=name):
                tree = self.mount_fixture(name, point=f"mnt-{name}", cache=f"cache-{name}")
                for folder in ("databases", "latest"):
                    for path in listed(tree / folder):
                        with contextlib.suppress(OSError):
                            os.stat(path)  # meets the damage
                for folder in ("databases", "latest"):
                    with self.subTest(fixture=name, folder=folder):
                        self.check(listed(tree / folder))
                with self.subTest(fixture=name, folder="at"):
                    self.check(self.below_at(tree))


if __name__ == "__main__":
    main()
