"""A real S3 server, and the distance to it: versitygw on a folder, and delay_proxy in front."""

import contextlib
import datetime
import hashlib
import hmac
import os
import socket
import subprocess
import time
import urllib.parse

from data import BUCKET

# Nothing of whoever measures: neither their keys nor their AWS_CA_BUNDLE, at which Litestream 0.5 gives up.
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "LITESTREAM_"))}
ROUND_TRIPS = {0: 0, 30: 100}  # milliseconds -> the link's megabytes per second, 0: no limit


class Processes:
    """What a run has started. Ended one by one, by pid."""

    def __init__(self):
        self.running = []

    def start(self, command, environment=None, **settings):
        process = subprocess.Popen([str(word) for word in command], env={**ENVIRONMENT, **(environment or {})}, **settings)
        self.running.append(process)
        return process

    def end_all(self):
        for process in reversed(self.running):
            if process.poll() is None:
                process.terminate()
        for process in self.running:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)
            if process.poll() is None:
                process.kill()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for_port(port, seconds=20):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise RuntimeError(f"nothing answers on port {port}")


class Server:
    """versitygw, which stores an object as a file and its metadata as attributes."""

    access_key, secret_key = "bench", "benchmark"

    def __init__(self, program, folder, processes):
        self.port = free_port()
        self.endpoint = f"http://127.0.0.1:{self.port}"
        (folder / BUCKET).mkdir(parents=True, exist_ok=True)
        with open(folder.parent / "server.log", "wb") as log:
            processes.start([program, "--quiet", "--keep-alive", "--access", self.access_key, "--secret", self.secret_key,
                             "--port", f"127.0.0.1:{self.port}", "posix", folder], stdout=log, stderr=log,
                            stdin=subprocess.DEVNULL)
        wait_for_port(self.port)


def adopt(folder):
    """Gives files that were not put by way of the server what it would have noted: their ETags."""
    for path in folder.rglob("*"):
        if path.is_file():
            with open(path, "rb") as file:
                digest = hashlib.file_digest(file, "md5").hexdigest()
            os.setxattr(path, "user.etag", f'"{digest}"'.encode())


def sign(server, host, path, asked):
    """What is asked, as the query of a GET that anybody may send within the hour (AWS Signature Version 4, by query)."""
    now = datetime.datetime.now(datetime.timezone.utc)
    scope = f"{now:%Y%m%d}/us-east-1/s3/aws4_request"
    query = urllib.parse.urlencode(sorted({
        **asked, "X-Amz-Algorithm": "AWS4-HMAC-SHA256", "X-Amz-Credential": f"{server.access_key}/{scope}",
        "X-Amz-Date": f"{now:%Y%m%dT%H%M%SZ}", "X-Amz-Expires": 3600, "X-Amz-SignedHeaders": "host"}.items()))
    request = f"GET\n{path}\n{query}\nhost:{host}\n\nhost\nUNSIGNED-PAYLOAD"
    text = "\n".join(["AWS4-HMAC-SHA256", f"{now:%Y%m%dT%H%M%SZ}", scope, hashlib.sha256(request.encode()).hexdigest()])
    key = f"AWS4{server.secret_key}".encode()
    for part in [*scope.split("/"), text]:
        key = hmac.digest(key, part.encode(), "sha256")
    return f"{query}&X-Amz-Signature={key.hex()}"


class Link:
    """The server, some milliseconds away. Counts what is asked of it."""

    def __init__(self, program, server, round_trip, processes):
        self.server, self.round_trip = server, round_trip
        self.port = free_port()
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self.process = processes.start([program, self.port, server.port, round_trip, ROUND_TRIPS[round_trip]],
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        wait_for_port(self.port)
        self.counts()

    def presigned(self, key, **asked):
        """A URL of an object that needs no credentials; of the bucket without one."""
        path = f"/{BUCKET}/{key}"
        return f"{self.endpoint}{path}?{sign(self.server, f'127.0.0.1:{self.port}', path, asked)}"

    def counts(self):
        """Requests and bytes since it was last asked."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        requests, size = map(int, self.process.stdout.readline().split())
        return requests, size
