#!/usr/bin/env python3
"""Compares what a mount shows with what the real Litestream restored, line by line of a fixture's expected.tsv.

    states.py FOLDER EXPECTED MOUNTPOINT     FOLDER is the unpacked fixture, whose litestream.yml is mounted there
    states.py --dry-run FOLDER EXPECTED      says what would be compared, and whether the table agrees with itself
    states.py --files LIST                   compares files without a mount: a line is a path, a tab, its SHA-256

What a line wants:

- The real program restored a file: the mount shows the same bytes. But where a `vouched` line tells otherwise for the
  same database and instant, that one holds: over damage the real program writes files that were never a state.
- A `before-damage` line says up to which instant a damaged history can be believed. Everything later, `latest` too, is
  that line's state, until a snapshot that is younger than the damage makes a new start.
- The real program refused because no generation contains the time, or because the one that it picked had no snapshot
  yet: the mount shows the newest point at or before the time, over all generations (or in the one that is named). Which
  point that is follows from the names and times of the replica's objects; the line that restored the same point tells its
  bytes. If none does, the file must be one that SQLite finds sound. Without such a point there is no file.
- The real program could not decode the only snapshot that there is: there is nothing to show, and no byte may be read.
- v0.5 looks only at files *before* the instant that it is asked for, we also at one of just that time. So the bytes for an
  instant come from a line for which the real program looks at as many files: at a file's own time that is the line of a
  nanosecond, or anything else before the next file's time, later. Before the first file there is nothing.
- A TXID that the real program refuses is no position.
- Where something at or before the instant can't be had the file has a gap: the undamaged history has another state there,
  or there was damage before, or the real program picked a generation that has no snapshot yet. But not where v0.5 has what
  is missing in a younger file of another level, as always when level 0 has been pruned: only finer points are gone then.
"""

import argparse
import csv
import errno
import math
import os
import pathlib
import re
import sqlite3
import sys
import urllib.parse
from typing import NamedTuple, Optional

from mounting import sha256
from replicas import Replica, instant


# -------------------------------------------------------------------------------------------------- the table


WHOLE = "base.sqlite3"  # beside it stand damaged copies of the same history
PRUNED = ("level1-covers.sqlite3", "missing-level1.sqlite3", "no-snapshots.sqlite3")  # v0.5: other levels hold the same


class File(NamedTuple):
    """Exactly these bytes."""
    sha256: str
    size: int

    def accepts(self, got):
        return got == self

    def __str__(self):
        return f"{self.sha256[:16]} of {self.size} bytes"


class Failure(NamedTuple):
    """No file, or one that cannot be read, for one of these reasons."""
    errors: tuple

    def accepts(self, got):
        return isinstance(got, Failure) and set(got.errors) <= set(self.errors)

    def __str__(self):
        return " or ".join(errno.errorcode.get(error, str(error)) for error in self.errors)


class Sound:
    """A file of which nothing is known, but that it is a database."""

    def accepts(self, got):
        return isinstance(got, File)

    def __str__(self):
        return "a sound database"


NOTHING = Failure((errno.ENOENT,))
UNREADABLE = Failure((errno.ENOENT, errno.EIO))


class Line(NamedTuple):
    number: int
    database: str  # as the mount names it
    selector: str
    argument: str
    file: Optional[File]
    derived: bool
    error: str

    def time(self):
        """The instant that the line asks for; infinite for "latest"."""
        text = self.argument.rpartition("@")[2]
        timed = self.selector in ("time", "generation+time", "vouched", "before-damage") and text != "-"
        return instant(text) if timed else math.inf

    def generation(self):
        """The generation that the line names, of v0.3."""
        return re.split("[@/]", self.argument)[0] if self.selector in ("generation", "generation+time", "index") else None

    def path(self):
        """Where the mount shows it. Of an index it is the folder of its positions, of which the last is meant."""
        name, time = self.database, self.argument.rpartition("@")[2]
        below = f"databases/{name}/generations/{self.generation()}"
        if self.selector == "txid":
            return f"databases/{name}/generations/ltx/positions/{self.argument}{extension(name)}"
        if self.selector == "index":
            return f"{below}/positions/{self.argument.rpartition('/')[2]}"
        if self.selector == "generation":
            return f"{below}/latest{extension(name)}"
        if self.selector == "generation+time":
            return f"{below}/at/{time}{extension(name)}"
        return f"latest/{name}" if time == "-" else f"at/{time}/{name}"


