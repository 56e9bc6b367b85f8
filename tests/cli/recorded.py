#!/usr/bin/env python3
"""What the real Litestream lists of the fixtures, recorded in tests/data/cli.

    recorded.py v03 LITESTREAM      prints what Litestream 0.3.13 says, for tests/data/cli/v03.txt
    recorded.py v05 LITESTREAM      the same of 0.5.18

A record is a line `$ FIXTURE ARGUMENTS`, and what was printed. ${FIXTURE} stands for the unpacked fixture. Each of its
databases is a file of a given time there, with a younger WAL beside the first one: a generation's lag is counted from that.
"""

import os
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "mount"))
from mounting import ROOT, fixture  # noqa: E402 (shared with the tests that mount)

CLOSED = 1_732_000_000_123_456_789  # when the databases were last written: nanoseconds since 1970
WAL_YOUNGER = 65_500_000_000  # nanoseconds

# A database with two replicas, of which the second is another database's.
TWO_REPLICAS = """\
dbs:
  - path: ${FIXTURE}/data/production.sqlite3
    replicas:
      - name: near
        path: ${FIXTURE}/replica/production.sqlite3
      - path: ${FIXTURE}/replica/production_queue.sqlite3
  - path: ${FIXTURE}/data/no-replica.sqlite3
    replicas: []
  - path: ${FIXTURE}/data/nothing-replicated.sqlite3
    replicas:
      - path: ${FIXTURE}/replica/nothing
"""

GENERATION = "8ad8a83282ca8351"  # one of rails-v03's production.sqlite3


def commands(version):
    """(fixture, configuration, arguments) of each record."""
    if version == "v03":
        for name, databases in {"rails-v03": ["production", "production_queue"], "edges-v03": ["edges"],
                                "age-v03": ["secret"], "damaged-v03": ["missing-segment", "junk"]}.items():
            yield name, "litestream.yml", ["databases"]
            for database in databases:
                for verb in ("generations", "snapshots", "wal"):
                    yield name, "litestream.yml", [verb, f"${{FIXTURE}}/data/{database}.sqlite3"]
        production = "${FIXTURE}/data/production.sqlite3"
        yield "rails-v03", "litestream.yml", ["wal", "-generation", GENERATION, production]
        yield "rails-v03", None, ["snapshots", "file://${FIXTURE}/replica/production.sqlite3"]
        yield "rails-v03", None, ["wal", "file://${FIXTURE}/replica/production_queue.sqlite3"]
        yield "rails-v03", "two.yml", ["databases"]
        for verb in ("generations", "snapshots", "wal"):
            yield "rails-v03", "two.yml", [verb, production]
            yield "rails-v03", "two.yml", [verb, "-replica", "near", production]
            yield "rails-v03", "two.yml", [verb, "-replica", "file", production]
        yield "rails-v03", "two.yml", ["snapshots", "${FIXTURE}/data/nothing-replicated.sqlite3"]
    else:
        for name, databases in {"rails-v05": ["production", "production_cable"], "edges-v05": ["edges"],
                                "mixed": ["upgraded"], "damaged-v05": ["gap", "truncated-file"]}.items():
            yield name, "litestream.yml", ["databases"]
            yield name, "litestream.yml", ["databases", "-json"]
            for database in databases:
                path = f"${{FIXTURE}}/data/{database}.sqlite3"
                yield name, "litestream.yml", ["ltx", path]
                yield name, "litestream.yml", ["ltx", "-level", "all", path]
                yield name, "litestream.yml", ["ltx", "-level", "9", "-json", path]
        yield "mixed", "litestream.yml", ["ltx", "-level", "7", "-json", "${FIXTURE}/data/upgraded.sqlite3"]
        yield "rails-v05", None, ["ltx", "-level", "1", "file://${FIXTURE}/replica/production.sqlite3"]


def prepare(folder):
    """Puts the databases in their places, and the other configuration."""
    (folder / "two.yml").write_text(TWO_REPLICAS, "utf-8")
    for replica in (folder / "replica").iterdir():
        database = folder / "data" / replica.name
        database.touch()
        os.utime(database, ns=(CLOSED, CLOSED))
    wal = folder / "data" / f"{min(path.name for path in (folder / 'replica').iterdir())}-wal"
    wal.touch()
    os.utime(wal, ns=(CLOSED + WAL_YOUNGER, CLOSED + WAL_YOUNGER))


def unpacked(name, folder):
    """The fixture below `folder`, made ready."""
    path = pathlib.Path(folder) / name
    if not path.exists():
        fixture(name, folder)
        prepare(path)
    return path


def run(program, path, config, arguments):
    """What the program prints of the fixture at `path`, with ${FIXTURE} for that path."""
    words = [word.replace("${FIXTURE}", str(path)) for word in arguments]
    config = ["-config", path / config] if config else []
    done = subprocess.run([program, words[0], *config, *words[1:]], env={**os.environ, "FIXTURE": str(path)},
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, without_path(done.stdout, str(path)), done.stderr


def without_path(output, path):
    """Names the path ${FIXTURE}, and makes a column of paths as much narrower."""
    if output.startswith("path "):
        output = output.replace(" " * (len(path) - len("${FIXTURE}")), "", 1)
    return output.replace(path, "${FIXTURE}")


def title(name, config, arguments):
    return " ".join(["$", name, config or "-", *arguments])


def records(version):
    """title -> what the real program printed."""
    found, last = {}, None
    for line in (ROOT / f"tests/data/cli/{version}.txt").read_text("utf-8").splitlines(keepends=True):
        if line.startswith("$ "):
            last = line.rstrip("\n")
        found[last] = "" if line.startswith("$ ") else found[last] + line
    return found


def main():
    version, program = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        for name, config, arguments in commands(version):
            status, output, errors = run(program, unpacked(name, folder), config, arguments)
            if status:
                sys.exit(f"{title(name, config, arguments)}: {errors}")
            print(title(name, config, arguments), output, sep="\n", end="")


if __name__ == "__main__":
    main()
