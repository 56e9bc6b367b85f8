#!/usr/bin/env python3
"""What questions about the past cost, beside the real programs, in one run. tests/bench/run.sh starts it.

Each question is a module's function: it measures its contestants in turn, so that they meet the same machine, several
times, and gives the medians and the bars that they are held to.
"""

import argparse
import pathlib
import signal
import subprocess
import sys
import tempfile

import copying
import lookup
import memory
import points
import scan
import second
import statements
import warm
from data import SIZES, Facts, make_data, write_config
from measure import Meter, check_same, is_mounted, median, mounted, remove
from peers import Peers
from server import ROUND_TRIPS, Link, Processes, Server
from table import print_missing, print_section

QUESTIONS = {"lookup": lookup.measure, "copy": copying.measure, "second": second.measure, "scan": scan.measure,
             "warm": warm.measure, "statements": statements.measure, "memory": memory.measure, "points": points.measure}

JUDGED = "full"  # the size that the bars were set for


class Bench:
    """What every question is given: the programs, the data, the links to it, and a place to write."""

    def __init__(self, options, processes, scratch):
        self.options, self.processes, self.scratch = options, processes, scratch
        self.binary, self.repeat = options.binary.resolve(), options.repeat
        self.peers = Peers(options.peers.resolve())
        self.size = SIZES[options.size]
        self.kept = scratch / "kept"
        self.kept.mkdir()

    def open(self):
        """Makes the data if it is not there yet, and the links."""
        folder = self.options.data.resolve()
        folder.mkdir(parents=True, exist_ok=True)
        self.server = Server(self.peers.server, folder / "store", self.processes)
        if not (folder / "facts.json").exists():
            print(f"making {folder}", file=sys.stderr)
            make_data(folder, self.size.megabytes, self.server, self.peers.litestream, self.processes)
        self.facts = Facts.load(folder)
        self.store = folder / "store"
        self.links = {round_trip: Link(self.options.proxy, self.server, round_trip, self.processes)
                      for round_trip in self.options.round_trip}
        self.warm_store()

    def warm_store(self):
        """No one is the first to read an object from the disk."""
        subprocess.run(["tar", "-C", self.store, "-cf", "/dev/null", "--warning=none", "."], check=True)

    def nearest(self):
        return self.links[min(self.links)]

    def farthest(self):
        return self.links[max(self.links)]

    def config(self, version, link, name=None):
        """A litestream.yml of one backup, as seen over a link."""
        path = self.scratch / f"{version}-{link.round_trip}.yml"
        return write_config(path, version, "/data/bench.db", self.server, link.endpoint, name)

    def mount(self, meter, version, link, cache="cache", name=None):
        """Mounts a backup; with a cache of its own, which is empty the first time."""
        command = [self.binary, self.config(version, link, name), "-o", f"cache={self.scratch / cache}"]
        return mounted(meter, command, self.scratch / "mnt")

    def medians(self, contestants, repeat=None):
        """Runs them in turn: {name: function} -> {name: Cost}."""
        costs = {name: [] for name in contestants}
        for _ in range(repeat or self.repeat):
            for name, contestant in contestants.items():
                costs[name].append(contestant())
                self.clean()
        check_same([cost for found in costs.values() for cost in found])
        return {name: median(found) for name, found in costs.items()}

    def beside(self, peer):
        """Whether a peer is measured, too."""
        return peer and not self.options.without_peers

    def meter(self, link=None):
        return Meter(self.processes, link)

    def clean(self):
        for path in self.scratch.glob("*"):
            if path != self.kept and not is_mounted(path):
                remove(path)


def parse_arguments():
    parser = argparse.ArgumentParser(prog="tests/bench/run.sh", description=__doc__.partition("\n")[0])
    parser.add_argument("size", nargs="?", choices=SIZES, default="small", help="of the database: 20 MB, or 500 MB")
    parser.add_argument("--only", default=",".join(QUESTIONS), help=f"some of the questions: {','.join(QUESTIONS)}")
    parser.add_argument("--repeat", type=int, default=1, help="times that each is measured; the median counts")
    parser.add_argument("--round-trip", type=int, nargs="+", choices=ROUND_TRIPS, default=[*ROUND_TRIPS],
                        help="milliseconds")
    parser.add_argument("--without-peers", action="store_true", help="measure litemount alone")
    parser.add_argument("--binary", type=pathlib.Path, required=True, help="the litemount that is measured")
    parser.add_argument("--proxy", type=pathlib.Path, required=True, help="the delay_proxy that was built")
    parser.add_argument("--peers", type=pathlib.Path, required=True, help="the folder to fetch the real programs to")
    parser.add_argument("--data", type=pathlib.Path, required=True, help="the folder of data, made if it is not there")
    options = parser.parse_args()
    options.only = options.only.split(",")
    unknown = set(options.only) - set(QUESTIONS)
    if unknown:
        parser.error(f"no such question: {', '.join(unknown)}")
    return options


def main():
    options = parse_arguments()
    for code in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(code, lambda *_: sys.exit(1))
    processes = Processes()
    with tempfile.TemporaryDirectory(prefix="bench-", dir=options.peers.parent) as scratch:
        try:
            bench = Bench(options, processes, pathlib.Path(scratch).resolve())
            print_missing(bench.peers.missing)
            if not bench.peers.server:
                sys.exit("without an S3 server nothing can be measured")
            bench.open()
            met = [print_section(section, options.size == JUDGED)
                   for name in options.only for section in QUESTIONS[name](bench)]
        finally:
            processes.end_all()
    sys.exit(0 if all(met) else 1)


if __name__ == "__main__":
    main()
