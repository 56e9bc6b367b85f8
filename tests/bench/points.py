"""A history of very many points: what mounting, listing and looking again cost once it is known."""

import contextlib
import os
import shutil
import time

from lookup import mounted_file
from make_backup import write_backup
from server import adopt
from table import Bar, Section

NAME = "points"
NEW = 10  # segments that appear while it is mounted
WAL_INDEXES = 20
REFRESH = 10  # seconds, litemount's own
FIRST, KNOWN, LISTINGS, REFRESHED = ("first mount, stat of the newest", "mount, known, stat of the newest",
                                     "listings of points", f"{NEW} new segments")
THE_LINE = "the line: one page of the store's listing"


class History:
    """Segments in the store, the newest of them held back outside it."""

    def __init__(self, bench):
        self.replica = bench.store / "bench" / NAME
        self.held = bench.store.parent / "held-back"
        if not self.replica.exists():
            work = bench.store.parent / "work"
            write_backup(work, bench.size.points, WAL_INDEXES)
            adopt(work / "large.db")
            (work / "large.db").rename(self.replica)
            shutil.rmtree(work)
        self.held.mkdir(exist_ok=True)
        self.hold_back()

    def hold_back(self):
        segments = sorted(path for folder in (self.replica, self.held) for path in folder.rglob("*.wal.lz4"))
        self.newest = sorted(segments, key=lambda path: path.name)[-NEW:]
        self._move(self.held)

    def release(self):
        (generation,) = (self.replica / "generations").iterdir()
        self._move(generation / "wal")

    def _move(self, folder):
        self.newest = [path.rename(folder / path.name) for path in self.newest]


def listings(tree):
    """The folders down to an hour's points, each listed once. Returns the names and the slowest one's seconds."""
    folder, slowest, names = tree / "databases", 0, []
    for step in (None, None, "generations", None, "points", None, None):
        folder = folder / step if step else folder / sorted(names)[-1] if names else folder
        begin = time.monotonic()
        names = os.listdir(folder)
        slowest = max(slowest, time.monotonic() - begin)
    return names, slowest


def measured(meter, action):
    meter.restart()
    result = action()
    meter.stop()
    return result


def measure(bench):
    history, link, costs = History(bench), bench.farthest(), {}

    @contextlib.contextmanager
    def mount(what):
        meter = costs[what] = bench.meter(link)
        with bench.mount(meter, "0.3", link, cache="kept/points", name=NAME) as tree:
            mounted_file(tree, None).stat()
            meter.stop()
            yield tree

    with mount(FIRST):
        pass
    with mount(KNOWN) as tree:
        costs[LISTINGS] = bench.meter(link)
        _, slowest = measured(costs[LISTINGS], lambda: listings(tree))
        history.release()
        time.sleep(REFRESH + 0.1)
        costs[REFRESHED] = bench.meter(link)
        measured(costs[REFRESHED], lambda: mounted_file(tree, None).stat())
    history.hold_back()
    costs[THE_LINE] = bench.meter(link)
    costs[THE_LINE].run(["curl", "-sfS", "-o", "/dev/null", link.presigned("", **{"list-type": 2, "prefix": f"{NAME}/"})])
    costs[THE_LINE].stop()
    title = f"history of {bench.size.points} points, v0.3, {link.round_trip} ms"
    yield Section(title, {what: meter.cost for what, meter in costs.items()}, [
        Bar("seconds to mount, once known", costs[KNOWN].cost.wall, 1), Bar("seconds of the slowest listing", slowest, 0.05),
        Bar(f"requests for {NEW} new segments", costs[REFRESHED].cost.requests, NEW + 5)])
