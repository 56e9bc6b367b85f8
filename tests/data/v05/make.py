#!/usr/bin/env python3
"""Makes the test data of the LTX reader: see README.md. Usage: make.py FOLDER, which holds the unpacked fixtures"""
import hashlib
import pathlib
import shutil
import struct
import subprocess
import sys

HERE = pathlib.Path(__file__).parent
REFUSED = HERE.parent.parent / "unit" / "refused" / "ltx"

COPIED = {
    "cable-1-2": "rails-v05/replica/production_cable.sqlite3/ltx/9/0000000000000001-0000000000000002",
    "cable-2-4": "rails-v05/replica/production_cable.sqlite3/ltx/1/0000000000000002-0000000000000004",
    "cable-5-9": "rails-v05/replica/production_cable.sqlite3/ltx/1/0000000000000005-0000000000000009",
    "cable-71": "rails-v05/replica/production_cable.sqlite3/ltx/0/0000000000000047-0000000000000047",
    "f512-1-2": "frames-v05/replica/f512.db/ltx/9/0000000000000001-0000000000000002",
    "f512-3-4": "frames-v05/replica/f512.db/ltx/1/0000000000000003-0000000000000004",
    "f512-10": "frames-v05/replica/f512.db/ltx/0/000000000000000a-000000000000000a",
    "f65536-1-3": "frames-v05/replica/f65536.db/ltx/9/0000000000000001-0000000000000003",
}

PAGE_SIZE = 512
BIT = 1 << 63  # set in every checksum
LOCK_PAGE = 0x40000000 // PAGE_SIZE + 1
HEADER = {"magic": b"LTX1", "flags": 2, "page_size": PAGE_SIZE, "commit": 9, "min_txid": 3, "max_txid": 5,
          "timestamp": 1700000000000, "pre_apply": 0, "wal_offset": 32, "wal_size": 536, "salt0": 1, "salt1": 2}


def crc64_table():
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0xD800000000000000 if value & 1 else 0)
        yield value


TABLE = list(crc64_table())


def crc64(data):
    """CRC-64/ISO, as Go's hash/crc64 has it."""
    crc = 0xFFFFFFFFFFFFFFFF
    for byte in data:
        crc = TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFFFFFFFFFF


