"""Another instant of a history that is known: it costs the pages that are not cached yet, and no more."""

from copying import LARGEST, digest, restored
from lookup import mounted_file
from measure import check_same
from table import Bar, Section

FIRST, SECOND, AGAIN = "litemount + cp, latest", "litemount + cp, mid-history, then", "litemount + cp, both again, new mount"


def copies(bench, version, link):
    """Costs of copies one after the other, with one cache: of the newest state, of one in mid-history, and of both again."""
    def copy(point, instant):
        meter, target = bench.meter(link), bench.scratch / "copy.db"
        meter.run(["cp", mounted_file(point, instant), target])
        meter.stop()
        meter.cost.answer = digest(target)
        target.unlink()
        return meter.cost

    costs = {}
    with bench.mount(bench.meter(link), version, link) as point:
        costs[FIRST] = copy(point, None)
        costs[SECOND] = copy(point, bench.facts.middle)
    meter = bench.meter(link)
    with bench.mount(meter, version, link) as point:
        for instant in (None, bench.facts.middle):
            meter.run(["cp", mounted_file(point, instant), bench.scratch / "copy.db"])
        meter.stop()
    costs[AGAIN] = meter.cost
    bench.clean()
    return costs


def changes_size(bench, version):
    """Bytes of a backup's objects, but for its snapshot."""
    folder = bench.store / "bench"
    snapshots = set(folder.glob(LARGEST[version]))
    files = (folder / LARGEST[version].partition("/")[0]).rglob("*")
    return sum(path.stat().st_size for path in files if path.is_file() and path not in snapshots)


def measure(bench):
    link = bench.farthest()
    for version in ("0.3", "0.5"):
        costs = copies(bench, version, link)
        if bench.beside(bench.peers.litestream.get(version)):
            costs["litestream restore, mid-history"] = restored(bench, version, link, bench.facts.middle)()
            check_same([costs[SECOND], costs["litestream restore, mid-history"]])
            bench.clean()
        changes = changes_size(bench, version)
        yield Section(f"a second instant, v{version}, {link.round_trip} ms", costs, [
            Bar("bytes, of all objects but the snapshot", costs[SECOND].bytes / changes, 1),
            Bar("bytes of both again, of all objects but the snapshot", costs[AGAIN].bytes / changes, 0.1)])
