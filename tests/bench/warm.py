"""Reading what is cached: with the kernel's page cache as from the disk, without it as libfuse's own example does."""

import contextlib

from lookup import SQLITE, mounted_file
from measure import mounted
from scan import ROWS
from table import Bar, Section

CACHE = "kept/cache"  # below the scratch folder
EQUAL = 1.1  # what "the same" is when the clock is not exact
REPEAT = 15  # at least: none takes a second, and one alone is off by a third


def read_all(meter, file):
    meter.run(["dd", f"if={file}", "of=/dev/null", "bs=1M", "status=none"])


def reading(bench, file, read):
    """Measures one reading of a file."""
    def run():
        meter = bench.meter()
        read(meter, file)
        meter.stop()
        return meter.cost
    return run


def scan(meter, file):
    meter.cost.answer = meter.run([SQLITE, file, ROWS])


def ours(bench, version):
    """The cache holds all of it, the kernel nothing of this mount. The seconds are those of the reading alone."""
    def run():
        meter = bench.meter()
        with bench.mount(meter, version, bench.nearest(), cache=CACHE) as point:
            file = mounted_file(point, None)
            file.stat()
            meter.restart()
            read_all(meter, file)
            meter.stop()
        return meter.cost
    return run


@contextlib.contextmanager
def passthrough_mounted(bench, meter, native):
    """libfuse's example over the native file; None if it cannot be had."""
    if not bench.beside(bench.peers.passthrough):
        yield None
        return
    command = [bench.peers.passthrough, "-o", f"source={native.parent},cache=always"]
    with mounted(meter, command, bench.scratch / "passthrough") as point:
        yield point / native.name


def passthrough(bench, native):
    def run():
        meter = bench.meter()
        with passthrough_mounted(bench, meter, native) as file:
            meter.restart()
            read_all(meter, file)
            meter.stop()
        return meter.cost
    return run


def from_kernel_cache(bench, version, native):
    """Fills the cache, and keeps a native copy. What the kernel itself takes for FUSE, the passthrough shows."""
    with bench.mount(bench.meter(), version, bench.nearest(), cache=CACHE) as point:
        file = mounted_file(point, None)
        bench.meter().run(["cp", "--no-preserve=mode", file, native])
        with passthrough_mounted(bench, bench.meter(), native) as passed:
            files = {"litemount": file, "native": native} | ({"passthrough_ll": passed} if passed else {})
            for path in files.values():
                read_all(bench.meter(), path)
            costs = {}
            for what, read in (("all of it", read_all), ("rows", scan)):
                costs |= bench.medians({f"{who}, {what}": reading(bench, path, read) for who, path in files.items()},
                                       max(REPEAT, bench.repeat))
    rows = costs["litemount, rows"].wall
    bars = [Bar("wall of rows, of native", rows / costs["native, rows"].wall, EQUAL)]
    if passed:
        bars += [Bar("wall of all of it, of passthrough_ll",
                     costs["litemount, all of it"].wall / costs["passthrough_ll, all of it"].wall, 1 / 0.9)]
    return Section(f"warm, v{version}, from the kernel's cache", costs, bars)


def from_own_cache(bench, version, native):
    contestants = {"litemount": ours(bench, version)}
    if bench.beside(bench.peers.passthrough):
        contestants["passthrough_ll"] = passthrough(bench, native)
    costs = bench.medians(contestants)
    bars = [Bar("wall, of passthrough_ll", costs["litemount"].wall / costs["passthrough_ll"].wall, 1 / 0.9)
            ] if "passthrough_ll" in costs else []
    return Section(f"warm, v{version}, the kernel's cache is cold", costs, bars)


def measure(bench):
    native = bench.kept / "native.db"
    for version in ("0.3", "0.5"):
        yield from_kernel_cache(bench, version, native)
        yield from_own_cache(bench, version, native)
