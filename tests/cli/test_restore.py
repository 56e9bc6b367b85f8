"""litemount restore from folders: which state, and what it says."""

import contextlib
import hashlib
import json
import os
import shutil
import sqlite3
import subprocess

from running import main
import states
from make_backup import GENERATION, compress, write_empty
from mounting import sha256
from restoring import BEFORE, MIDDLE, NAME, TABLE, RestoreTest


class Points(RestoreTest):
    def test_every_form_of_a_time(self):
        seconds = 1731031187.494  # MIDDLE
        for number, time in enumerate((MIDDLE, "2024-11-08T02:59:47.494+01:00", "2024-11-08 01:59:47.494", f"@{seconds:.3f}")):
            target = self.place / str(number)
            self.assert_restored(self.restore("-timestamp", time, output=target), self.middle, target)

    def test_a_time_before_the_first(self):
        first = json.loads(self.run_verb("points", "-json", self.database).stdout)[0]["time"]
        self.assert_refused(self.restore("-timestamp", BEFORE), NAME, BEFORE, "the first is", first[:19])

    def test_behind_the_end_the_last_point_is_taken_and_told(self):
        result = self.restore("-timestamp", "now")
        self.assert_restored(result)
        self.assertIn("is after the end", result.stderr)
        self.assertNotIn("is after the end", self.restore("-timestamp", MIDDLE, "-force").stderr)

    def test_what_there_is_instead(self):
        generations = sorted(os.listdir(self.backup / "replica" / NAME / "generations"))
        self.assert_refused(self.restore("-generation", "0" * 16), "0" * 16, *generations)
        self.assert_refused(self.restore("-txid", "0" * 15 + "1"), "no generation ltx", *generations)
        for generation in generations:
            lowest = min(os.listdir(self.backup / "replica" / NAME / "generations" / generation / "snapshots"))
            if int(lowest[:8], 16):
                index = f"{int(lowest[:8], 16) - 1:x}"
                self.assert_refused(self.restore("-generation", generation, "-index", index), index, "can't be reached")
        folder = self.fixture("rails-v05")
        self.assert_refused(self.run_verb("restore", "-o", self.target, "-txid", "f" * 16, folder / "data" / NAME),
                            "f" * 16, "0000000000000001")

    def test_an_index_alone_is_of_the_newest_generation(self):
        """What Litestream 0.3.13 restores."""
        self.assertEqual(sha256(self.restored("-index", "2")), "3beb558389520d1f81533069d4414bb45ed88a15444b8dfd50ca2e1c5145f708")

    def test_an_empty_value_is_none(self):
        self.assertEqual(sha256(self.restored("-timestamp", "", "-generation", "", "-txid", "")), self.latest)
        self.assertEqual(sha256(self.restored("-parallelism", "-3")), self.latest)

    def test_behind_the_last_wal_index_is_the_end(self):
        wanted = sha256(self.restored("-generation", self.generation))
        self.assertEqual(sha256(self.restored("-generation", self.generation, "-index", "7fffffff")), wanted)

    def restored(self, *arguments):
        self.assertEqual(self.restore("-force", *arguments).returncode, 0)
        return self.target

    def test_no_backup(self):
        shutil.rmtree(self.backup / "replica" / NAME)
        self.assert_refused(self.restore(), NAME, "no backup found at", f"{self.backup}/replica/{NAME}")
        (self.folder / "empty").mkdir()
        url = f"file://{self.folder}/empty"
        self.assert_refused(self.run_verb("restore", "-o", self.target, url), url, "no backup found")

    def test_generations_without_a_snapshot(self):
        generations = self.backup / "replica" / NAME / "generations"
        for generation in generations.iterdir():
            shutil.rmtree(generation / "snapshots")
        self.assert_refused(self.restore(), "no usable snapshot", *os.listdir(generations))

    def test_a_snapshot_alone(self):
        """What `-index` gives before the first segment has come."""
        generation = self.backup / "replica" / NAME / "generations" / self.generation
        shutil.rmtree(generation / "wal")
        snapshot = min((generation / "snapshots").iterdir())
        decoded = subprocess.run(["lz4", "-dc", snapshot], capture_output=True, check=False) if shutil.which("lz4") else None
        result = self.restore("-generation", self.generation, "-index", snapshot.name[:8])
        self.assertEqual(result.returncode, 0, result.stderr)
        if decoded:
            self.assertEqual(sha256(self.target), hashlib.sha256(decoded.stdout).hexdigest())
        self.assertEqual(states.integrity(self.target), "ok")

    def test_an_application_that_began_anew(self):
        """Its newest generation is that of an empty file: which the real program restores without a word."""
        write_empty(self.backup / "replica" / NAME)
        result = self.restore()
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn(f"in generation {GENERATION}: it has no tables; litemount points", result.stderr)
        self.assertNotIn("no tables", self.restore("-generation", self.generation, "-force").stderr)

    def test_no_such_database(self):
        self.assert_refused(self.run_verb("restore", "-o", self.target, "/no/such.db"), "/no/such.db")


