"""A row by its key: from nothing, no mount and an empty cache, to the first row. What most people come for."""

from table import Bar, Section

SQLITE = "sqlite3"
ROW = "SELECT id, user_id, title, notes FROM workouts WHERE id = {}"


def restore(bench, meter, version, link, instant=None):
    """The real program's way to a database. Returns its path."""
    output = bench.scratch / "restored.db"
    time = ["-timestamp", instant] if instant else []
    meter.run([bench.peers.litestream[version], "restore", "-config", bench.config(version, link), "-o", output, *time,
               "/data/bench.db"])
    return output


def vfs_command(bench, link, *statements):
    """SQLite reading through the Litestream VFS: a command and its environment."""
    url = (f"s3://bench/v05?endpoint={link.endpoint}&region=us-east-1&forcePathStyle=true")
    environment = {"LITESTREAM_REPLICA_URL": url, "LITESTREAM_LOG_FILE": "/dev/null",
                   "AWS_ACCESS_KEY_ID": bench.server.access_key, "AWS_SECRET_ACCESS_KEY": bench.server.secret_key}
    command = [SQLITE, ":memory:", f".load {bench.peers.vfs}", ".open 'file:bench.db?vfs=litestream'", *statements]
    return command, environment


def mounted_file(point, instant):
    return point / "at" / instant / "bench.db" if instant else point / "latest" / "bench.db"


def ours(bench, version, link, instant):
    def run():
        meter = bench.meter(link)
        with bench.mount(meter, version, link) as point:
            file = mounted_file(point, instant)
            meter.cost.answer = meter.run([SQLITE, file, ROW.format(bench.facts.key)])
            meter.stop()
        return meter.cost
    return run


def restored(bench, version, link, instant):
    def run():
        meter = bench.meter(link)
        file = restore(bench, meter, version, link, instant)
        meter.cost.answer = meter.run([SQLITE, file, ROW.format(bench.facts.key)])
        meter.stop()
        return meter.cost
    return run


def through_vfs(bench, link, instant):
    def run():
        meter = bench.meter(link)
        time = [f"PRAGMA litestream_time = '{instant}'"] if instant else []
        meter.cost.answer = meter.run(*vfs_command(bench, link, *time, ROW.format(bench.facts.key)))
        meter.stop()
        return meter.cost
    return run


def bars(costs, version):
    mount, restored = costs["litemount"], costs.get("litestream restore + sqlite3")
    wall, size = (1 / 20, 0.01) if version == "0.5" else (1 / 6, 0.15)
    if restored:
        yield Bar("wall, of restore + sqlite3", mount.wall / restored.wall, wall)
        yield Bar("bytes, of restore + sqlite3", mount.bytes / restored.bytes, size)
    if "Litestream VFS" in costs:
        yield Bar("wall, of the VFS", mount.wall / costs["Litestream VFS"].wall, 1 / 6)


def measure(bench):
    """Both formats; v0.5 in the middle of its history too, where a time has to be found."""
    for version, instant in (("0.3", None), ("0.5", None), ("0.5", bench.facts.middle)):
        when = "in mid-history" if instant else "latest"
        for link in bench.links.values():
            contestants = {"litemount": ours(bench, version, link, instant)}
            if bench.beside(bench.peers.litestream.get(version)):
                contestants["litestream restore + sqlite3"] = restored(bench, version, link, instant)
            if version == "0.5" and bench.beside(bench.peers.vfs):
                contestants["Litestream VFS"] = through_vfs(bench, link, instant)
            costs = bench.medians(contestants)
            yield Section(f"lookup by key, v{version} {when}, {link.round_trip} ms", costs,
                          list(bars(costs, version)) if link.round_trip else [])
