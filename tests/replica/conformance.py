"""What every kind of store must do, whatever it is: the assertions, without a store.

A kind's own test program (test_KIND.py) gives them one. A *place* is a class over StoreTest with
    kind              the type that it is a store of
    keeps_metadata    whether objects have user metadata there
    page_keys         how many entries a page of a listing has; 0: there are no pages
    setUp()           makes `settings` for the probe: of an empty root
    url()             of that root
    put(objects)      {key: bytes}; of stores that have it with metadata={name: value}
    remove(key)
and the program says `globals().update(conformance.cases(Place))`. A kind over HTTP does the same with the suites of
conformance_http.py. test_conformance.py fails for a kind of the program's without either.
"""

import os

from probing import noise

COVERED = {}  # kind -> the names of the suites that its program takes


def cases(place, suites=None):
    """Test classes of the suites at that place: for the module's globals()."""
    suites = [suite for suite in suites or STORE if place.keeps_metadata or not getattr(suite, "of_metadata", False)]
    COVERED.setdefault(place.kind, set()).update(suite.__name__ for suite in suites)
    return {suite.__name__: type(suite.__name__, (suite, place), {"__module__": place.__module__}) for suite in suites}


class Listing:
    def test_order_is_that_of_the_keys_bytes(self):
        self.put({key: b"x" for key in ("a/b", "a.x", "a0", "a/b.c/d", "a-", "é", "B", "a/b.c/a")})
        keys = list(self.listed().objects())
        self.assertEqual(keys, sorted(keys, key=os.fsencode))
        self.assertEqual(len(keys), 8)

    def test_size_time_and_version(self):
        self.put({"a": b"12345", "b": b"54321", "empty": b""})
        objects = self.listed().objects()
        self.assertEqual({key: size for key, (_, size, _) in objects.items()}, {"a": 5, "b": 5, "empty": 0})
        for version, _, modified in objects.values():
            self.assertTrue(version)
            self.assertGreater(modified, 1_700_000_000_000_000_000)

    def test_one_level(self):
        self.put({"g/wal/1": b"", "g/wal/2": b"", "g/snapshots/1": b"", "g/x": b"", "gx": b"", "y": b""})
        answer = self.listed("g/", "folder")
        self.assertEqual((list(answer.objects()), answer.folders()), (["g/x"], ["g/snapshots/", "g/wal/"]))
        answer = self.listed("", "folder")
        self.assertEqual((list(answer.objects()), answer.folders()), (["gx", "y"], ["g/"]))

    def test_after_and_limit(self):
        self.put({f"{folder}/{i}": b"" for folder in "abc" for i in range(5)})
        keys = list(self.listed().objects())
        for i, key in enumerate(keys):
            self.assertEqual(list(self.listed("", "all", key).objects()), keys[i + 1:])
        for limit in (1, 3):
            shown = list(self.listed("", "all", "b/2", limit).objects())
            self.assertGreaterEqual(len(shown), limit)
            self.assertEqual(shown, keys[8:8 + len(shown)])
        self.assertEqual(self.listed("", "folder", "b/2").folders(), ["b/", "c/"])
        self.assertEqual(list(self.listed("b/", "folder", "b/2").objects()), ["b/3", "b/4"])

    def test_pages(self):
        keys = [f"wal/{i:08x}_00000000.wal.lz4" for i in range(self.page_keys + 23)]
        self.put({key: key.encode() for key in keys})
        answer = self.ask("list", "wal/", "all", "--", "stats")
        objects = answer.objects()
        self.assertEqual([(key, size) for key, (_, size, _) in objects.items()], [(key, len(key)) for key in keys])
        self.assertEqual(int(answer.lines()[-1].split()[0]), 2 if self.page_keys else 1)  # requests
        self.assertEqual(list(self.listed("wal/", "all", keys[-5]).objects()), keys[-4:])
        self.assertEqual(list(self.listed("wal/", "folder", keys[11]).objects()), keys[12:])
        self.assertEqual(self.listed("wal/", "all", keys[-1]).output, b"")

    def test_what_is_not_there_is_empty(self):
        self.put({"file": b"", "folder/x": b""})
        for prefix in ("none/", "file/", "fold/"):
            for depth in ("all", "folder"):
                self.assertEqual(self.listed(prefix, depth).output, b"")

    def test_below(self):
        self.put({"tenants/acme.db/generations/x": b"1", "tenants/acme.dbx/y": b""})
        answer = self.ask("below", "tenants/acme.db/", "--", "list", "", "all", "--", "url")
        self.assertEqual(list(answer.objects()), ["generations/x"])
        self.assertEqual(answer.lines()[-1], self.url().replace("?", "/tenants/acme.db?") if "?" in self.url() else self.url() + "/tenants/acme.db")
        self.assertEqual(self.ask("below", "tenants/acme.db/", "--", "read", "generations/x", 0, 1).output, b"1")