def extension(name):
    return pathlib.PurePath(name).suffix or ".db"


def read_lines(expected):
    with open(expected, encoding="utf-8", newline="") as table:
        return [Line(number, row["database"].removeprefix("data/"), row["selector"], row["argument"],
                     File(row["sha256"], int(row["size"])) if len(row["sha256"]) == 64 else None,
                     row["tool"] == "derived", row["error"])
                for number, row in enumerate(csv.DictReader(table, delimiter="\t"), start=2)]


class Table:
    """A fixture's expected.tsv, and what each of its lines wants of the mount."""

    def __init__(self, folder, expected):
        self.fixture = pathlib.Path(folder).name
        self.lines = read_lines(expected)
        self.replicas = {name: Replica(pathlib.Path(folder, "replica", name))
                         for name in {line.database for line in self.lines}}
        self.vouched = {(line.database, line.argument): line.file for line in self.lines if line.selector == "vouched"}
        self.damage = {line.database: line for line in self.lines if line.selector == "before-damage"}
        self.states, self.undecodable = {}, set()
        for line in self.lines:
            self._learn(line)

    def known(self, line):
        return line.selector in ("latest", "time", "generation", "generation+time", "index", "txid", "vouched",
                                 "before-damage")

    def _point(self, line):
        """The point that the line is about: the one that was restored, else the newest at or before its time."""
        replica, name = self.replicas[line.database], line.generation()
        if name:
            index = int(line.argument.rpartition("/")[2], 16) if line.selector == "index" else math.inf
            return replica.generations[name].point(line.time(), index)
        return replica.restored(line.time()) if line.file and line.selector == "time" else replica.newest(line.time())

    def _state(self, line, exclusive):
        """The line's database and what names its state, if anything does: lines of the same state have the same bytes."""
        if self.replicas[line.database].ltx.files:
            timed = line.selector in ("latest", "time")
            state = self.replicas[line.database].seen(line.time(), exclusive) if timed else None
        else:
            point = self._point(line)
            state = point.state if point else None
        return (line.database, state) if state else None

    def _learn(self, line):
        """Notes the bytes of the line's state, or that they cannot be had, for the lines that tell nothing themselves."""
        if line.derived or not self.known(line) or self.overrides(line):
            return
        if not (key := self._state(line, exclusive=True)):
            return
        if line.file and self.states.setdefault(key, line.file) != line.file:
            raise ValueError(f"{self.fixture}:{line.number}: another line has other bytes for {key}")
        if "cannot restore snapshot" in line.error:
            self.undecodable.add(key)

    def overrides(self, line):
        """What a derived line says in the line's stead."""
        if line.selector in ("latest", "time") and (line.database, line.argument) in self.vouched:
            return self.vouched[line.database, line.argument]
        damage = self.damage.get(line.database)
        if damage and line.selector != "txid" and line.time() > damage.time():
            replica = self.replicas[line.database]
            point = replica.newest(line.time())
            if not (point and point.snapshot_time > damage.time() or
                    replica.ltx.has_snapshot_between(damage.time(), line.time())):
                return damage.file
        return None

    def lacks(self, line):
        """Whether something at or before the line's instant can't be had, but an older state can."""
        if line.selector in ("txid", "index") or isinstance(self.wanted(line), Failure):
            return False
        if line.selector == "before-damage":  # its time is that of the object itself
            return True
        if (line.database, line.argument) in self.vouched:
            vouched = self.vouched[line.database, line.argument]
            only_finer = line.database in PRUNED and vouched == self._real(line)
            return vouched != self.vouched.get((WHOLE, line.argument), vouched) and not only_finer
        if self.overrides(line):
            return True
        spanning = {generation.name for generation in self.replicas[line.database].spanning(line.time())}
        return not line.file and bool({line.generation()} & spanning if line.generation() else spanning)

    def _real(self, line):
        """What the real program gave for the same database and instant."""
        return next((real.file for real in self.lines if real.selector in ("latest", "time") and
                     (real.database, real.argument) == (line.database, line.argument)), None)

    def wanted(self, line):
        if line.derived:
            return line.file
        if override := self.overrides(line):
            return override
        if line.selector == "txid":
            return line.file or NOTHING
        key = self._state(line, exclusive=False)
        if line.file and not self.replicas[line.database].ltx.files:
            return line.file
        if key in self.undecodable:
            return UNREADABLE
        return self.states.get(key, Sound()) if key else NOTHING


