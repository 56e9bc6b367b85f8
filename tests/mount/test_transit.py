"""v0.3 objects that come wrong from a store that is well: what does not hold is read anew, and only the same wrong bytes twice
are damage. The store's ETags tell nothing here."""

import errno
import json
import os

from make_backup import GENERATION, write_backup
from mounting import MountTest, main, sha256
from stores import Bucket, s3_config

NAME = "large.db"


def flip(offset):
    """Turns a bit of the body over."""
    return lambda body: body[:offset] + bytes([body[offset] ^ 1]) + body[offset + 1:]


class Wrong(Bucket):
    """A bucket whose answers for a key are spoiled, one after the other, as long as there is something to spoil them with."""

    def __init__(self, folder):
        super().__init__(folder)
        self.opaque_etags, self.spoiling = True, {}

    def spoil(self, part, *changes):
        self.spoiling[part] = list(changes)
        self.fault("other-object", on="object")

    def other_body(self, key, body):
        for part, changes in self.spoiling.items():
            if part in os.fsdecode(key) and changes:
                return changes.pop(0)(body)
        return body


class TransitTest(MountTest):
    def begin(self, *backup, **settings):
        self.states = write_backup(self.folder / "backup", *backup, **settings)
        self.right = self.states[-1][2]
        self.bucket = Wrong(self.folder / "backup")
        self.addCleanup(self.bucket.close)
        self.config = s3_config(self.folder / "s3.yml", self.bucket.endpoint, self.bucket.bucket, [NAME])
        self.segments = sorted((self.folder / "backup" / NAME / "generations" / GENERATION / "wal").iterdir())


class Small(TransitTest):
    """A small object is checked before anything of it is used: nobody notices."""

    def assertSpoiled(self):
        self.assertEqual([changes for changes in self.bucket.spoiling.values() if changes], [])

    def check_everywhere(self, part, *changes):
        """A mount and a restore that meet it, and the next mount, all have the newest state."""
        for number in range(2):
            self.bucket.spoil(part, *changes)
            tree = self.mount(self.config, point=f"mnt{number}", cache=f"cache{number}")
            self.assertEqual(sha256(tree / "latest" / NAME), self.right)
            self.assertNotIn("user.litemount.gap", os.listxattr(tree / "latest" / NAME))
            self.assertSpoiled()
            tree.unmount()
            again = self.mount(self.config, point=f"again{number}", cache=f"cache{number}")
            self.assertEqual(sha256(again / "latest" / NAME), self.right)
            again.unmount()
        self.bucket.spoil(part, *changes)
        output = self.folder / "restored.db"
        done = self.run_litemount("restore", "-config", self.config, "-o", output, f"/data/{NAME}",
                                  environment={"XDG_CACHE_HOME": str(self.folder / "none")})
        self.assertEqual((done.returncode, sha256(output)), (0, self.right), done.stderr)
        self.assertSpoiled()

    def test_a_segment(self):
        self.begin(12, indexes=3)
        self.check_everywhere(self.segments[6].name, flip(100))

    def test_a_segment_wrong_twice_and_never_the_same(self):
        self.begin(12, indexes=3)
        self.check_everywhere(self.segments[6].name, flip(100), flip(90))

    def test_a_snapshot(self):
        self.begin(12, indexes=3)
        self.check_everywhere("snapshots/00000000", flip(100))

    def other_body(self, wanted, other):
        """The other's, and what follows a frame is ignored."""
        body, room = other.read_bytes(), wanted.stat().st_size
        self.assertLessEqual(len(body), room)
        return lambda _: body.ljust(room, b"\0")

    def pairs(self, segments):
        return next((a, b) for a in segments for b in segments if a != b and a.stat().st_size >= b.stat().st_size)

    def test_another_segments_body(self):
        """It is sound by itself: only the checksum chain from one to the next tells."""
        self.begin(30, indexes=3)
        wanted, other = self.pairs([path for path in self.segments if path.name.startswith("00000001")][2:-2])
        self.check_everywhere(wanted.name, self.other_body(wanted, other))

    def test_the_body_of_another_wals_first_segment(self):
        """None of what follows it can be read as it tells."""
        self.begin(30, indexes=4)
        wanted, other = self.pairs([path for path in self.segments if path.name.endswith("_00000000.wal.lz4")])
        self.check_everywhere(wanted.name, self.other_body(wanted, other))