class Reading:
    def test_ranges(self):
        data = noise(3_000_000)
        self.put({"g/a": data})
        for offset, length in ((0, 1), (0, len(data)), (1, 2_500_000), (len(data) - 1, 1), (1_048_575, 2), (65_536, 65_536), (7, 0)):
            self.assertEqual(self.ask("read", "g/a", offset, length).output, data[offset:offset + length])

    def test_names(self):
        for key in ("a b+c&d/é?#%41", "g/good + é"):
            self.put({key: b"odd"})
            self.assertEqual(list(self.listed(key[:key.index("/") + 1]).objects()), [key])
            self.assertEqual(self.ask("read", key, 0, 3).output, b"odd")

    def test_beyond_the_end(self):
        self.put({"a": b"12345", "empty": b""})
        self.refused("EINVAL", "read", "a", 3, 3, says=["a", "has 5"])
        self.refused("EINVAL", "read", "a", 2**64 - 1, 2)
        self.assertEqual(self.ask("read", "empty", 0, 0).output, b"")

    def test_another_version(self):
        self.put({"g/a": b"12345"})
        version, size, _ = self.listed().objects()["g/a"]
        self.assertEqual(self.ask("read-version", "g/a", 0, 5, version, size).output, b"12345")
        self.put({"g/a": b"123456"})
        self.refused("ESTALE", "read-version", "g/a", 1, 3, version, size, says=["g/a"])
        self.refused("ESTALE", "read-version", "g/a", 0, 5, version, size, says=["g/a"])
        self.remove("g/a")
        self.refused("ENOENT", "read-version", "g/a", 0, 5, version, size, says=["g/a"])

    def test_a_crowd(self):
        data = noise(3_000_000)
        (self.folder / "expected").write_bytes(data)
        self.put({"g/a": data})
        answer = self.ask("storm", self.folder / "expected", "g/a", 8, 12, seconds=200)
        self.assertRegex(answer.lines()[-1], r"^0 wrong, 0 failed")


class NoMetadata:
    def test_none(self):
        self.put({"a": b"12345"})
        if not self.keeps_metadata:
            self.refused("ENODATA", "metadata", "a", "litestream-timestamp")


class Metadata:
    of_metadata = True
    TIMESTAMP = "2024-11-04T10:30:00.123456789Z"

    def test_value(self):
        self.put({"ltx/x": b"LTX1"}, metadata={"litestream-timestamp": self.TIMESTAMP, "other": "another"})
        self.put({"empty": b""})
        self.assertEqual(self.ask("metadata", "ltx/x", "litestream-timestamp").lines(), [self.TIMESTAMP])
        self.assertEqual(self.ask("metadata", "ltx/x", "other").lines(), ["another"])
        self.refused("ENODATA", "metadata", "ltx/x", "litestream")
        self.refused("ENODATA", "metadata", "empty", "litestream-timestamp")

    def test_another_version(self):
        self.put({"ltx/x": b"LTX1"}, metadata={"other": "another"})
        version, size, _ = self.listed().objects()["ltx/x"]
        self.put({"ltx/x": b"LTX2"})
        self.refused("ESTALE", "metadata-version", "ltx/x", "other", version, size, says=["412", "ltx/x", "another version"])
        self.remove("ltx/x")
        self.refused("ENOENT", "metadata-version", "ltx/x", "other", version, size, says=["404", "ltx/x"])


STORE = [Listing, Reading, NoMetadata, Metadata]