class Answers(RestoreTest):
    def test_if_not_exists(self):
        self.target.write_text("mine")
        result = self.restore("-if-db-not-exists")
        self.assertEqual((result.returncode, self.target.read_text()), (0, "mine"))
        self.assertIn("already exists", result.stderr)
        self.target.unlink()
        self.assert_restored(self.restore("-if-db-not-exists"))

    def test_if_replica_exists(self):
        for arguments in (["-timestamp", BEFORE], ["-generation", "0" * 16]):
            self.assertEqual(self.restore("-if-replica-exists", *arguments).returncode, 0)
        self.assertEqual(self.restore("-if-replica-exists").returncode, 0)
        self.target.unlink()
        shutil.rmtree(self.backup / "replica" / NAME)
        result = self.restore("-if-replica-exists")
        self.assertEqual((result.returncode, os.listdir(self.place)), (0, []))
        self.assertIn("no backup found", result.stderr)
        url = f"file://{self.folder}/nothing"
        self.assertEqual(self.run_verb("restore", "-if-replica-exists", "-o", self.target, url).returncode, 0)

    def test_a_dry_run(self):
        plan = json.loads(self.restore("-dry-run", "-json", "-timestamp", MIDDLE).stdout)
        table = self.restore("-dry-run", "-timestamp", MIDDLE)
        self.assertEqual(os.listdir(self.place), [])
        self.assertEqual(table.returncode, 0)
        self.assertEqual(table.stdout.splitlines()[0].split(), list(plan)[:7])
        self.assertEqual(table.stdout.splitlines()[1].split(), [str(value) for value in list(plan.values())[:7]])
        self.assert_restored(self.restore("-timestamp", MIDDLE), self.middle)
        self.assertEqual(plan["size"], self.target.stat().st_size)

    def test_a_summary(self):
        result = self.restore("-json", "-integrity-check", "full", "-parallelism", "8")
        self.assert_restored(result)
        summary = json.loads(result.stdout)
        self.assertEqual(list(summary), ["db_path", "replica", "generation", "position", "time", "size", "duration_ms",
                                         "integrity_check", "txid"])
        self.assertEqual((summary["db_path"], summary["size"]), (str(self.target), self.target.stat().st_size))
        self.assertEqual((summary["generation"], summary["integrity_check"]), (self.generation, "full"))
        self.assertTrue(summary["replica"].startswith("file://"))

    def test_one_line_tells_what_was_done(self):
        result = self.restore()
        self.assertEqual((result.stdout, result.stderr.count("\n")), ("", 1))
        for word in (NAME, self.target, self.generation, "position", "2024-11-09T06:23:10.978Z", "0.2 MB"):
            self.assertIn(str(word), result.stderr)
        self.assertNotIn("\r", result.stderr)  # no progress bar: this is no terminal

    def test_wrong_usage(self):
        wrong = {
            "-timestamp": ["-timestamp", "yesterday"],
            "-index": ["-generation", GENERATION, "-index", "xyz"],
            "-txid": ["-txid", "1"],
            "cannot be used together": ["-timestamp", MIDDLE, "-generation", GENERATION, "-index", "1"],
            "-integrity-check": ["-integrity-check", "some"],
            "-parallelism": ["-parallelism", "many"],
            "-f": ["-f"],
            "-nonsense": ["-nonsense"],
            "-all": ["-all"],
        }
        for word, arguments in wrong.items():
            self.assert_refused(self.restore(*arguments), word, status=2)
        self.assert_refused(self.run_verb("restore"), "database", status=2)
        self.assert_refused(self.run_verb("restore", "-all"), "-o FOLDER", status=2)
        self.assert_refused(self.run_verb("restore", "-config", "x", "-o", self.target, "file:///x"), "-config", status=2)

    def test_help(self):
        result = self.run_verb("restore", "--help")
        self.assertEqual(result.returncode, 0)
        for flag in ("-timestamp", "-integrity-check", "-all", "-config"):
            self.assertIn(flag, result.stdout)

    def test_a_database_that_sqlite_finds_malformed(self):
        with contextlib.closing(sqlite3.connect(self.folder / "bad.db")) as connection:
            connection.execute("CREATE TABLE t AS SELECT randomblob(20000)")
            connection.commit()
        bad = bytearray((self.folder / "bad.db").read_bytes())
        bad[4096:4196] = bytes(100)
        snapshot = self.folder / f"bad/generations/{GENERATION}/snapshots/00000000.snapshot.lz4"
        snapshot.parent.mkdir(parents=True)
        snapshot.write_bytes(compress(bytes(bad)))
        for check in ("quick", "full"):
            result = self.run_verb("restore", "-integrity-check", check, "-o", self.target, f"file://{self.folder}/bad")
            self.assert_refused(result, f"the {check} integrity check fails", "nothing was put in place")
        self.assertEqual(self.run_verb("restore", "-o", self.target, f"file://{self.folder}/bad").returncode, 0)
        self.assertEqual(self.target.read_bytes(), bytes(bad))


