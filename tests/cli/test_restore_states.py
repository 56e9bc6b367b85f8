"""The lines of every fixture's expected.tsv, restored: the bytes that the real Litestream restored, or nothing where there
is nothing. What a line wants is told in tests/mount/states.py."""

import concurrent.futures
import errno
import os

from running import ROOT, VerbTest, main
import states
from mounting import SLOWNESS
from stores import S3Layout

# Of some fixtures only some lines, for the time they take: each is a process, and the mount is compared with all of them.
EVERY = {"broken-v03": 4, "broken-v05": 4, "lockpage-v03": 1000}

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

    def restored(self, folder, line):
        """The file, and what it turned out to be. Nothing else may be left beside it."""
        place = self.folder / "restored" / str(line.number)
        place.mkdir(parents=True)
        result = self.run_verb("restore", "-o", place / "it", *flags(line), folder / "data" / line.database)
        left = os.listdir(place)
        if result.returncode == 1 and not left:
            return place / "it", NOT_THERE
        if result.returncode == 0 and left == ["it"]:
            return place / "it", states.look(place / "it")
        return place / "it", f"exit status {result.returncode}, {left}, {result.stderr}"

    def difference(self, folder, line, wanted):
        """None, or how the restore differs from what the line wants."""
        path, got = self.restored(folder, line)
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
            found = list(pool.map(lambda line: self.difference(folder, line, table.wanted(line)), lines))
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


for fixture in ("rails-v03", "pagesizes-v03", "lockpage-v03", "edges-v03", "damaged-v03", "broken-v03", "age-v03", "rails-v05",
                "frames-v05", "mixed", "edges-v05", "damaged-v05", "broken-v05"):
    add_fixture(fixture)

if __name__ == "__main__":
    main()
