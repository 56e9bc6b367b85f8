"""S3 for the tests: a bucket that misbehaves when it is told to, and a real server that checks signatures."""

import collections
import contextlib
import csv
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

from mounting import ROOT, SLOWNESS
from replicas import instant, instant_text

sys.path.insert(0, str(ROOT / "tests/replica"))
from fault_server import FaultServer  # noqa: E402 (it lives with the tests of the stores)

SECRET = "testing"
TIMESTAMP = "litestream-timestamp"
SWIFT_PACKAGES = ("swift-proxy-server", "swift-object-server", "swift-container-server", "swift-account-server", "memcached")


def s3_config(path, endpoint, bucket, names, secret=SECRET):
    """Writes a litestream.yml for databases below `bucket`, each at the path that is its name."""
    lines = ["access-key-id: test:tester", f"secret-access-key: {secret}", "dbs:"]
    for name in names:
        lines += [f"  - path: /data/{name}", "    replicas:",
                  f"      - {{type: s3, bucket: {bucket}, path: {name}, endpoint: '{endpoint}', region: us-east-1}}"]
    pathlib.Path(path).write_text("\n".join(lines) + "\n", "utf-8")
    return path


def keeps_its_answer(time, replica, pattern="*"):
    """Whether an instant (nanoseconds) has the same answer on a store that keeps times in whole seconds: no object of
    the replica changes sides."""
    times = [path.stat().st_mtime_ns for path in pathlib.Path(replica).rglob(pattern) if path.is_file()]
    return not any(modified // 10**9 * 10**9 <= time < modified for modified in times)


def ltx_times(folder):
    """What Litestream 0.5 notes beside each LTX file below `folder` that it puts on S3: key -> user metadata."""
    return {os.fspath(path.relative_to(folder)): {TIMESTAMP: instant_text(path.stat().st_mtime_ns)}
            for path in pathlib.Path(folder).rglob("*.ltx")}


def to_s3_layout(folder):
    """Renames `NAME/ltx/LEVEL` below `folder` as v0.5 has it on S3: `NAME/%04x`."""
    for level in list(pathlib.Path(folder).glob("*/ltx/*")):
        level.rename(level.parent.parent / f"{int(level.name):04x}")


class S3Layout:
    """The fixture s3layout-v05: six buckets, and what S3 told of their objects."""

    def __init__(self, folder):
        self.folder, self.times = folder, {}
        with open(folder / "metadata.tsv", encoding="utf-8", newline="") as table:
            self.rows = list(csv.DictReader(table, delimiter="\t"))
        for row in self.rows:
            self.times.setdefault(row["bucket"], {})[row["key"]] = {TIMESTAMP: row[f"x-amz-meta-{TIMESTAMP}"]}
        self.config = (folder / "litestream.yml").read_text("utf-8")
        # In both the databases stand in the same order.
        self.names = re.findall(r"/data/(\S+)", self.config)
        self.buckets = re.findall(r"(kamal-\w+)", self.config)

    def as_folders(self):
        """Makes file replicas of it, replica/NAME, and a litestream.yml for them."""
        names = dict(zip(self.buckets, self.names))
        for row in self.rows:
            level, name = row["key"].split("/")[-2:]
            path = self.folder / "replica" / names[row["bucket"]] / "ltx" / str(int(level, 16)) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(self.folder / row["file"], path)
            time_of_it = instant(row[f"x-amz-meta-{TIMESTAMP}"])
            os.utime(path, ns=(time_of_it, time_of_it))
        lines = [f"  - {{path: /data/{name}, replica: {{path: '{self.folder / 'replica' / name}'}}}}" for name in self.names]
        path = self.folder / "folders.yml"
        path.write_text("\n".join(["dbs:", *lines]) + "\n", "utf-8")
        return path

    def serve(self):
        """Serves each bucket. Returns the servers, and the litestream.yml as it was written, with their endpoints."""
        servers, config = [], self.config
        for bucket in self.buckets:
            servers.append(Bucket(self.folder / "replica" / bucket, bucket, self.times[bucket]))
            config = config.replace("${S3_ENDPOINT}", servers[-1].endpoint, 1)
        path = self.folder / "s3.yml"
        path.write_text(f"access-key-id: test:tester\nsecret-access-key: {SECRET}\n{config}", "utf-8")
        return servers, path


class Bucket(FaultServer):
    """A folder as a bucket. Asked for by tests that end it with close()."""

    def __init__(self, folder, name="bucket", metadata=None):
        super().__init__(folder, name)
        self.metadata = metadata or {}
        self.__enter__()

    def close(self):
        self.__exit__()

    def object_requests(self):
        """(key, range) of each object that was sent so far."""
        with self.lock:
            return [(request["key"], request["range"]) for request in self.requests
                    if request["method"] == "GET" and request["key"] and request["status"] in (200, 206)]

    def metadata_requests(self):
        """The key of each object whose metadata was asked for so far."""
        with self.lock:
            return [request["key"] for request in self.requests if request["method"] == "HEAD"]

    def fetched_twice(self):
        """Those of them that were sent more than once."""
        return [request for request, times in collections.Counter(self.object_requests()).items() if times > 1]


# ------------------------------------------------------------------------------------------------ a real server


def why_no_swift():
    """Why OpenStack Swift cannot be started here, or None."""
    missing = [name for name in SWIFT_PACKAGES if not shutil.which(name)]
    return f"not installed: {' '.join(missing)}" if missing else None


def free_ports(count):
    """The first of `count` ports in a row that nobody listens on; elsewhere for each test program, as several start at once."""
    for first in range(20_000 + os.getpid() % 1000 * count, 30_000, count):
        with contextlib.ExitStack() as stack:
            try:
                for port in range(first, first + count):
                    stack.enter_context(socket.socket()).bind(("127.0.0.1", port))
            except OSError:
                continue
        return first
    raise RuntimeError("no free ports")


class Swift:
    """OpenStack Swift with its S3 API, as tests/replica/swift-up.sh starts it. It ends with its standard input."""

    bucket = "backups"

    def __init__(self, processes, folder):
        self._process = processes.start([ROOT / "tests/replica/swift-up.sh", folder, free_ports(5)], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.endpoint = self._process.stdout.readline().strip()
        if not self.endpoint:
            raise AssertionError("Swift does not start")
        headers = {"X-Auth-User": "test:tester", "X-Auth-Key": SECRET}
        with self._request("GET", f"{self.endpoint}/auth/v1.0", headers) as answer:
            self._url, self._token = answer.headers["X-Storage-Url"], answer.headers["X-Auth-Token"]
        self._make_bucket()

    def _make_bucket(self):
        """On a busy machine the proxy is up before the servers behind it are."""
        deadline = time.monotonic() + 30 * SLOWNESS
        while True:
            try:
                return self._put("")
            except urllib.error.HTTPError as error:
                if error.code != 503 or time.monotonic() > deadline:
                    raise
                time.sleep(0.2)

    @staticmethod
    def _request(method, url, headers, data=None):
        return urllib.request.urlopen(urllib.request.Request(url, data, headers, method=method), timeout=30 * SLOWNESS)

    def _put(self, key, data=b"", bucket=bucket, metadata=None):
        """Through Swift's own API: what is tested is how we read through the other."""
        url = "/".join([self._url, bucket, urllib.parse.quote(key)] if key else [self._url, bucket])
        noted = {f"X-Object-Meta-{name}": value for name, value in (metadata or {}).items()}
        self._request("PUT", url, {"X-Auth-Token": self._token, **noted}, data).close()

    def upload(self, folder, bucket=bucket, metadata=None):
        """All files below `folder`, the oldest first: so that their times keep their order."""
        self._put("", bucket=bucket)
        files = [path for path in pathlib.Path(folder).rglob("*") if path.is_file()]
        for path in sorted(files, key=lambda path: (path.stat().st_mtime_ns, path)):
            key = os.fspath(path.relative_to(folder))
            self._put(key, path.read_bytes(), bucket, (metadata or {}).get(key))

    def close(self):
        self._process.stdin.close()
        self._process.wait(20)
