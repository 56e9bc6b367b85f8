"""Inode numbers: a listing shows the one that stat shows, and different states have different ones.

A listing opens nothing, so where names and times do not tell which state a name leads to it shows the number that libfuse
has for what it does not know: in latest/, until the database was looked at; in at/TIME/ of v0.5, until the times of its
files are known; and in latest/ and at/ where several generations or replicas may answer, and what is newer than the point
can't be had, or the time lies in none of them.
"""

import collections
import contextlib
import os
import pathlib
import subprocess

from mounting import MountTest, main, sha256

UNKNOWN = 0xFFFFFFFF
SEVERAL = ["rails-v03", "edges-v03"]  # generations of one database: what stands in at/ is not always known
SOUND = ["rails-v03", "edges-v03", "pagesizes-v03", "shrink-v03", "age-v03", "rails-v05", "edges-v05", "frames-v05"]
DAMAGED = ["damaged-v03", "broken-v03", "ahead-v03", "damaged-v05", "broken-v05"]


def listed(folder):
    """The inode of every name below it, as listings show it; nothing is looked at but folders."""
    found = {}
    with os.scandir(folder) as listing:
        entries = list(listing)
    for entry in entries:
        found[pathlib.Path(entry.path)] = entry.inode()
        if entry.is_dir():  # which the listing tells: a database's folder is called as its file
            found.update(listed(entry.path))
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
        """Equal numbers are of equal bytes; and a point has one number by whatever name. (v0.5 may read a position upon a base
        that came after the point: another state, of the same bytes.)"""
        sums, points = collections.defaultdict(set), collections.defaultdict(set)
        for path in paths:
            attributes = [os.getxattr(path, f"user.litemount.{name}") for name in ("database", "generation", "position", "time")]
            inode = os.stat(path).st_ino
            sums[inode].add((attributes[0], sha256(path)))
            if "ltx" not in path.parts or path.parent.name != "positions":
                points[tuple(attributes)].add(inode)
        self.assertEqual([found for found in sums.values() if len(found) > 1], [])
        self.assertEqual([point for point, found in points.items() if len(found) > 1], [])

    def test_a_listing_shows_what_stat_shows(self):
        for name in SOUND:
            with self.subTest(fixture=name):
                tree = self.mount_fixture(name, point=f"mnt-{name}", cache=f"cache-{name}")
                databases, latest, at = listed(tree / "databases"), listed(tree / "latest"), self.below_at(tree)
                shown = {**databases, **latest, **at}
                for kind in ("latest", "points", "positions"):
                    self.assertTrue(any(kind in os.fspath(path) for path in databases if path.is_file()), kind)
                unknown = self.check(shown)
                if name in SEVERAL:
                    unknown = [path for path in unknown if "at" not in path.relative_to(tree.point).parts]
                self.assertEqual(unknown, [])
                self.check_states(path for path in shown if path.is_file())

    def test_find_finds(self):
        """find and ls take the number from the listing."""
        for name in ("rails-v03", "edges-v05"):
            tree = self.mount_fixture(name, point=f"mnt-{name}", cache=f"cache-{name}")
            files = sorted(path for path in listed(tree / "databases") if path.is_file() and "generations" in path.parts)
            for file in files[:: len(files) // 5]:
                inode = str(os.stat(file).st_ino)
                found = subprocess.run(["find", tree / "databases", "-inum", inode], capture_output=True, text=True, check=True)
                self.assertIn(os.fspath(file), found.stdout.splitlines())
                found = subprocess.run(["ls", "-i", file.parent], capture_output=True, text=True, check=True)
                self.assertIn(f"{inode} {file.name}", found.stdout)

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
