"""A store whose answers go wrong in every way, some of them each: what is read is right, or an error that says so.

`cp` and `sqlite3` read states of both formats through a mount while one answer in ten is refused, lost, cut, too long,
another range's or another object's, a bit of it flipped, a web page, empty, a redirect, or (in longer runs) comes too
slowly or not at all. What `cp` copies must be what the real program restored; what `sqlite3` answers must be what it
answers on that file. Afterwards, with a store that is sound again, everything must be right on the same cache.

Environment: ATTACK_SECONDS is how long (10), ATTACK_SEED what befalls whom (as far as threads leave it so).
"""

import concurrent.futures
import os
import random
import re
import shutil
import subprocess
import time

import states
from mounting import ROOT, SLOWNESS, MountTest, main, sha256
from stores import Bucket, keeps_its_answer, ltx_times, s3_config, to_s3_layout

SECONDS = float(os.environ.get("ATTACK_SECONDS", "10"))
SEED = int(os.environ.get("ATTACK_SEED") or random.randrange(10**9))
SHARE = 0.1
ROUND = 2  # seconds that a mount, and its cache, live
KINDS = ("500", "503", "429", "reset", "cut", "short", "long", "flip", "other-object", "other-etag", "other-range",
         "wrong-range", "ignore-range", "html", "empty", "moved", "no-http", "garbage", "truncated-xml", "same-page", "other-prefix")
FAILED = re.compile(rb"^/\*+ .*ERROR", re.MULTILINE)  # amid what .dump could still read
SLOW_KINDS = ("crawl", "stall", "silent")  # few: each costs its reader 10 s and more


def dump(path):
    """What `sqlite3` says of a database: its exit status, what is in it, and its complaints."""
    return subprocess.run(["sqlite3", "-readonly", path, ".dump"], stdin=subprocess.DEVNULL, capture_output=True, check=False,
                          timeout=300 * SLOWNESS)


class Attack(MountTest):
    seconds = 240 + 3 * SECONDS

    def check(self, name, pattern="*"):
        print(f"ATTACK_SEED={SEED} ATTACK_SECONDS={SECONDS:.0f}: {name}", flush=True)
        self.chance = random.Random(SEED)
        replica = self.fixture(name) / "replica"
        self.lines = [line for line in states.read_lines(ROOT / f"tests/data/fixtures/{name}.expected.tsv")
                      if line.selector in ("latest", "generation+time" if "v03" in name else "txid") and line.file and
                      keeps_its_answer(line.time(), replica / line.database, pattern)]
        self.assertGreater(len(self.lines), 10)
        names = [path.name for path in replica.iterdir()]
        to_s3_layout(replica)
        self.bucket = Bucket(replica, metadata=ltx_times(replica))
        self.addCleanup(self.bucket.close)
        self.config = s3_config(self.folder / "s3.yml", self.bucket.endpoint, self.bucket.bucket, names)
        self.keep_what_is_right()

        self.copied, self.dumped, self.failed, begin = 0, 0, 0, time.monotonic()
        # On a busy machine longer than that, until enough has happened; the test's own limit ends it otherwise.
        while time.monotonic() < begin + SECONDS or not self.has_struck():
            self.attack(time.monotonic() + min(ROUND, SECONDS))
        print(f"  {self.copied} copied, {self.dumped} dumped, {self.failed} failed; {self.struck()} faults", flush=True)

    def struck(self):
        return sum(request["fault"] is not None for request in self.bucket.requests)

    def has_struck(self):
        """Enough has, amid what could be read."""
        return self.struck() > 10 and self.copied and self.dumped

    def keep_what_is_right(self):
        """Each file once, through a sound store, and what `sqlite3` says of it."""
        tree, self.right = self.mount(self.config, cache="first"), {}
        for line in self.lines:
            if line.file.sha256 in self.right:
                continue
            copy = self.folder / "right.db"
            shutil.copyfile(tree / line.path(), copy)
            self.assertEqual(sha256(copy), line.file.sha256, line.path())
            said = dump(copy)
            self.assertEqual((said.returncode, said.stderr), (0, b""), line.path())
            self.right[line.file.sha256] = said.stdout
        tree.unmount()

    def attack(self, end):
        """One mount with a cache of its own, until `end`; then the same cache with a store that is sound."""
        cache = f"cache-{self.chance.random()}"
        tree = self.mount(self.config, "refresh=1", cache=cache)
        kinds = KINDS * 10 + SLOW_KINDS if SECONDS >= 60 else KINDS
        self.bucket.storm(kinds, SHARE, self.chance.randrange(10**9))
        with concurrent.futures.ThreadPoolExecutor(4) as readers:
            seeds = [self.chance.randrange(10**9) for _ in range(4)]
            for done in [readers.submit(self.read_until, end, tree, seed) for seed in seeds]:
                done.result()
        self.bucket.heal()
        tree.unmount(60)
        tree = self.mount(self.config, cache=cache)
        for line in self.chance.sample(self.lines, min(10, len(self.lines))):
            self.assertEqual(sha256(tree / line.path()), line.file.sha256, f"{line.path()} afterwards")
        tree.unmount()
        shutil.rmtree(self.folder / cache)

    def read_until(self, end, tree, seed):
        chance = random.Random(seed)
        while time.monotonic() < end:
            line = chance.choice(self.lines)
            chance.choice((self.copy, self.query))(tree / line.path(), line, seed)

    def copy(self, path, line, seed):
        copy = self.folder / f"copy-{seed}.db"
        ended = subprocess.run(["cp", path, copy], capture_output=True, check=False, timeout=300 * SLOWNESS)
        if ended.returncode == 0:
            self.assertEqual(sha256(copy), line.file.sha256, f"cp of {line.path()}")
            self.copied += 1
        else:
            self.failed += 1

    def query(self, path, line, seed):
        said = dump(path)
        if said.returncode == 0 and not said.stderr and not FAILED.search(said.stdout):
            self.assertEqual(said.stdout, self.right[line.file.sha256], f"sqlite3 on {line.path()}")
            self.dumped += 1
        else:
            self.failed += 1

    def test_v03(self):
        self.check("rails-v03")

    def test_v03_large(self):
        self.check("pagesizes-v03")

    def test_v05(self):
        self.check("rails-v05", "*.lz4")


if __name__ == "__main__":
    main()
