"""Writes files of Litestream v0.5, of any size.

Source of the format: superfly/ltx. The checksum is ISA-L's, compression is liblz4's.
"""

import ctypes
import ctypes.util
import os
import pathlib
import struct

NO_CHECKSUMS_OF_PAGES, PAGE_HAS_SIZE = 2, 1

_lz4 = ctypes.CDLL(ctypes.util.find_library("lz4") or "liblz4.so.1")
_isal = ctypes.CDLL(ctypes.util.find_library("isal") or "libisal.so.2")
_isal.crc64_iso_refl.restype = ctypes.c_uint64
_isal.crc64_iso_refl.argtypes = [ctypes.c_uint64, ctypes.c_char_p, ctypes.c_uint64]


def compress(page):
    """One LZ4 block."""
    block = ctypes.create_string_buffer(_lz4.LZ4_compressBound(len(page)))
    size = _lz4.LZ4_compress_default(page, block, len(page), len(block))
    if size <= 0:
        raise RuntimeError("liblz4 failed")
    return block.raw[:size]


def varint(number):
    encoded = bytearray()
    while number >= 0x80:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes(encoded + bytes([number]))


class Writer:
    """A file and its checksum, which is over pages as they were before they were compressed."""

    def __init__(self, file):
        self.file, self.offset, self.checksum = file, 0, 0

    def put(self, data, checked=None):
        self.file.write(data)
        self.offset += len(data)
        checked = data if checked is None else checked
        self.checksum = _isal.crc64_iso_refl(self.checksum, bytes(checked), len(checked))


def lock_page(page_size):
    """The number of the page at 1 GiB, which SQLite never writes."""
    return 0x40000000 // page_size + 1


def write_file(replica, level, txids, pages, count, page_size, milliseconds):
    """Writes a file of numbered pages: of a database of `count` pages after two TXIDs' changes, at a time since 1970.
    Returns its path."""
    path = pathlib.Path(replica, f"{level:04x}", f"{txids[0]:016x}-{txids[1]:016x}.ltx")
    path.parent.mkdir(parents=True, exist_ok=True)
    index, page, block = bytearray(), None, None
    with open(path, "wb") as file:
        writer = Writer(file)
        header = struct.pack(">4sIIIQQQ", b"LTX1", NO_CHECKSUMS_OF_PAGES, page_size, count, *txids, milliseconds)
        writer.put(header.ljust(100, b"\0"))
        for number, page_now in pages:
            if number == lock_page(page_size):
                continue
            if page_now is not page:  # a page that comes again is not compressed again
                page, block = page_now, compress(page_now)
            start = writer.offset
            head = struct.pack(">IHI", number, PAGE_HAS_SIZE, len(block))
            writer.put(head + block, head + page)
            index += varint(number) + varint(start) + varint(len(head) + len(block))
        writer.put(bytes(6))
        index += varint(0)
        writer.put(index + struct.pack(">Q", len(index)))
        writer.put(bytes(8))  # the database's checksum
        file.write(struct.pack(">Q", writer.checksum | 1 << 63))
    return path


def random_pages(count, size=4096):
    """Pages by number, of which the first begins as a database's does; LZ4 makes none of the others smaller."""
    pages = {number: os.urandom(size) for number in range(1, count + 1)}
    pages[1] = struct.pack(">16sHBB", b"SQLite format 3", size, 1, 1).ljust(size, b"\0")
    return pages


def write_pages(replica, pages, count, page_size, txid, milliseconds):
    """Writes a snapshot: all pages of a database, in order."""
    return write_file(replica, 9, (1, txid), enumerate(pages, 1), count, page_size, milliseconds)


def write_snapshot(replica, database, txid, milliseconds):
    """The same, of a database that SQLite made."""
    data = pathlib.Path(database).read_bytes()
    page_size = struct.unpack(">H", data[16:18])[0]
    pages = (data[start:start + page_size] for start in range(0, len(data), page_size))
    return write_pages(replica, pages, len(data) // page_size, page_size, txid, milliseconds)
