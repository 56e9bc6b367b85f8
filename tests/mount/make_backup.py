"""Writes a Litestream v0.3 backup of any size: `make_backup.py FOLDER SEGMENTS`.

A real SQLite makes the WALs; this only cuts them where Litestream would, at the ends of commits, and compresses the parts
with liblz4. What each WAL index must restore to is known from SQLite's own checkpoint of it.
"""

import contextlib
import ctypes
import ctypes.util
import hashlib
import os
import pathlib
import sqlite3
import struct
import sys
import time

GENERATION = "0123456789abcdef"
START = 1_700_000_000  # seconds since 1970: when the snapshot was made; each segment is a second younger
WAL_HEADER, FRAME_HEADER = 32, 24


class Preferences(ctypes.Structure):
    """LZ4F_preferences_t: blocks of 4 MiB, independent of each other, a checksum of the content, as Litestream has them."""

    _fields_ = [("block_size", ctypes.c_int), ("independent", ctypes.c_int), ("content_checksum", ctypes.c_int),
                ("frame_type", ctypes.c_int), ("content_size", ctypes.c_ulonglong), ("dictionary", ctypes.c_uint),
                ("block_checksum", ctypes.c_int), ("level", ctypes.c_int), ("flush", ctypes.c_uint),
                ("speed", ctypes.c_uint), ("reserved", ctypes.c_uint * 3)]


_lz4 = ctypes.CDLL(ctypes.util.find_library("lz4") or "liblz4.so.1")
_lz4.LZ4F_compressFrameBound.restype = _lz4.LZ4F_compressFrame.restype = ctypes.c_size_t
_lz4.LZ4F_compressFrameBound.argtypes = [ctypes.c_size_t, ctypes.c_void_p]
_lz4.LZ4F_compressFrame.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_void_p]


def compress(data, block_size=7, independent=1):
    """One LZ4 frame. `block_size`: 4 is 64 KiB, each step more four times that."""
    preferences = Preferences(block_size=block_size, independent=independent, content_checksum=1)
    room = _lz4.LZ4F_compressFrameBound(len(data), ctypes.byref(preferences))
    frame = ctypes.create_string_buffer(room)
    size = _lz4.LZ4F_compressFrame(frame, room, data, len(data), ctypes.byref(preferences))
    if size > room:
        raise RuntimeError("liblz4 failed")
    return frame.raw[:size]


def commit_ends(wal):
    """The offsets at which a commit ends."""
    page_size = struct.unpack(">I", wal[8:12])[0]
    ends = []
    for offset in range(WAL_HEADER, len(wal), FRAME_HEADER + page_size):
        if struct.unpack(">I", wal[offset + 4:offset + 8])[0]:
            ends.append(offset + FRAME_HEADER + page_size)
    return ends


class Writer:
    """The replica of one database: `folder` is what a file replica's `path` would name."""

    def __init__(self, folder):
        self.root = pathlib.Path(folder) / "generations" / GENERATION
        self.time = START

    def put(self, kind, name, data, **frame):
        path = self.root / kind / f"{name}.lz4"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(compress(data, **frame))
        os.utime(path, (self.time, self.time))
        self.time += 1

    def put_wal(self, index, wal):
        start = 0
        for end in commit_ends(wal):
            self.put("wal", f"{index:08x}_{start:08x}.wal", wal[start:end])
            start = end


def write_empty(replica):
    """A generation of now, of a database in which there is but what Litestream made: its application began anew."""
    file = replica.parent / f"{replica.name}.new"
    with contextlib.closing(sqlite3.connect(file)) as database:
        database.execute("CREATE TABLE _litestream_seq (id INTEGER PRIMARY KEY, seq INTEGER)")
    writer = Writer(replica)
    writer.time = int(time.time())
    writer.put("snapshots", "00000000.snapshot", file.read_bytes())
    file.unlink()


def write_backup(folder, segments, indexes=20, page_size=512, filling=0, lacking=0, **frame):
    """Writes `folder`/large.db, a replica of about so many segments over so many WAL indexes; its snapshot holds `filling`
    bytes that LZ4 cannot make smaller, less `lacking` pages at its end, in a frame as compress() takes it. Returns the states that there must be: a list of (index, seconds since 1970 of its
    last segment, SHA-256 of the database)."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    database = folder / "source.db"
    writer, states = Writer(folder / "large.db"), []
    with contextlib.closing(sqlite3.connect(database, isolation_level=None)) as connection:
        for statement in (f"PRAGMA page_size={page_size}", "PRAGMA journal_mode=WAL", "PRAGMA synchronous=OFF",
                          "PRAGMA wal_autocheckpoint=0", "CREATE TABLE entries(id INTEGER PRIMARY KEY, text TEXT)",
                          f"CREATE TABLE filling AS SELECT randomblob({filling})",
                          "PRAGMA wal_checkpoint(TRUNCATE)"):
            connection.execute(statement).fetchall()
        content = database.read_bytes()
        writer.put("snapshots", "00000000.snapshot", content[:len(content) - lacking * page_size], **frame)
        for index in range(indexes):
            for number in range(segments // indexes):
                connection.execute("INSERT INTO entries(text) VALUES(?)", (f"{index}/{number} " * 7,))
            writer.put_wal(index, pathlib.Path(f"{database}-wal").read_bytes())
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
            states.append((index, writer.time - 1, hashlib.sha256(database.read_bytes()).hexdigest()))
    return states


def flip(path, offset):
    """Turns one bit over, and leaves the times as they are."""
    times = path.stat()
    with open(path, "r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ 1]))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


if __name__ == "__main__":
    for state in write_backup(sys.argv[1], int(sys.argv[2])):
        print(*state, sep="\t")
