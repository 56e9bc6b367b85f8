"""How much a mount of a huge database holds in memory, when it is read here and there and then in order."""

import itertools
import random

from lookup import mounted_file
from make_ltx import write_pages
from measure import MB
from server import adopt
from table import Bar, Section

NAME, PAGE_SIZE, TXID, MILLISECONDS = "large", 4096, 1, 1_700_000_000_000
SCATTERED = 1000  # pages
IN_ORDER = 256  # megabytes


def make(bench):
    """A level-9 file of a database that holds little but its size. It is kept with the data."""
    folder = bench.store / "bench" / NAME
    pages = bench.size.large_megabytes * MB // PAGE_SIZE
    if not folder.exists():
        write_pages(folder, itertools.repeat(bytes(PAGE_SIZE), pages), pages, PAGE_SIZE, TXID, MILLISECONDS)
        adopt(folder)
    return pages * PAGE_SIZE


def read_scattered(file, size):
    choose = random.Random(1)
    with open(file, "rb", buffering=0) as opened:
        for _ in range(SCATTERED):
            opened.seek(choose.randrange(size // PAGE_SIZE) * PAGE_SIZE)
            opened.read(PAGE_SIZE)


def measure(bench):
    size, link = make(bench), bench.nearest()
    meter = bench.meter(link)
    with bench.mount(meter, "0.5", link, name=NAME) as point:
        file = mounted_file(point, None)
        read_scattered(file, size)
        meter.run(["dd", f"if={file}", "of=/dev/null", "bs=1M", f"count={IN_ORDER}", "status=none"])
        meter.stop()
    bench.clean()
    title = f"memory, {size / 1e9:.0f} GB: {SCATTERED} pages, then {IN_ORDER} MB in order"
    yield Section(title, {"litemount": meter.cost}, [Bar("resident MB", meter.cost.resident / MB, 64)])
