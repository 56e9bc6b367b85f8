"""What `points` lists is what the mount shows: the same restore points, positions and sizes, and the same holes.

Where a backup is damaged both leave out what they know to be no point. `points` looks at all of v0.3's objects, so what it
lists can be opened; of v0.5's files it reads the headers, so there may be damage that only who opens a state meets.
"""

import contextlib
import json
import os

from mounting import MountTest, main
from replicas import instant, instant_text

FIXTURES = ["rails-v03", "pagesizes-v03", "edges-v03", "age-v03", "shrink-v03", "damaged-v03", "broken-v03",
            "rails-v05", "frames-v05", "edges-v05", "mixed", "damaged-v05", "broken-v05"]
MET_LATER = ["damaged-v05", "broken-v05"]


class Points(MountTest):
    seconds = 300

    def rows(self, fixture, name):
        done = self.run_litemount("points", "-json", "-config", fixture / "litestream.yml", name,
                                  environment={"FIXTURE": str(fixture), "XDG_CACHE_HOME": str(self.folder / "verb")})
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def shown(self, folder):
        """What can be opened in a generation's points/: time, position and size of each. Its name leads to it."""
        found = []
        for parent, _, names in os.walk(folder):
            for path in (os.path.join(parent, name) for name in names):
                with contextlib.suppress(FileNotFoundError):
                    time, position = (os.getxattr(path, f"user.litemount.{what}").decode() for what in ("time", "position"))
                    found.append((time, position, os.stat(path).st_size))
                    self.assertIn(instant(os.path.basename(path).rsplit(".", 1)[0]) - instant(time), range(1_000_000))
        return sorted(found, key=lambda point: instant(point[0]))

    def check_holes(self, rows, at, extension):
        """Right before the next point the state tells the same gap, or none."""
        ends = [instant_text(instant(row["time"]) - 1) for row in rows[1:]] + ["now"]
        for row, end in zip(rows, ends):
            path = at / f"{end}.{extension}"
            gap = os.getxattr(path, "user.litemount.gap").decode() if "user.litemount.gap" in os.listxattr(path) else None
            if gap and "a part of the next transaction" in gap:
                gap = None  # no hole: test_ahead.py
            self.assertEqual(gap, row["gap"], f"{path}")

    def compare(self, fixture_name):
        fixture = self.fixture(fixture_name)
        tree = self.mount_fixture(fixture_name)
        for name in sorted(os.listdir(tree / "latest")):
            every = self.rows(fixture, name)
            self.assertEqual([row["time"] for row in every], sorted((row["time"] for row in every), key=instant))
            generations = tree / "databases" / name / "generations"
            for generation in os.listdir(generations):
                rows = [row for row in every if row["generation"] == generation]
                listed = [(row["time"], row["position"], row["size"]) for row in rows]
                with self.subTest(fixture=fixture_name, database=name, generation=generation):
                    shown = self.shown(generations / generation / "points")
                    if fixture_name in MET_LATER:
                        self.assertLessEqual(set(shown), set(listed))
                    else:
                        self.assertEqual(listed, shown)
                        self.check_holes(rows, generations / generation / "at", name.rsplit(".", 1)[-1])
        tree.unmount()


for _name in FIXTURES:
    setattr(Points, f"test_{_name.replace('-', '_')}", lambda self, name=_name: self.compare(name))

if __name__ == "__main__":
    main()
