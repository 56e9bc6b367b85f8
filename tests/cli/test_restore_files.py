"""What a restored file is besides its bytes: its mode and its owner, and what is told of it."""

import json
import os
import stat

import recorded  # noqa: F401 (finds the modules shared with the tests that mount)
from mounting import main
from replicas import instant
from running import VerbTest

# What Litestream 0.5.18 prints of this backup: `restore -json` and `restore -dry-run -json`.
DONE = {"txid": "00000000000000af", "integrity_check": "none"}
PLAN = {
    "min_txid": "0000000000000001",
    "max_txid": "00000000000000af",
    "files": [
        {"level": 9, "name": "0000000000000001-000000000000009d.ltx", "min_txid": "0000000000000001",
         "max_txid": "000000000000009d", "size": 170346, "timestamp": "2026-11-24T01:55:30Z"},
        {"level": 1, "name": "000000000000009d-00000000000000a6.ltx", "min_txid": "000000000000009d",
         "max_txid": "00000000000000a6", "size": 54726, "timestamp": "2026-11-24T01:55:32Z"},
        {"level": 1, "name": "00000000000000a7-00000000000000af.ltx", "min_txid": "00000000000000a7",
         "max_txid": "00000000000000af", "size": 54381, "timestamp": "2026-11-24T01:55:35Z"},
    ],
}
DATABASE = "production.sqlite3"


class Files(VerbTest):
    def restore(self, fixture, *arguments, umask=0o22, code=0):
        folder = self.folder / fixture
        if not folder.exists():
            super().fixture(fixture)
        self.target = self.folder / "restored"
        before = os.umask(umask)
        try:
            done = self.run_verb("restore", *arguments, "-o", self.target, f"file://{folder}/replica/{DATABASE}")
        finally:
            os.umask(before)
        self.assertEqual(done.returncode, code, done.stderr)
        return done

    def mode(self):
        return stat.S_IMODE(self.target.stat().st_mode)

    def test_the_mode_of_a_new_file(self):
        """As Litestream 0.3.13 and 0.5.18 leave it."""
        for fixture, umask, mode in (("rails-v03", 0o22, 0o600), ("rails-v03", 0, 0o600), ("rails-v05", 0o22, 0o644),
                                     ("rails-v05", 0, 0o666), ("rails-v05", 0o77, 0o600)):
            with self.subTest(fixture, umask=umask):
                self.restore(fixture, umask=umask)
                self.assertEqual(self.mode(), mode)
                self.target.unlink()

    def test_a_mode_that_is_asked_for(self):
        self.restore("rails-v05", "-mode", "0640")
        self.assertEqual(self.mode(), 0o640)
        self.target.chmod(0o604)
        self.restore("rails-v05", "-force")
        self.assertEqual(self.mode(), 0o604)
        self.restore("rails-v05", "-force", "-mode", "444", umask=0o77)
        self.assertEqual(self.mode(), 0o444)

    def test_an_owner_that_is_asked_for(self):
        self.restore("rails-v05", "-owner", f"{os.getuid()}:{os.getgid()}")
        if os.getuid():
            self.restore("rails-v05", "-force", "-owner", "root", code=1)
            return
        for owner, user, group in (("nobody", 65534, None), ("1234:5678", 1234, 5678), (":4321", None, 4321)):
            with self.subTest(owner):
                self.target.unlink(missing_ok=True)
                self.restore("rails-v05", "-owner", owner)
                info = self.target.stat()
                self.assertEqual((info.st_uid, info.st_gid), (0 if user is None else user, os.getgid() if group is None else group))
        os.chown(self.target, 1000, 1000)
        self.restore("rails-v05", "-force", "-owner", "2000", "-mode", "600")
        self.assertEqual((self.target.stat().st_uid, self.target.stat().st_gid, self.mode()), (2000, 1000, 0o600))

    def test_wrong_usage(self):
        for arguments in (("-mode", "8"), ("-mode", "rw"), ("-mode", "4755"), ("-mode", "-1"), ("-owner", "no-such-user"),
                          ("-owner", ":no-such-group"), ("-owner", ":")):
            with self.subTest(arguments):
                done = self.restore("rails-v05", *arguments, code=2)
                self.assertIn(f"{arguments[0]} {arguments[1]}: ", done.stderr)
                self.assertFalse(self.target.exists())

    def test_what_is_told_of_it(self):
        told = json.loads(self.restore("rails-v05", "-json").stdout)
        self.assertEqual({key: told[key] for key in DONE}, DONE)
        self.assertLessEqual({"db_path", "replica", "duration_ms"}, set(told))
        told = json.loads(self.restore("rails-v03", "-json", "-force").stdout)
        self.assertEqual(told["txid"], "")

    def test_what_is_told_beforehand(self):
        told = json.loads(self.restore("rails-v05", "-json", "-dry-run").stdout)
        self.assertEqual({key: told[key] for key in PLAN}, PLAN)
        self.assertEqual(told["source"], f"file://{self.folder}/rails-v05/replica/{DATABASE}")
        self.assertEqual(told["target_path"], str(self.target))
        told = json.loads(self.restore("rails-v03", "-json", "-dry-run").stdout)
        self.assertEqual((told["min_txid"], told["max_txid"]), ("", ""))
        self.assertEqual(sum(file["size"] for file in told["files"]), told["source_size"])
        root = self.folder / "rails-v03/replica" / DATABASE / "generations" / told["generation"]
        for file in told["files"]:
            (path,) = root.glob(f"*/{file['name']}")
            self.assertEqual(path.stat().st_size, file["size"])

    def test_the_points_very_times(self):
        """Programs are told them to the nanosecond."""
        fixture = self.fixture("rails-v03")
        times = set()
        for number, path in enumerate((fixture / "replica" / DATABASE).rglob("*.lz4")):
            time = path.stat().st_mtime_ns // 10**6 * 10**6 + 123_456 + number
            os.utime(path, ns=(time, time))
            times.add(time)
        told = [row["time"] for row in json.loads(self.run_verb("points", "-json", DATABASE).stdout)]
        self.assertGreater(len(told), 10)
        self.assertLessEqual({instant(time) for time in told}, times)
        for time in (told[0], told[-1]):
            self.assertEqual(self.run_verb("restore", "-dry-run", "-timestamp", time, "-o", "x", DATABASE).returncode, 0)


if __name__ == "__main__":
    main()
