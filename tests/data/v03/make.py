#!/usr/bin/env python3
"""Makes the test data of the LZ4 frame and WAL readers: see README.md. Usage: make.py FIXTURE/pagesizes-v03"""
import hashlib
import pathlib
import sqlite3
import struct
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).parent
REFUSED = HERE.parent.parent / "unit" / "refused"

P512 = ("p512.db", "00000001", ["00000000", "00000238", "00001f88"])
P65536 = ("p65536.db", "00000001", ["00000000"])


def lz4(*arguments, data):
    return subprocess.run(["lz4", "-q", "-c", *arguments], input=data, stdout=subprocess.PIPE, check=True).stdout


def objects(fixture, database, index, offsets):
    """(name, object) of the segments, and the replica's one generation."""
    generation, = (fixture / "replica" / database / "generations").iterdir()
    stem = database.split(".")[0]
    return generation, [(f"{stem}-{index}_{offset}.wal", (generation / "wal" / f"{index}_{offset}.wal.lz4").read_bytes())
                        for offset in offsets]


def chain(data, start, order):
    """SQLite's WAL checksum, as section 4.2 of its file format description gives it."""
    s0, s1 = start
    words = struct.unpack(f"{order}{len(data) // 4}I", data)
    for x, y in zip(words[::2], words[1::2]):
        s0 = (s0 + x + s1) & 0xFFFFFFFF
        s1 = (s1 + y + s0) & 0xFFFFFFFF
    return s0, s1


def frames(wal, at, page_size):
    while at < len(wal):
        yield at, wal[at:at + 24], wal[at + 24:at + 24 + page_size]
        at += 24 + page_size


def big_endian(wal):
    """The same WAL with magic 0x377f0683 and every checksum worked out anew."""
    page_size, = struct.unpack_from(">I", wal, 8)
    header = struct.pack(">I", 0x377F0683) + wal[4:24]
    sums = chain(header, (0, 0), ">")
    out = header + struct.pack(">2I", *sums)
    for _, head, page in frames(wal, 32, page_size):
        sums = chain(page, chain(head[:8], sums, ">"), ">")
        out += head[:16] + struct.pack(">2I", *sums) + page
    return out


def recovered(database, wal):
    """Every row of the database as SQLite recovers it with this WAL."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "db"
        path.write_bytes(database)
        pathlib.Path(f"{path}-wal").write_bytes(wal)
        connection = sqlite3.connect(path)
        rows = list(connection.iterdump())
        connection.close()
        return rows


def check_big_endian(snapshot, original, converted):
    """SQLite must believe the converted WAL, and the original must say something that the snapshot does not."""
    alone, before, after = recovered(snapshot, b""), recovered(snapshot, original), recovered(snapshot, converted)
    assert alone != before == after


def print_chain(name, wal, at_zero, state):
    """The row of test_wal.c's table; checks on the way that our reading of the rules holds for the real data."""
    if at_zero:
        state["page_size"], = struct.unpack_from(">I", wal, 8)
        state["order"] = ">" if wal[3] & 1 else "<"
        state["sums"] = chain(wal[:24], (0, 0), state["order"])
        assert struct.pack(">2I", *state["sums"]) == wal[24:32]
    before, count = state["sums"], 0
    for _, head, page in frames(wal, 32 if at_zero else 0, state["page_size"]):
        state["sums"] = chain(page, chain(head[:8], state["sums"], state["order"]), state["order"])
        assert struct.pack(">2I", *state["sums"]) == head[16:24]
        count += 1
    print(f'{{"{name}", {count}, {{{before[0]:#010x}, {before[1]:#010x}}}, '
          f'{{{state["sums"][0]:#010x}, {state["sums"][1]:#010x}}}}},')


def flip(data, at, mask=0x01):
    return data[:at] + bytes([data[at] ^ mask]) + data[at + 1:]


def refuse(parser, name, data):
    (REFUSED / parser).mkdir(parents=True, exist_ok=True)
    (REFUSED / parser / name).write_bytes(data)


