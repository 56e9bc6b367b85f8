"""An independent reading of a file replica, for states.py: by the names and times of its objects alone, what a restore to
an instant would use. Nanoseconds since 1970 throughout.
"""

import bisect
import datetime
import math
import re
from typing import NamedTuple, Optional

SNAPSHOT = re.compile(r"([0-9a-f]{8})\.snapshot\.lz4")
SEGMENT = re.compile(r"([0-9a-f]{8})_([0-9a-f]{8,16})\.wal\.lz4")
LTX = re.compile(r"([0-9a-f]{16})-([0-9a-f]{16})\.ltx")
LTX_SNAPSHOTS = 9  # the level of files that are whole databases


def instant(text):
    """Nanoseconds since the epoch of an RFC 3339 time."""
    date, fraction, zone = re.fullmatch(r"(.{19})(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)", text).groups()
    seconds = datetime.datetime.fromisoformat(date + zone.replace("Z", "+00:00")).timestamp()
    return int(seconds) * 10**9 + int((fraction or "0").ljust(9, "0"))


def instant_text(time):
    """The RFC 3339 time, with as many digits as it needs: as Go writes it."""
    text = datetime.datetime.fromtimestamp(time // 10**9, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")
    return text + f".{time % 10**9:09d}".rstrip("0").rstrip(".") + "Z"


class Object(NamedTuple):
    """A snapshot or WAL segment: what its name and its mtime say. In the order of positions; snapshots have no offset."""
    index: int
    offset: Optional[int]
    time: int


class Point(NamedTuple):
    """What a restore to some instant would use."""
    time: int           # of the newest object that it depends on
    state: tuple        # generation, and the last segment applied or else the snapshot: the same state, the same bytes
    snapshot_time: int


class Generation:
    def __init__(self, folder):
        self.name = folder.name
        self.snapshots = self._objects(folder / "snapshots", SNAPSHOT)
        self.segments = self._objects(folder / "wal", SEGMENT)
        times = [found.time for found in self.snapshots + self.segments]
        self.start, self.end = (min(times), max(times)) if times else (math.inf, -math.inf)

    @staticmethod
    def _objects(folder, pattern):
        paths = folder.iterdir() if folder.is_dir() else []
        matches = [(pattern.fullmatch(path.name), path.stat().st_mtime_ns) for path in paths]
        return sorted(Object(*(int(number, 16) for number in match.groups()), *[None] * (pattern is SNAPSHOT), time)
                      for match, time in matches if match)

    def point(self, time=math.inf, index=math.inf):
        """The newest point at or before a time, and at or before the end of a WAL index; None if there is none.

        Litestream's rule (v0.3.13, replica.go): the youngest snapshot, then every segment up to the first that is too
        young, in the order of their positions, whatever the times of those behind it.
        """
        snapshots = [found for found in self.snapshots if found.time <= time and found.index <= index]
        if not snapshots:
            return None
        snapshot = max(snapshots, key=lambda found: found.time)
        latest, last = snapshot.time, (snapshot.index, None)
        for segment in self.segments:
            if segment.time > time or segment.index > index:
                break
            latest = max(latest, segment.time)
            if segment.index >= snapshot.index:
                last = (segment.index, segment.offset)
        return Point(latest, (self.name, *last), snapshot.time)


class LtxFile(NamedTuple):
    """A file of v0.5, in the order of times."""
    time: int
    level: int
    max_txid: int


class Ltx:
    """A history of v0.5."""

    def __init__(self, folder):
        paths = [(path, LTX.fullmatch(path.name)) for path in folder.glob("*/*.ltx")]
        self.files = sorted(LtxFile(path.stat().st_mtime_ns, int(path.parent.name), int(match[2], 16))
                            for path, match in paths if match)
        self._times = [file.time for file in self.files]

    def count(self, time, exclusive):
        """How many of the files a restore to the instant looks at."""
        return bisect.bisect_left(self._times, time) if exclusive else bisect.bisect_right(self._times, time)

    def has_snapshot_between(self, start, end):
        return any(file.level == LTX_SNAPSHOTS and start < file.time <= end for file in self.files)


class Replica:
    def __init__(self, folder):
        paths = sorted((folder / "generations").glob("*"))
        self.generations = {path.name: Generation(path) for path in paths if re.fullmatch("[0-9a-f]{16}", path.name)}
        self.ltx = Ltx(folder / "ltx")

    def restored(self, time):
        """The point that the real program answers with: of the generations that contain the time, the last to end."""
        return max(self.spanning(time), key=lambda generation: generation.end).point(time)

    def spanning(self, time):
        """The generations that contain the time."""
        return [generation for generation in self.generations.values() if generation.start <= time <= generation.end]

    def newest(self, time):
        """The newest point at or before the time, over all generations; at a tie in the one that ends last."""
        points = [(point.time, generation.end, point) for generation in self.generations.values()
                  if (point := generation.point(time))]
        return max(points)[2] if points else None

    def seen(self, time, exclusive):
        """What a restore to the instant looks at, of a replica that v0.5 has written to: as many files of v0.5, and this
        point of v0.3. Two instants that see the same have the same answer. v0.5 counts files before the instant for the
        real program (`exclusive`), at or before it for us, v0.3 at or before it for both. None: nothing at all."""
        point, files = self.newest(time), self.ltx.count(time, exclusive)
        return (files, point.state if point else None) if files or point else None
