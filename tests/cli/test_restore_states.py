"""The lines of every fixture's expected.tsv, restored: the bytes that the real Litestream restored, or nothing where there
is nothing. What a line wants is told in tests/mount/states.py.

Where something newer than that can't be had, the mount shows what can, and a restore is refused. It names the flags that
restore what the line wants."""

import concurrent.futures
import errno
import os
import re

from running import ROOT, VerbTest, main
import states
from mounting import SLOWNESS
from stores import S3Layout

# Of some fixtures only some lines, for the time they take: each is a process, and the mount is compared with all of them.
EVERY = {"broken-v03": 4, "broken-v05": 4, "lockpage-v03": 1000}

REFUSAL = re.compile(r"can't be restored; the newest before it can, with ((?:-generation \S+ )?-timestamp \S+): \S")

NOT_THERE = states.Failure((errno.ENOENT,))


def flags(line):
    """What asks `litemount restore` for the state that the line is about."""
    argument, time = line.argument, line.argument.rpartition("@")[2]
    if line.selector == "txid":
        return ["-txid", argument]
    if line.selector == "index":
        return ["-generation", line.generation(), "-index", argument.rpartition("/")[2]]
    generation = ["-generation", line.generation()] if line.generation() else []
    timed = line.selector != "generation" and time != "-"
    return generation + (["-timestamp", time] if timed else [])


class RestoredStates(VerbTest):
    seconds = 300

    def restored(self, folder, line, wanted_flags, again=False):
        """The file, what it turned out to be, and the flags that a refusal named. Nothing else may be left beside it."""
        place = self.folder / "restored" / f"{line.number}{'-again' * again}"
        place.mkdir(parents=True)
        result = self.run_verb("restore", "-o", place / "it", *wanted_flags, folder / "data" / line.database)
        left = os.listdir(place)
        if result.returncode == 1 and not left:
            refusal = REFUSAL.search(result.stderr)
            return place / "it", NOT_THERE, refusal and refusal[1].split()
        if result.returncode == 0 and left == ["it"]:
            return place / "it", states.look(place / "it"), None
        return place / "it", f"exit status {result.returncode}, {left}, {result.stderr}", None

    def difference(self, folder, line, wanted, is_refused):
        """None, or how the restore differs from what the line wants."""
        path, got, instead = self.restored(folder, line, flags(line))
        if bool(instead) != is_refused and isinstance(got, states.File | states.Failure):
            return f"{folder.name}:{line.number}: {'refused: ' + ' '.join(instead) if instead else 'not refused'}"
        if instead:
            path, got, _ = self.restored(folder, line, flags(line) + instead, again=True)
        if not wanted.accepts(got):
            return f"{folder.name}:{line.number}: got {got}, wanted {wanted}"
        if isinstance(wanted, states.Sound) and (verdict := states.integrity(path)) != "ok":
            return f"{folder.name}:{line.number}: {verdict}"
        if isinstance(got, states.File):
            path.unlink()
        return None

    def compare(self, name, folder=None):
        folder = folder or self.fixture(name)
        table = states.Table(folder, ROOT / f"tests/data/fixtures/{name}.expected.tsv")
        lines = [line for line in table.lines if table.known(line)]
        self.assertEqual(len(lines), len(table.lines))
        lines = lines[::EVERY.get(name, 1)]
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            found = list(pool.map(lambda line: self.difference(
                folder, line, table.wanted(line), table.lacks(line)), lines))
        self.assertEqual([text for text in found if text], [])

    def test_v05_as_it_was_written_to_s3(self):
        folder = self.fixture("s3layout-v05")
        config = S3Layout(folder).as_folders()
        config.write_text(config.read_text("utf-8").replace("/data/", f"{folder}/data/"), "utf-8")
        self.environment["LITESTREAM_CONFIG"] = str(config)
        self.compare("s3layout-v05", folder)


def add_fixture(name):
    def test(self):
        self.compare(name)
    setattr(RestoredStates, f"test_{name.replace('-', '_')}", test)


for fixture in ("rails-v03", "pagesizes-v03", "lockpage-v03", "edges-v03", "damaged-v03", "broken-v03", "ahead-v03", "age-v03", "rails-v05",
                "frames-v05", "mixed", "edges-v05", "damaged-v05", "broken-v05"):
    add_fixture(fixture)

if __name__ == "__main__":
    main()