def page_bytes(number, size=PAGE_SIZE):
    """A page that does not shrink."""
    return b"".join(hashlib.sha256(bytes([number % 256, i])).digest() for i in range(size // 32 + 1))[:size]


def lz4_block(data):
    """One run of literals."""
    rest = len(data) - 15
    return b"\xf0" + b"\xff" * (rest // 255) + bytes([rest % 255]) + data


def lz4_frame(data, *arguments):
    return subprocess.run(["lz4", "-q", "-c", "-B4", *arguments], input=data, stdout=subprocess.PIPE, check=True).stdout


def block_page(number, **changes):
    """(bytes of the frame, bytes that the file checksum covers, page number)"""
    page = changes.get("page", page_bytes(number))
    data = changes.get("data", lz4_block(page))
    head = struct.pack(">IHI", number, changes.get("flags", 1), changes.get("size", len(data)))
    return head + data, head + page, number


def frame_page(number, data, page=None):
    head = struct.pack(">IH", number, 0)
    return head + data, head + (page or page_bytes(number)), number


def varint(number):
    out = b""
    while number >= 0x80:
        out += bytes([number & 0x7F | 0x80])
        number >>= 7
    return out + bytes([number])


def entries(pages):
    """The fields of the index's entries: it can be changed before it is written."""
    out, offset = [], 100
    for frame, _, number in pages:
        out.append([number, offset, len(frame)])
        offset += len(frame)
    return out


def index_bytes(fields):
    return b"".join(varint(field) for entry in fields for field in entry) + b"\0"


def build(pages, index=None, index_size=None, pages_end=bytes(6), post_apply=0, checksum=None, behind=b"", **changes):
    """A file whose checksum holds, whatever else of it may be wrong."""
    header = struct.pack(">4s3I3Q3Q2I28x", *{**HEADER, **changes}.values())
    if index is None:
        index = index_bytes(entries(pages))
    tail = index + struct.pack(">2Q", len(index) if index_size is None else index_size, post_apply)
    covered = header + b"".join(page[1] for page in pages) + pages_end + tail
    if checksum is None:
        checksum = crc64(covered) | BIT
    return header + b"".join(page[0] for page in pages) + pages_end + tail + struct.pack(">Q", checksum) + behind


def refuse(name, data):
    REFUSED.mkdir(parents=True, exist_ok=True)
    (REFUSED / name).write_bytes(data)


def refuse_headers(pages):
    """`header-*`: ltx_header_parse must refuse the header alone."""
    cases = {
        "magic": {"magic": b"LTX2"}, "flag-0": {"flags": 3}, "flag-2": {"flags": 6}, "flag-31": {"flags": 1 << 31 | 2},
        "min-txid-0": {"min_txid": 0}, "txids-0": {"min_txid": 0, "max_txid": 0}, "txids-swapped": {"max_txid": 2},
        "pre-apply-of-image": {"min_txid": 1, "flags": 0, "pre_apply": BIT | 1},
        "pre-apply-without-checksums": {"pre_apply": BIT | 1}, "pre-apply-missing": {"flags": 0},
        "pre-apply-bit": {"flags": 0, "pre_apply": 1},
        "size-without-offset": {"wal_offset": 0, "salt0": 0, "salt1": 0},
        "salt-0-without-offset": {"wal_offset": 0, "wal_size": 0, "salt1": 0},
        "salt-1-without-offset": {"wal_offset": 0, "wal_size": 0, "salt0": 0},
        "offset-negative": {"wal_offset": 1 << 63}, "size-negative": {"wal_size": 1 << 63},
    }
    for size in (0, 1, 256, 513, 65535, 131072):
        cases[f"page-size-{size}"] = {"page_size": size}
    for name, changes in cases.items():
        refuse(f"header-{name}", build(pages, **changes))


def refuse_indexes(pages):
    """`index-*`: the index cannot be found, or not be read."""
    good = entries(pages)
    size = len(index_bytes(good))
    file_size = len(build(pages))
    for name, value in (("zero", 0), ("one-less", size - 1), ("one-more", size + 1), ("above-file", file_size),
                        ("into-header", file_size - 24 - 105), ("highest", 2 ** 64 - 1)):
        refuse(f"index-size-{name}", build(pages, index_size=value))
    refuse("index-empty", build(pages, index=b""))

    def changed(name, entry, field, value):
        fields = [list(one) for one in good]
        fields[entry][field] = value
        refuse(f"index-{name}", build(pages, index=index_bytes(fields)))
    changed("page-zero", 1, 0, 0)
    changed("page-twice", 1, 0, good[0][0])
    changed("page-above-32-bits", 2, 0, 2 ** 32 + 7)
    changed("offset-in-header", 0, 1, 99)
    changed("offset-overlaps", 1, 1, good[1][1] - 1)
    changed("offset-gap", 1, 1, good[1][1] + 1)
    changed("offset-highest", 2, 1, 2 ** 64 - 1)
    changed("size-0", 0, 2, 0)
    changed("size-of-header", 0, 2, 6)
    changed("size-past-index", 2, 2, good[2][2] + 1)
    changed("size-short", 2, 2, good[2][2] - 1)
    changed("entry-size-highest", 0, 2, 2 ** 64 - 1)
    refuse("index-swapped", build(pages, index=index_bytes([good[1], good[0], good[2]])))
    refuse("index-descending", build(pages[::-1], index=index_bytes(entries(pages[::-1]))))
    refuse("index-entry-missing-first", build(pages, index=index_bytes(good[1:])))
    refuse("index-entry-missing-last", build(pages, index=index_bytes(good[:-1])))
    refuse("index-entry-more", build(pages, index=index_bytes(good + [[9, good[2][1] + good[2][2], 6]])))
    refuse("index-no-end", build(pages, index=index_bytes(good)[:-1]))
    refuse("index-two-ends", build(pages, index=index_bytes(good) + b"\0"))
    refuse("index-cut-in-entry", build(pages, index=index_bytes(good[:2]) + varint(good[2][0])))
    first, rest = varint(good[0][0]), index_bytes(good)[1:]
    assert len(first) == 1
    refuse("index-varint-not-shortest", build(pages, index=bytes([first[0] | 0x80, 0]) + rest))
    refuse("index-varint-65-bits", build(pages, index=bytes([first[0] | 0x80]) + b"\x80" * 8 + b"\x02" + rest))
    refuse("index-varint-11-bytes", build(pages, index=bytes([first[0] | 0x80]) + b"\x80" * 9 + b"\x01" + rest))
    refuse("index-frame-of-header", build(pages, index=index_bytes(
        [[2, 100, 6], [3, 106, good[0][2] - 6], *good[1:]])))
    refuse("index-frame-above-most", build([block_page(2, data=lz4_block(bytes(70000)))] + pages[1:]))


def refuse_pages(pages):
    """`page-*`: ltx_page_decode must refuse the first frame."""
    def first(name, page):
        refuse(f"page-{name}", build([page] + pages[1:]))
    page = page_bytes(2)
    good = lz4_block(page)
    first("flag-1", block_page(2, flags=2))
    first("flag-15", block_page(2, flags=0x8001))
    first("block-empty", block_page(2, data=b""))
    first("block-short", block_page(2, data=lz4_block(page[:-1])))
    first("block-long", block_page(2, data=lz4_block(page + b"\0")))
    first("block-behind", block_page(2, data=good + b"\0"))
    first("block-cut", block_page(2, data=good[:-1]))
    first("size-one-less", block_page(2, size=len(good) - 1))
    first("size-one-more", block_page(2, size=len(good) + 1))
    first("size-highest", block_page(2, size=2 ** 32 - 1))
    first("match-before-start", block_page(2, data=b"\x10\x00\xff\xff" + good))
    frame = lz4_frame(page)
    for name, data in (
            ("magic", b"\x05" + frame[1:]), ("skippable", struct.pack("<II", 0x184D2A50, 8) + bytes(8) + frame),
            ("header-checksum", frame[:6] + bytes([frame[6] ^ 1]) + frame[7:]),
            ("content-checksum", frame[:-1] + bytes([frame[-1] ^ 1])), ("cut", frame[:-1]), ("behind", frame + b"\0"),
            ("no-end", frame[:-8]), ("header-only", frame[:7]), ("short", lz4_frame(page[:-1])),
            ("long", lz4_frame(page + b"\0")), ("empty", lz4_frame(b"")), ("twice", frame + frame),
            ("block-checksum", flip(lz4_frame(page, "-BX"), -9)), ("much", lz4_frame(bytes(1 << 20), "-B7"))):
        first(f"frame-{name}", frame_page(2, data))


def flip(data, at):
    at %= len(data)
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1:]


def database_checksum(pages):
    total = 0
    for _, covered, number in pages:
        total ^= crc64(struct.pack(">I", number) + covered[10:])
    return total | BIT


def refuse_files(pages):
    """The rest: only who reads the whole file can tell."""
    good = build(pages)
    for at in (0, 1, 99, 100, 105, 106, 109, 110, 600, len(good) - 25, len(good) - 24, len(good) - 16, len(good) - 8,
               len(good) - 1):
        refuse(f"cut-at-{at}", good[:at])
    refuse("byte-behind", good + b"\0")
    refuse("file-twice", good + good)
    refuse("checksum", build(pages, checksum=(crc64(b"") | BIT)))
    refuse("checksum-bit", good[:-8] + bytes([good[-8] & 0x7F]) + good[-7:])
    refuse("pages-end-missing", build(pages, pages_end=b""))
    refuse("pages-end-twice", build(pages, pages_end=bytes(12)))
    refuse("number-0", build([block_page(0)] + pages))
    refuse("data-of-another-page", good[:110] + good[110 + len(pages[0][0]):][:len(pages[0][0]) - 10]
           + good[100 + len(pages[0][0]):])
    refuse("beyond-commit", build(pages, commit=pages[-1][2] - 1))
    refuse("commit-0", build(pages, commit=0))
    refuse("lock-page", build(pages + [block_page(LOCK_PAGE)], commit=LOCK_PAGE + 1))
    refuse("pages-swapped", build([pages[1], pages[0], pages[2]]))
    refuse("pages-equal", build([pages[0], pages[0], pages[2]]))
    fields = entries(pages)
    fields[1][0] += 1
    refuse("named-otherwise", build(pages, index=index_bytes(fields)))
    fields = entries(pages)
    fields[0][2] -= 1
    fields[1][1] -= 1
    fields[1][2] += 1
    refuse("named-elsewhere", build(pages, index=index_bytes(fields)))
    refuse("post-apply-without-checksums", build(pages, post_apply=BIT | 1))
    refuse("post-apply-missing", build(pages, flags=0, pre_apply=BIT | 1))
    refuse("post-apply-bit", build(pages, flags=0, pre_apply=BIT | 1, post_apply=1))
    image = [block_page(number) for number in (1, 2, 3)]
    right = database_checksum(image)
    (HERE / "built-1.ltx").write_bytes(build(image, flags=0, min_txid=1, max_txid=1, commit=3, post_apply=right))
    refuse("post-apply-of-image", build(image, flags=0, min_txid=1, max_txid=1, commit=3, post_apply=right ^ 1))
    refuse("post-apply-of-image-bit", build(image, flags=0, min_txid=1, max_txid=1, commit=3, post_apply=right ^ BIT))


def make_lz4_flags():
    """Pages in LZ4 frames of every kind."""
    arguments = [["-BX"], ["-BD"], ["--no-frame-crc"], ["--content-size"], ["-9", "-BX", "-BD", "--content-size"]]
    stored = [frame_page(number, lz4_frame(page_bytes(number), *one)) for number, one in enumerate(arguments, 1)]
    zeros = [frame_page(number, lz4_frame(bytes(PAGE_SIZE), *one), bytes(PAGE_SIZE))
             for number, one in enumerate(arguments, len(arguments) + 1)]
    (HERE / "lz4-flags.ltx").write_bytes(build(stored + zeros, commit=2 * len(arguments)))


def main():
    fixtures = pathlib.Path(sys.argv[1])
    for name, path in COPIED.items():
        shutil.copyfile(fixtures / f"{path}.ltx", HERE / f"{name}.ltx")
    pages = [block_page(number) for number in (2, 4, 7)]
    (HERE / "built-3-5.ltx").write_bytes(build(pages))
    make_lz4_flags()
    refuse_headers(pages)
    refuse_indexes(pages)
    refuse_pages(pages)
    refuse_files(pages)


if __name__ == "__main__":
    main()
