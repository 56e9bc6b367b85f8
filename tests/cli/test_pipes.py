"""What a verb prints into a pipe that nobody reads any more: it ends as all tools do, killed by SIGPIPE, and says nothing."""

import os
import signal
import subprocess

from running import VerbTest, main
from mounting import LITEMOUNT

LISTINGS = (["points"], ["points", "-json"], ["points", "-table"], ["generations"], ["generations", "-json"], ["snapshots"],
            ["wal"], ["wal", "-json"], ["ltx", "-level", "all"])
FILLED = 200000  # bytes: more than a pipe holds


class Pipes(VerbTest):
    def assert_ends_silently(self, process, *words):
        """It is killed by SIGPIPE, and nothing was said."""
        with process.stderr:
            said = process.stderr.read()
        self.assertEqual((process.wait(60), said), (-signal.SIGPIPE, ""), words)

    def assert_silent(self, *words):
        """Runs it with a pipe that nobody reads from the beginning."""
        read_end, write_end = os.pipe()
        os.close(read_end)
        process = self.start(*words, stdout=write_end)
        os.close(write_end)
        self.assert_ends_silently(process, *words)

    def test_listings(self):
        database = {version: f"file://{self.fixture(f'rails-{version}')}/replica/production.sqlite3" for version in ("v03", "v05")}
        for words in LISTINGS:
            with self.subTest(words):
                self.assert_silent(*words, database["v05" if words[0] == "ltx" else "v03"])

    def test_much(self):
        """`| head -c 1`, where what is printed fills the pipe and more."""
        config = self.folder / "litestream.yml"
        names = [f"/data/{'x' * 100}{number:05}.db" for number in range(FILLED // 100)]
        config.write_text("dbs:\n" + "".join(f"  - {{path: {name}, replica: {{path: /backups{name}}}}}\n" for name in names), "utf-8")
        for words in (["databases"], ["databases", "-json"]):
            process = self.start(*words, "-config", config)
            self.assertEqual(len(process.stdout.read(1)), 1)
            process.stdout.close()
            self.assert_ends_silently(process, *words)

    def test_verify_stops(self):
        """Nobody would see what else it finds."""
        folder = self.fixture("rails-v03")
        self.assert_silent("verify")
        self.assert_silent("verify", "-json", f"file://{folder}/replica")

    def test_help(self):
        for words in (["--help"], ["--version"], ["restore", "--help"], ["points", "-h"]):
            self.assert_silent(*words)

    def test_a_restore_is_whole(self):
        """The file is in its place before anything is printed."""
        source = f"file://{self.fixture('rails-v05')}/replica/production.sqlite3"
        target = self.folder / "restored.db"
        read_end, write_end = os.pipe()
        os.close(read_end)
        process = self.start("restore", "-json", "-o", target, source, stdout=write_end)
        os.close(write_end)
        self.assertEqual(process.wait(60), -signal.SIGPIPE)
        self.assertRegex(process.stderr.read(), r"\A[^\n]* restored to [^\n]*\n\Z")
        process.stderr.close()
        self.assertEqual(target.read_bytes()[:15], b"SQLite format 3")
        target.unlink()
        self.assert_silent("restore", "-dry-run", "-json", "-o", target, source)
        self.assertFalse(target.exists())

    def test_a_file_gets_all(self):
        with open(self.folder / "out", "wb") as out:
            done = subprocess.run([LITEMOUNT, "--help"], stdout=out, timeout=60)
        self.assertEqual((done.returncode, (self.folder / "out").read_bytes()[:16]), (0, b"Usage: litemount"))


if __name__ == "__main__":
    main()