# -------------------------------------------------------------------------------------------------- comparing


def look(path):
    """What stands at the path: its bytes, or why they cannot be had."""
    try:
        size = os.stat(path).st_size
        return File(sha256(path), size)
    except OSError as error:
        return Failure((error.errno,))


def last_position(folder, suffix):
    """The file of the highest offset. Offsets are in hex, in 8 digits or, beyond 4 GiB, in more."""
    names = [name for name in os.listdir(folder) if re.fullmatch("[0-9a-f]{8,16}" + re.escape(suffix), name)]
    return os.path.join(folder, max(names, key=lambda name: int(name.split(".")[0], 16), default="no position"))


def integrity(path):
    """What SQLite says of the file itself, which it opens without asking for a WAL: "ok", or what is wrong."""
    database = sqlite3.connect(f"file:{urllib.parse.quote(str(path))}?mode=ro&immutable=1", uri=True)
    try:
        return database.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.Error as error:
        return str(error)
    finally:
        database.close()


def has_gap(path):
    """Not that what is there has something of a later transaction: that is test_ahead.py's matter."""
    try:
        return b"holds a part of the next transaction" not in os.getxattr(path, "user.litemount.gap")
    except OSError:
        return False


def compare(mount_point, line, wanted, lacks):
    """None, or how the mount differs from what the line wants: (path, got)."""
    path = os.path.join(mount_point, line.path())
    if line.selector == "index":
        try:
            path = last_position(path, extension(line.database))
        except OSError as error:
            return path, Failure((error.errno,))
    got = look(path)
    if not wanted.accepts(got):
        return path, got
    if has_gap(path) != lacks:
        return path, "no gap" if lacks else "a gap"
    if isinstance(wanted, Sound) and (verdict := integrity(path)) != "ok":
        return path, verdict
    return None


class Count:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def __str__(self):
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


def check(folder, expected, mount_point, report=print):
    """Compares the whole table with the mount; a line of text a difference goes to `report`. Returns the Count."""
    table, count = Table(folder, expected), Count()
    for line in table.lines:
        if not table.known(line):
            count.skipped += 1
            report(f"skipped: {table.fixture}:{line.number}: selector {line.selector} is unknown")
            continue
        wanted = table.wanted(line)
        if difference := compare(mount_point, line, wanted, table.lacks(line)):
            count.failed += 1
            report(f"FAILED: {table.fixture}:{line.number}: {difference[0]}: got {difference[1]}, wanted {wanted}")
        else:
            count.passed += 1
    return count


def check_files(listing, report=print):
    """Compares the files of a list, a line each: path, tab, SHA-256. Returns the Count."""
    count = Count()
    for number, text in enumerate(pathlib.Path(listing).read_text("utf-8").splitlines(), start=1):
        path, _, wanted = text.rpartition("\t")
        got = look(path)
        if isinstance(got, File) and got.sha256 == wanted:
            count.passed += 1
        else:
            count.failed += 1
            report(f"FAILED: {listing}:{number}: {path}: got {got}, wanted {wanted}")
    return count


def describe(folder, expected):
    table, count = Table(folder, expected), Count()
    for line in table.lines:
        if not table.known(line):
            count.skipped += 1
            continue
        print(f"{table.fixture}:{line.number}: {line.path()}: {table.wanted(line)}")
    print(f"{len(table.lines) - count.skipped} to compare, {count.skipped} to skip")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dry-run", action="store_true")
    parser.add_argument("--files", metavar="LIST")
    parser.add_argument("arguments", nargs="*", metavar="FOLDER EXPECTED MOUNTPOINT")
    options = parser.parse_args()
    if len(options.arguments) != (0 if options.files else 2 if options.dry_run else 3):
        parser.error("see the forms above")
    if options.dry_run:
        return describe(*options.arguments)
    count = check_files(options.files) if options.files else check(*options.arguments)
    print(count)
    return 1 if count.failed else 0


if __name__ == "__main__":
    sys.exit(main())