class All(RestoreTest):
    def restore_all(self, *arguments):
        return self.run_verb("restore", "-all", "-o", self.place, *arguments)

    def wanted(self, selector, argument):
        return {line.database: line.file.sha256 for line in states.read_lines(TABLE)
                if (line.selector, line.argument) == (selector, argument) and line.file}

    def found(self):
        return {str(path.relative_to(self.place)): sha256(path) for path in self.place.rglob("*") if path.is_file()}

    def test_the_newest_of_all(self):
        result = self.restore_all("-json")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(self.found(), self.wanted("latest", "-"))
        self.assertEqual(len(json.loads(result.stdout)), len(self.found()))

    def test_at_one_instant(self):
        result = self.restore_all("-timestamp", MIDDLE)
        self.assertEqual(self.found()[NAME], self.middle)
        self.assertEqual(len(self.found()) + result.stderr.count("no restore point as early"), 4)

    def test_one_that_fails_does_not_stop_the_others(self):
        shutil.rmtree(self.backup / "replica" / NAME)
        result = self.restore_all()
        wanted = self.wanted("latest", "-")
        del wanted[NAME]
        self.assertEqual((result.returncode, self.found()), (1, wanted))
        self.assertEqual(result.stderr.count("error"), 2, result.stderr)  # its own line, and how many
        self.assertEqual(self.restore_all("-force", "-if-replica-exists").returncode, 0)

    def test_of_a_folder_of_backups_with_folders_in_names(self):
        (self.backup / "replica/tenants/acme").mkdir(parents=True)
        (self.backup / "replica" / NAME).rename(self.backup / "replica/tenants/acme" / NAME)
        result = self.restore_all(f"file://{self.backup}/replica")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(self.found()[f"tenants/acme/{NAME}"], self.latest)
        self.assertEqual(len(self.found()), 4)


if __name__ == "__main__":
    main()
