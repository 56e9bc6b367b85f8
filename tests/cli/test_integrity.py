"""What SQLite says of a database, where the application has left more to say than that it is whole."""

import json
import os
import pathlib
import sqlite3
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "mount"))
from make_ltx import write_snapshot  # noqa: E402 (shared with the tests that mount)
from mounting import main  # noqa: E402
from running import VerbTest  # noqa: E402

OWN = """CREATE TABLE words (id INTEGER PRIMARY KEY, german TEXT COLLATE de_DE, word TEXT);
CREATE INDEX by_german ON words (german); CREATE INDEX by_end ON words (backwards(word));
CREATE INDEX by_word ON words (word);"""
UNCHECKED = ("only the application has collation de_DE, function backwards, so this is not checked: index by_end, "
             "index by_german")
HOSTILE = "CREATE INDEX by_word ON words (length(hex(zeroblob(450000000)) || word))"


class Integrity(VerbTest):
    def setUp(self):
        super().setUp()
        self.path, self.backup, self.txid = self.folder / "app.db", self.folder / "backup", 0

    def connect(self):
        connection = sqlite3.connect(self.path)
        connection.create_collation("de_DE", lambda a, b: (a.lower() > b.lower()) - (a.lower() < b.lower()))
        connection.create_function("backwards", 1, lambda text: text and text[::-1], deterministic=True)
        return connection

    def write(self, script, rows=0):
        """Makes the database, and a backup of it."""
        self.path.unlink(missing_ok=True)
        connection = self.connect()
        connection.executescript(script)
        for i in range(rows):
            connection.execute("INSERT INTO words VALUES (?, ?, ?)", (i, f"{'Aa'[i % 2]}{i}", f"w{i}"))
        connection.commit()
        connection.close()
        self.back_up()

    def back_up(self):
        self.txid += 1
        write_snapshot(self.backup, self.path, self.txid, 1_700_000_000_000 + 1000 * self.txid)

    def rewrite_schema(self, name, sql):
        connection = self.connect()
        connection.execute("PRAGMA writable_schema = on")
        connection.execute("UPDATE sqlite_schema SET sql = ? WHERE name = ?", (sql, name))
        connection.commit()
        connection.close()
        self.back_up()

    def verify(self, *arguments):
        done = self.run_verb("verify", "-json", *arguments, f"file://{self.backup}")
        (report,) = json.loads(done.stdout)
        self.assertEqual(done.returncode, 0 if report["ok"] else 1)
        return report

    def restore(self, check, code=0):
        done = self.run_verb("restore", "-force", "-integrity-check", check, "-o", self.folder / "restored", f"file://{self.backup}")
        self.assertEqual(done.returncode, code, done.stderr)
        return done.stderr

    def test_foreign_keys_that_were_never_obeyed(self):
        self.write("CREATE TABLE a (id INTEGER PRIMARY KEY); CREATE TABLE b (a REFERENCES a (id)); INSERT INTO b VALUES (7), (8), (9);")
        report = self.verify()
        self.assertEqual((report["ok"], report["problems"]), (True, []))
        note = "foreign_key_check: violations: 3, as the application left them: row 1 of b refers to no row of a; and 2 more"
        self.assertEqual((report["notes"], report["warning"]), ([note], None))
        # It is so at every run: no reason for a mail of cron's.
        done = self.run_verb("verify", f"file://{self.backup}")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn(f"note    backup: {note}\nok      backup", done.stdout)
        self.restore("full")
        self.write("CREATE TABLE a (x); CREATE TABLE b (a REFERENCES a (x)); INSERT INTO b VALUES (7);")
        self.assertRegex(self.verify()["notes"][0], "foreign key mismatch")

    def test_the_applications_own(self):
        self.write(OWN, rows=300)
        for arguments in ((), ("-quick",)):
            report = self.verify(*arguments)
            self.assertEqual((report["ok"], report["problems"]), (True, []))
            self.assertIn("only the application has collation de_DE", report["notes"][0])
        self.assertEqual(self.verify()["notes"], [f"integrity_check: {UNCHECKED}"])
        self.assertIn(UNCHECKED, self.restore("full"))

    def test_damage_beside_it(self):
        self.write(OWN.replace("words (word)", "words (word) WHERE word > 'x'"), rows=300)
        self.rewrite_schema("by_word", "CREATE INDEX by_word ON words (word)")
        report = self.verify()
        self.assertEqual(report["problems"], ["integrity_check: row 1 missing from index by_word; and 300 more"])
        self.assertIn("row 1 missing from index by_word", self.restore("full", code=1))

    def test_a_schema_that_was_made_to_cost_memory(self):
        self.write(OWN.splitlines()[0] + "CREATE INDEX by_word ON words (word);", rows=3)
        self.rewrite_schema("by_word", HOSTILE)
        report, most = self.measure("verify", "-json", f"file://{self.backup}")
        self.assertIn("its schema asks for a value that is larger than the database", report)
        self.assertLess(most, 200)
        report, most = self.measure("restore", "-integrity-check", "full", "-o", self.folder / "restored", f"file://{self.backup}")
        self.assertIn("its schema asks for a value that is larger than the database", report)
        self.assertLess(most, 200)
        self.assertFalse((self.folder / "restored").exists())

    def measure(self, *arguments):
        """What it says, and the most memory that it took, in MB. It fails."""
        process = self.start(*arguments)
        said = process.stdout.read() + process.stderr.read()
        process.stdout.close()
        process.stderr.close()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        self.assertEqual(process.returncode, 1)
        return said, usage.ru_maxrss / 1024


if __name__ == "__main__":
    main(mounts=False)
