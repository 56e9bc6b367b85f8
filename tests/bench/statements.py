"""Many small statements on one connection: what SQLite has read of a file stays with it from one to the next."""

from lookup import SQLITE, mounted_file
from table import Bar, Section
from warm import CACHE, reading

STATEMENTS = 100_000
KEYS = 1000  # rows that they ask for, in turn
MOST = 1.5  # of native: with a -shm that nobody holds SQLite looks at the -wal each time


def write_script(path):
    lines = (f"SELECT id FROM workouts WHERE id = {number * 7919 % KEYS + 1};\n" for number in range(STATEMENTS))
    path.write_text("".join(lines), encoding="utf-8")


def measure(bench):
    script, native = bench.kept / "statements.sql", bench.kept / "native.db"
    write_script(script)

    def run_script(meter, file):
        meter.cost.answer = meter.run([SQLITE, "-readonly", file, f".read {script}"])

    for version in ("0.3", "0.5"):
        with bench.mount(bench.meter(), version, bench.nearest(), cache=CACHE) as point:
            file = mounted_file(point, None)
            bench.meter().run(["cp", "--no-preserve=mode", file, native])
            costs = bench.medians({"litemount": reading(bench, file, run_script), "native": reading(bench, native, run_script)})
        bars = [Bar("wall, of native", costs["litemount"].wall / costs["native"].wall, MOST)]
        yield Section(f"{STATEMENTS} small statements, v{version}", costs, bars)
