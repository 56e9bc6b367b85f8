"""The generation `ltx`: its positions and points, what its files say of themselves, and v0.3's beside it."""

import errno
import os

import states
from mounting import ROOT, MountTest, main, sha256
from replicas import Ltx
from test_tree import instant_text

EDGES = "databases/edges.sqlite3/generations/ltx"


def lines_of(name):
    return states.read_lines(ROOT / f"tests/data/fixtures/{name}.expected.tsv")


class Edges(MountTest):
    def setUp(self):
        super().setUp()
        self.backup = self.fixture("edges-v05")
        self.tree = self.mount_fixture("edges-v05")

    def test_positions_are_what_litestream_restores(self):
        """The table asks for every TXID that there has been."""
        restored = [f"{line.argument}.sqlite3" for line in lines_of("edges-v05") if line.selector == "txid" and line.file]
        self.assertEqual(sorted(os.listdir(self.tree / EDGES / "positions")), sorted(restored))

    def test_points_are_the_times_of_the_files(self):
        times = {file.time for file in Ltx(self.backup / "replica/edges.sqlite3/ltx").files}
        points = list((self.tree / EDGES / "points").glob("*/*/*"))
        self.assertEqual(sorted(os.stat(point).st_mtime_ns for point in points), sorted(times))
        for point in points:
            self.assertEqual(sha256(point), sha256(self.tree / EDGES / "at" / point.name))

    def test_landmarks_are_the_ends_and_the_snapshots(self):
        files = Ltx(self.backup / "replica/edges.sqlite3/ltx").files
        times = {files[0].time, files[-1].time} | {file.time for file in files if file.level == 9}
        self.assertEqual(sorted(os.listdir(self.tree / EDGES / "at")), sorted(f"{instant_text(time)}.sqlite3" for time in times))

    def test_attributes(self):
        for file in ("latest/edges.sqlite3", f"{EDGES}/latest.sqlite3"):
            values = {name: os.getxattr(self.tree / file, name).decode() for name in os.listxattr(self.tree / file)}
            self.assertEqual(values["user.litemount.generation"], "ltx")
            self.assertEqual(values["user.litemount.position"], max(os.listdir(self.tree / EDGES / "positions"))[:16])
            self.assertEqual(values["user.litemount.time"], instant_text(os.stat(self.tree / file).st_mtime_ns))
            self.assertRegex(values["user.litemount.source-size"], r"^[1-9]\d*$")
            self.assertNotIn("user.litemount.gap", values)


class Others(MountTest):
    def test_both_formats_side_by_side(self):
        self.fixture("mixed")
        tree = self.mount_fixture("mixed")
        below = tree / "databases/upgraded.sqlite3/generations"
        self.assertEqual(sorted(os.listdir(below)), ["a69163d07d4846fc", "ltx"])
        restored = {line.argument: line.file.sha256 for line in lines_of("mixed") if line.selector in ("latest", "time")}
        self.assertEqual(sha256(below / "ltx/latest.sqlite3"), restored["-"])
        last_of_v03 = "2026-11-24T00:55:49.302Z"  # an hour before the first file of v0.5
        self.assertEqual(sha256(below / "a69163d07d4846fc/latest.sqlite3"), restored[last_of_v03])

    def test_a_gap_is_named_behind_it_only(self):
        self.fixture("damaged-v05")
        tree = self.mount_fixture("damaged-v05")
        behind = os.getxattr(tree / "latest/gap.sqlite3", "user.litemount.gap").decode()
        self.assertIn("0000000000000011", behind)  # the TXID that no file has
        for whole in ("at/2026-11-24T01:59:11.172Z/gap.sqlite3", "latest/junk.sqlite3"):
            with self.assertRaises(OSError) as caught:
                os.getxattr(tree / whole, "user.litemount.gap")
            self.assertEqual(caught.exception.errno, errno.ENODATA)


if __name__ == "__main__":
    main()