class Verbs(TransitTest):
    """A large snapshot of which an answer comes wrong once is read anew by whoever reads it, whichever answer that is."""

    def setUp(self):
        super().setUp()
        self.begin(12, indexes=2, page_size=4096, filling=10 << 20)

    def try_all(self, verb, *flags, judge):
        """The verb, with one answer more that is right before the wrong one, until none is wrong: a new machine each time."""
        for number in range(30):
            output, environment = self.folder / f"o{number}", {"XDG_CACHE_HOME": str(self.folder / f"cache{number}")}
            self.bucket.spoil("snapshots/00000000", *[lambda body: body] * number,
                              lambda body, place=5000 + number * 37_000: flip(place if len(body) > place else 0)(body))
            given = [str(output) if flag == "OUTPUT" else flag for flag in flags]
            done = self.run_litemount(verb, "-config", self.config, *given, environment=environment)
            with self.subTest(number):
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
                judge(output, done)
            if self.bucket.spoiling["snapshots/00000000"]:
                self.assertGreater(number, 3)
                return
        self.fail("there is no end of it")

    def test_restore(self):
        self.try_all("restore", "-o", "OUTPUT", f"/data/{NAME}",
                     judge=lambda output, done: self.assertEqual(sha256(output), self.right))

    def test_restore_with_a_check(self):
        self.try_all("restore", "-integrity-check", "full", "-o", "OUTPUT", f"/data/{NAME}",
                     judge=lambda output, done: self.assertEqual(sha256(output), self.right))

    def test_restore_all(self):
        self.try_all("restore", "-all", "-o", "OUTPUT",
                     judge=lambda output, done: self.assertEqual(sha256(output / NAME), self.right))

    def test_verify(self):
        self.try_all("verify", "-json",
                     judge=lambda output, done: self.assertEqual([row["ok"] for row in json.loads(done.stdout)], [True]))

    def test_one_that_stays_damaged(self):
        self.bucket.spoil("snapshots/00000000", *[lambda body: flip(700_000)(body) if len(body) > 1 << 20 else body] * 100)
        output, environment = self.folder / "o.db", {"XDG_CACHE_HOME": str(self.folder / "xdg")}
        done = self.run_litemount("restore", "-config", self.config, "-o", output, f"/data/{NAME}", environment=environment)
        self.assertEqual((done.returncode, output.exists()), (1, False), done.stderr)
        self.assertRegex(done.stderr.splitlines()[-1], "error: large.db: .*(damaged|no usable snapshot)")
        done = self.run_litemount("verify", "-config", self.config, environment=environment)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stdout, "FAILED  large.db: .*snapshots/00000000.snapshot.lz4 is damaged")


class LargeSnapshot(TransitTest):
    """Of a large one it shows at the end: bytes have been given by then."""

    def setUp(self):
        super().setUp()
        self.begin(12, indexes=2, page_size=4096, filling=10 << 20)
        self.tree = self.mount(self.config)
        self.file = self.tree / "latest" / NAME
        os.stat(self.file)  # the WAL is known, the snapshot's pages are not

    def spoil_large(self, *changes):
        """Answers with a good part of a block."""
        self.bucket.spoil("snapshots/00000000", *[lambda body, change=change: change(body) if len(body) > 1 << 20 else body for change in changes])

    def assertFails(self, file, offset=0):
        os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
        with self.assertRaises(OSError) as caught:
            while os.pread(file, 1 << 20, offset):
                offset += 1 << 20
        self.assertEqual(caught.exception.errno, errno.EIO)

    def test_who_read_it_fails_and_the_next_one_is_right(self):
        self.spoil_large(*[flip(700_000)] * 4)
        with open(self.file, "rb") as opened:
            self.assertFails(opened.fileno())
            self.bucket.heal()
            self.assertFails(opened.fileno())
            self.assertEqual(sha256(self.file), self.right)
            self.assertFails(opened.fileno())
        self.assertEqual(self.tree.log().count("its checksum does not match"), 1)
        self.tree.unmount()
        self.assertEqual(sha256(self.mount(self.config, point="again") / "latest" / NAME), self.right)

    def test_a_block_header_that_leads_elsewhere(self):
        """It is read anew, and nobody notices."""
        led = []

        def mislead(body):
            if len(body) != 4 or led:
                return body
            led.append(body)
            return flip(0)(body)

        self.bucket.spoil("snapshots/00000000", *[mislead] * 100)
        with open(self.file, "rb") as opened:
            os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_RANDOM)
            self.assertEqual(len(os.pread(opened.fileno(), 4096, 9 << 20)), 4096)
        self.assertTrue(led)
        self.assertEqual(sha256(self.file), self.right)

    def test_the_same_wrong_bytes_twice(self):
        """They are damage: nothing of the snapshot is shown any more, here for now, and elsewhere after another look."""
        self.spoil_large(*[flip(700_000)] * 100)
        for _ in range(2):
            with open(self.file, "rb") as opened:
                self.assertFails(opened.fileno())
        with self.assertRaises(OSError):
            open(self.file, "rb").close()
        self.tree.unmount()
        self.bucket.heal()
        self.assertEqual(sha256(self.mount(self.config, point="again") / "latest" / NAME), self.right)


if __name__ == "__main__":
    main()