def refuse_frames(real, with_block_checksum, with_content_size):
    """`header-*`: lz4_frame_parse must refuse it. `block-*`: the block headers or blocks. The rest: the stream."""
    size, = struct.unpack_from("<I", real, 7)
    end = 11 + size
    assert real[4:6] == b"\x64\x70" and real[end:end + 4] == bytes(4) and len(real) == end + 8
    for at in (0, 3, 4, 5, 6):
        refuse("lz4frame", f"header-cut-at-{at}", real[:at])
    for at in (7, 9, 11, 11 + size // 2, end - 1, end, end + 2):
        refuse("lz4frame", f"block-cut-at-{at}", real[:at])
    for at in (end + 4, end + 7):
        refuse("lz4frame", f"cut-at-{at}", real[:at])
    refuse("lz4frame", "header-magic", flip(real, 0))
    refuse("lz4frame", "header-legacy-magic", b"\x02\x21\x4c\x18" + real[4:])
    refuse("lz4frame", "header-skippable", struct.pack("<II", 0x184D2A50, 8) + bytes(8) + real)
    refuse("lz4frame", "header-checksum", flip(real, 6))
    # Behind these the header checksum is made to hold, so that it is the field itself that is judged.
    for name, flags, block_max in (("version", 0xA4, 0x70), ("reserved-flag", 0x66, 0x70), ("block-max-3", 0x64, 0x30),
                                   ("reserved-block-max-high", 0x64, 0xF0), ("reserved-block-max-low", 0x64, 0x71)):
        descriptor = bytes([flags, block_max])
        refuse("lz4frame", f"header-{name}", real[:4] + descriptor + header_checksum(descriptor) + real[7:])
    descriptor = b"\x65\x70" + struct.pack("<I", 7)
    refuse("lz4frame", "header-dictionary", real[:4] + descriptor + header_checksum(descriptor) + real[7:])
    descriptor = b"\x65\x70"
    refuse("lz4frame", "header-dictionary-flag", real[:4] + descriptor + header_checksum(descriptor) + real[7:])
    assert with_content_size[4] & 8
    refuse("lz4frame", "header-cut-in-content-size", with_content_size[:10])
    descriptor = with_content_size[4:6] + struct.pack("<Q", struct.unpack_from("<Q", with_content_size, 6)[0] + 1)
    refuse("lz4frame", "content-size", with_content_size[:4] + descriptor + header_checksum(descriptor)
           + with_content_size[15:])
    refuse("lz4frame", "content-checksum", flip(real, end + 4))
    refuse("lz4frame", "block-size-above-max", real[:7] + struct.pack("<I", 4 * 1024 * 1024 + 1) + real[11:])
    refuse("lz4frame", "block-size-smaller", real[:7] + struct.pack("<I", size - 1) + real[11:])
    refuse("lz4frame", "block-raw-above-max", real[:7] + struct.pack("<I", 0x80400001) + real[11:])
    refuse("lz4frame", "raw-instead-of-compressed", flip(real, 10, 0x80))
    refuse("lz4frame", "offset-zero", zero_first_match(real))
    assert with_block_checksum[4] & 0x10
    refuse("lz4frame", "block-checksum", flip(with_block_checksum, 11 + struct.unpack_from("<I", with_block_checksum, 7)[0]))
    refuse("lz4frame", "data", flip(real, 12))


def header_checksum(descriptor):
    return bytes([xxh32(descriptor) >> 8 & 0xFF])


def xxh32(data):
    """XXH32 with seed 0 of fewer than 16 bytes (github.com/Cyan4973/xxHash, doc/xxhash_spec.md)."""
    def rotate(value, bits):
        return (value << bits | value >> 32 - bits) & 0xFFFFFFFF
    prime1, prime2, prime3, prime4, prime5 = 2654435761, 2246822519, 3266489917, 668265263, 374761393
    acc, at = prime5 + len(data), 0
    while at + 4 <= len(data):
        acc = rotate((acc + struct.unpack_from("<I", data, at)[0] * prime3) & 0xFFFFFFFF, 17) * prime4
        at += 4
    for byte in data[at:]:
        acc = rotate((acc + byte * prime5) & 0xFFFFFFFF, 11) * prime1
    for shift, prime in ((15, prime2), (13, prime3)):
        acc &= 0xFFFFFFFF
        acc = (acc ^ acc >> shift) * prime
    acc &= 0xFFFFFFFF
    return acc ^ acc >> 16


def zero_first_match(real):
    """The first match points zero bytes back, which LZ4 forbids."""
    token, at = real[11], 12
    literals = token >> 4
    if literals == 15:
        while True:
            literals += real[at]
            at += 1
            if real[at - 1] != 255:
                break
    at += literals
    return real[:at] + b"\0\0" + real[at + 2:]


def with_header(wal, at, value):
    """The WAL with another number in its header, whose checksum is made to hold."""
    header = wal[:at] + struct.pack(">I", value) + wal[at + 4:24]
    return header + struct.pack(">2I", *chain(header, (0, 0), "<")) + wal[32:]


def refuse_wals(first, later):
    """`first-*` are segments at offset 0, `later-*` follow `first` in its WAL. Pages have 512 bytes."""
    for at in (0, 1, 31, 33, 55, 56, 57, len(first) - 1):
        refuse("wal", f"first-cut-at-{at}", first[:at])
    for at in (0, 1, 24, 535, 537, len(later) - 1):
        refuse("wal", f"later-cut-at-{at}", later[:at])
    # Without a frame, which would not link to the changed header and so be refused in its stead.
    header = first[:32]
    refuse("wal", "first-magic", with_header(header, 0, 0x377F0680))
    refuse("wal", "first-byte-order", flip(header, 3))
    refuse("wal", "first-version", with_header(header, 4, 3007001))
    for size in (0, 1, 256, 513, 1000, 65535, 131072):
        refuse("wal", f"first-page-size-{size}", with_header(header, 8, size))
    refuse("wal", "first-header-checksum-0", flip(header, 24))
    refuse("wal", "first-header-checksum-1", flip(header, 31))
    for name, data, frame in (("first", first, 32), ("later", later, 536)):
        refuse("wal", f"{name}-page-zero", page_zero(data, frame))
        for field, at in (("page-number", 3), ("commit", 7), ("salt-0", 8), ("salt-1", 15), ("checksum-0", 16),
                          ("checksum-1", 23), ("page", 24), ("page-end", 535)):
            refuse("wal", f"{name}-{field}", flip(data, frame + at))
    refuse("wal", "later-first-frame-salt", flip(later, 8))
    refuse("wal", "later-first-frame-checksum", flip(later, 16))
    refuse("wal", "later-first-frame-page-zero", bytes(4) + later[4:])
    refuse("wal", "later-frame-missing", later[:536] + later[2 * 536:])
    refuse("wal", "later-frames-swapped", later[536:2 * 536] + later[:536] + later[2 * 536:])


def page_zero(data, frame):
    """One frame's page number is zero, and its checksum holds."""
    before = struct.unpack_from(">2I", data, 24 if frame == 32 else frame - 536 + 16)
    head = bytes(4) + data[frame + 4:frame + 16]
    sums = chain(data[frame + 24:frame + 536], chain(head[:8], before, "<"), "<")
    return data[:frame] + head + struct.pack(">2I", *sums) + data[frame + 24:frame + 536]


def main():
    fixture = pathlib.Path(sys.argv[1])
    generation, small = objects(fixture, *P512)
    _, large = objects(fixture, *P65536)
    decoded = {}
    for group in (small, large):
        state = {}
        for name, data in group:
            decoded[name] = lz4("-d", data=data)
            (HERE / f"{name}.lz4").write_bytes(data)
            (HERE / name).write_bytes(decoded[name])
            print_chain(name, decoded[name], name.endswith("_00000000.wal"), state)

    (name, _), = large
    variants = {"linked": ["-B4", "-BD"], "block-checksums": ["-B4", "-BI", "-BX"],
                "content-size": ["-B5", "-BI", "--content-size"], "no-checksum": ["-B6", "-BI", "--no-frame-crc"]}
    with tempfile.NamedTemporaryFile() as file:  # --content-size needs a file
        file.write(decoded[name])
        file.flush()
        encoded = {flags: subprocess.run(["lz4", "-q", "-c", *options, file.name], stdout=subprocess.PIPE,
                                         check=True).stdout for flags, options in variants.items()}
    for flags, data in encoded.items():
        (HERE / f"{name}.{flags}.lz4").write_bytes(data)
    raw = hashlib.shake_128(b"litemount").digest(600)
    (HERE / "raw").write_bytes(raw)
    (HERE / "zeros.lz4").write_bytes(lz4("-B6", "-BI", data=bytes(300000)))
    (HERE / "raw.lz4").write_bytes(lz4(data=raw))

    whole = b"".join(decoded[name] for name, _ in small)
    converted = big_endian(whole)
    snapshot = lz4("-d", data=(generation / "snapshots" / "00000001.snapshot.lz4").read_bytes())
    check_big_endian(snapshot, whole, converted)
    (HERE / "p512-big-endian.wal").write_bytes(converted)
    print_chain("p512-big-endian.wal", converted, True, {})

    refuse_frames(small[0][1], encoded["block-checksums"], encoded["content-size"])
    refuse_wals(decoded[small[0][0]], decoded[small[1][0]][:3 * 536])


main()
