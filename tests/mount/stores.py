"""S3 for the tests: a bucket that misbehaves when it is told to, and a real server that checks signatures."""

import collections
import contextlib
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

from mounting import ROOT, SLOWNESS

sys.path.insert(0, str(ROOT / "tests/replica"))
from fault_server import FaultServer  # noqa: E402 (it lives with the tests of the stores)

SECRET = "testing"
SWIFT_PACKAGES = ("swift-proxy-server", "swift-object-server", "swift-container-server", "swift-account-server", "memcached")


def s3_config(path, endpoint, bucket, names, secret=SECRET):
    """Writes a litestream.yml for databases below `bucket`, each at the path that is its name."""
    lines = ["access-key-id: test:tester", f"secret-access-key: {secret}", "dbs:"]
    for name in names:
        lines += [f"  - path: /data/{name}", "    replicas:",
                  f"      - {{type: s3, bucket: {bucket}, path: {name}, endpoint: '{endpoint}', region: us-east-1}}"]
    pathlib.Path(path).write_text("\n".join(lines) + "\n", "utf-8")
    return path


def keeps_its_answer(time, replica):
    """Whether an instant (nanoseconds) has the same answer on a store that keeps times in whole seconds: no object of
    the replica changes sides."""
    times = [path.stat().st_mtime_ns for path in pathlib.Path(replica).rglob("*") if path.is_file()]
    return not any(modified // 10**9 * 10**9 <= time < modified for modified in times)


class Bucket(FaultServer):
    """A folder as a bucket. Asked for by tests that end it with close()."""

    def __init__(self, folder):
        super().__init__(folder)
        self.__enter__()

    def close(self):
        self.__exit__()

    def object_requests(self):
        """(key, range) of each object that was sent so far."""
        with self.lock:
            return [(request["key"], request["range"]) for request in self.requests
                    if request["key"] and request["status"] in (200, 206)]

    def fetched_twice(self):
        """Those of them that were sent more than once."""
        return [request for request, times in collections.Counter(self.object_requests()).items() if times > 1]


# ------------------------------------------------------------------------------------------------ a real server


def why_no_swift():
    """Why OpenStack Swift cannot be started here, or None."""
    missing = [name for name in SWIFT_PACKAGES if not shutil.which(name)]
    return f"not installed: {' '.join(missing)}" if missing else None


def free_ports(count):
    """The first of `count` ports in a row that nobody listens on."""
    for first in range(20_000, 30_000, count):
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

    def _put(self, key, data=b""):
        """Through Swift's own API: what is tested is how we read through the other."""
        url = "/".join([self._url, self.bucket, urllib.parse.quote(key)] if key else [self._url, self.bucket])
        self._request("PUT", url, {"X-Auth-Token": self._token}, data).close()

    def upload(self, folder):
        """All files below `folder`, the oldest first: so that their times keep their order."""
        files = [path for path in pathlib.Path(folder).rglob("*") if path.is_file()]
        for path in sorted(files, key=lambda path: (path.stat().st_mtime_ns, path)):
            self._put(os.fspath(path.relative_to(folder)), path.read_bytes())

    def close(self):
        self._process.stdin.close()
        self._process.wait(20)
