"""The whole database: `cp` from a mount with an empty cache, beside a restore, and beside the line itself."""

import hashlib

from lookup import mounted_file, restore
from table import Bar, Section

LARGEST = {"0.3": "v03/generations/*/snapshots/*", "0.5": "v05/0009/*"}


def digest(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def ours(bench, version, link):
    def run():
        meter, copy = bench.meter(link), bench.scratch / "copy.db"
        with bench.mount(meter, version, link) as point:
            meter.run(["cp", mounted_file(point, None), copy])
            meter.stop()
        meter.cost.answer = digest(copy)
        return meter.cost
    return run


def restored(bench, version, link, instant=None):
    def run():
        meter = bench.meter(link)
        file = restore(bench, meter, version, link, instant)
        meter.stop()
        meter.cost.answer = digest(file)
        return meter.cost
    return run


def the_line(bench, version, link):
    """One plain download of the snapshot, which both of the others need. No answer: it is not the database."""
    def run():
        (path,) = (bench.store / "bench").glob(LARGEST[version])
        key = path.relative_to(bench.store / "bench")
        meter = bench.meter(link)
        meter.run(["curl", "-sfS", "-o", bench.scratch / "object", link.presigned(key)])
        meter.stop()
        return meter.cost
    return run


def bars(costs, version, link):
    """The line leaves v0.5 less room at a distance; v0.3 has a bar there only."""
    most = {("0.3", True): 0.4, ("0.5", True): 0.75, ("0.5", False): 0.4}.get((version, link.round_trip > 0))
    restored = costs.get("litestream restore")
    if most and restored:
        yield Bar("wall, of restore", costs["litemount + cp"].wall / restored.wall, most)


def measure(bench):
    for version in ("0.3", "0.5"):
        for link in bench.links.values():
            contestants = {"litemount + cp": ours(bench, version, link)}
            if bench.beside(bench.peers.litestream.get(version)):
                contestants["litestream restore"] = restored(bench, version, link)
            costs = bench.medians(contestants)
            costs |= bench.medians({"the line: one download of the snapshot": the_line(bench, version, link)})
            yield Section(f"cold cp, v{version}, {link.round_trip} ms", costs, list(bars(costs, version, link)))
