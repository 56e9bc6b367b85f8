"""A scan of all rows from an empty cache: where the VFS asks for each page, or copies the database first."""

import subprocess
import time

from lookup import SQLITE, mounted_file, vfs_command
from measure import check_same
from table import Bar, Section

ROWS = ("SELECT (SELECT sum(length(password)) FROM users) + (SELECT sum(length(notes)) FROM workouts) + "
        "(SELECT sum(reps) FROM sets)")
HYDRATED = "hydration complete"  # in the VFS's log
PATIENCE = 600  # seconds, for a copy


def ours(bench, link):
    def run():
        meter = bench.meter(link)
        with bench.mount(meter, "0.5", link) as point:
            meter.cost.answer = meter.run([SQLITE, mounted_file(point, None), ROWS])
            meter.stop()
        return meter.cost
    return run


def through_vfs(bench, link):
    def run():
        meter = bench.meter(link)
        meter.cost.answer = meter.run(*vfs_command(bench, link, ROWS))
        meter.stop()
        return meter.cost
    return run


def wait_for_line(path, text, seconds):
    """Waits until a line that holds `text` stands in a file that somebody writes."""
    end = time.monotonic() + seconds
    path.touch()
    with open(path, encoding="utf-8") as file:
        line = ""
        while text not in line:
            if time.monotonic() > end:
                raise RuntimeError(f"{path}: no \"{text}\" within {seconds} s")
            part = file.readline()
            line = part if line.endswith("\n") else line + part
            if not part:
                time.sleep(0.01)


def through_hydrated_vfs(bench, link):
    """Opens it, lets the VFS finish its copy, and scans that."""
    def run():
        log = bench.scratch / "vfs.log"
        command, environment = vfs_command(bench, link)
        environment |= {"LITESTREAM_HYDRATION_ENABLED": "true", "LITESTREAM_HYDRATION_PATH": str(bench.scratch / "hydrated.db"),
                        "LITESTREAM_LOG_FILE": str(log), "LITESTREAM_LOG_LEVEL": "DEBUG"}
        meter = bench.meter(link)
        sqlite = meter.start(command[:2], environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        with sqlite.stdin, sqlite.stdout:
            sqlite.stdin.write("\n".join([*command[2:], "SELECT count(*) FROM marks;"]) + "\n")
            sqlite.stdin.flush()
            wait_for_line(log, HYDRATED, PATIENCE)
            sqlite.stdin.write(f"{ROWS};\n")
            sqlite.stdin.close()
            meter.cost.answer = sqlite.stdout.read().split()[-1]
        meter.end(sqlite)
        meter.stop()
        return meter.cost
    return run


def measure(bench):
    for link in bench.links.values():
        contestants = {"litemount": ours(bench, link)}
        if bench.beside(bench.peers.vfs):
            contestants["Litestream VFS, hydrated"] = through_hydrated_vfs(bench, link)
        costs, bars = bench.medians(contestants), []
        mount, hydrated = costs["litemount"], costs.get("Litestream VFS, hydrated")
        if hydrated:
            bars.append(Bar("wall, of the hydrated VFS", mount.wall / hydrated.wall, 0.75 if link.round_trip else 0.5))
        if hydrated and not link.round_trip:  # with a distance it takes an hour
            costs |= bench.medians({"Litestream VFS": through_vfs(bench, link)}, repeat=1)
            check_same([mount, costs["Litestream VFS"]])
            bars += [Bar("wall, of the VFS", mount.wall / costs["Litestream VFS"].wall, 1 / 50),
                     Bar("requests, of the VFS", mount.requests / costs["Litestream VFS"].requests, 1 / 100)]
        yield Section(f"cold scan of all rows, v0.5, {link.round_trip} ms", costs, bars)
