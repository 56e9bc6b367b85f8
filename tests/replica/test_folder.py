"""The folder store: keys in order, nothing outside the folder, and one version of a file or none."""

import os
import socket

import conformance
from probing import StoreTest, main, write_objects


class FolderTest(StoreTest):
    kind = "file"
    keeps_metadata = False
    page_keys = 0

    def setUp(self):
        super().setUp()
        self.root = self.folder / "root"
        self.root.mkdir()
        self.settings = {"type": "file", "path": self.root}

    def url(self):
        return f"file://{self.root}"

    def put(self, objects):
        write_objects(self.root, objects)

    def remove(self, key):
        (self.root / key).unlink()


globals().update(conformance.cases(FolderTest))


class Folders(FolderTest):
    def test_size_time_and_version(self):
        write_objects(self.root, {"a": b"12345"})
        os.utime(self.root / "a", ns=(0, 1_700_000_000_123_456_789))
        self.assertEqual(self.listed().objects()["a"], ("1700000000123456789-5", 5, 1_700_000_000_123_456_789))

    def test_limit_is_kept_to(self):
        write_objects(self.root, {f"{folder}/{i}": b"" for folder in "abc" for i in range(5)})
        self.assertEqual(list(self.listed("", "all", "b/2", 3).objects()), ["b/3", "b/4", "c/0"])

    def test_what_is_not_there_is_empty(self):
        for path in (self.root, self.folder / "nowhere"):
            self.assertEqual(self.listed("none/", path=path).output, b"")
        write_objects(self.root, {"file": b""})
        self.assertEqual(self.listed("file/").output, b"")

    def test_names_that_cannot_be_told_are_left_out(self):
        write_objects(self.root, {"good": b"", "bad\nname": b"", "bad\x1bfolder/x": b"", "bad\x7f": b""})
        self.assertEqual(list(self.listed().objects()), ["good"])

    def test_only_files_count(self):
        write_objects(self.root, {"real": b"12"})
        os.mkfifo(self.root / "pipe")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(self.root / "socket"))
        (self.root / "link").symlink_to("real")
        (self.root / "dead").symlink_to("nothing")
        objects = self.listed().objects()
        self.assertEqual(list(objects), ["link", "real"])
        self.assertEqual(objects["link"][1], 2)

    def test_links_to_folders_end(self):
        write_objects(self.root, {"a/x": b""})
        (self.root / "a/up").symlink_to("..")
        (self.root / "slash").symlink_to("/")
        self.assertEqual(list(self.listed().objects()), ["a/x"])
        self.assertEqual(list(self.listed("a/").objects()), ["a/x"])

    def test_folders_without_end(self):
        path = self.root
        for _ in range(40):
            path /= "d"
        path.mkdir(parents=True)
        self.refused("EREMOTEIO", "list", "", "all", says=[str(self.root)])

    def test_nothing_outside(self):
        write_objects(self.folder, {"secret/x": b"s", "root/a": b"", "rootless/b": b""})
        for prefix in ("../secret/", "a/../../secret/", "/", f"{self.folder}/secret/", "./", "a//"):
            self.assertEqual(self.listed(prefix).output, b"", prefix)

    def test_without_rights(self):
        write_objects(self.root, {"closed/x": b"", "a": b"1"})
        version, size, _ = self.listed().objects()["a"]
        (self.root / "closed").chmod(0)
        (self.root / "a").chmod(0)
        self.addCleanup((self.root / "closed").chmod, 0o700)
        self.refused("EACCES", "list", "", "all", says=["closed", "Permission denied"], powerless=True)
        self.refused("EACCES", "read-version", "a", 0, 1, version, size, says=["/a", "Permission denied"], powerless=True)

    def test_below_cannot_leave(self):
        write_objects(self.folder, {"secret/x": b"s"})
        self.assertEqual(self.ask("below", "../secret/", "--", "list", "", "all").output, b"")


class Files(FolderTest):
    def test_another_version(self):
        write_objects(self.root, {"a": b"12345"})
        version, size, _ = self.listed().objects()["a"]
        self.assertEqual(self.ask("read-version", "a", 0, 5, version, size).output, b"12345")
        os.utime(self.root / "a", ns=(0, 1))
        self.refused("ESTALE", "read-version", "a", 0, 5, version, size, says=["/a"])
        (self.root / "a").unlink()
        self.refused("ENOENT", "read-version", "a", 0, 5, version, size, says=["/a"])

    def test_key_that_leads_out(self):
        write_objects(self.folder, {"secret": b"s", "root/a": b""})
        for key in ("../secret", "a/../../secret", str(self.folder / "secret"), "./a", ""):
            self.refused("ENOENT" if key else "ESTALE", "read-version", key, 0, 1, "0-1", 1)

    def test_a_path_that_is_none(self):
        self.refused("EINVAL", "list", "", "all", path="relative", says=["absolute"])

    def test_a_kind_that_is_not_built(self):
        self.refused("EOPNOTSUPP", "list", "", "all", type="nats", says=["nats"])


if __name__ == "__main__":
    main()
