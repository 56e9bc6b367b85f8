#!/usr/bin/env python3
"""Serves a folder as an S3 bucket, and misbehaves as it is told: what a real store can't be made to show.

As a program:  fault_server.py FOLDER [--bucket NAME] [--port N] [--delay SECONDS] [--region R] [--tls]
               prints its endpoint on one line, then serves until its standard input ends or it is killed.
As a module:   with FaultServer(folder) as server: server.fault("503", times=2)

Objects are the folder's files, with their mtimes in whole seconds as LastModified, and with the user metadata of
`server.metadata`: {key: {name: value}}. A file or folder that is called `%2E` stands for a key's part ".", `%2F` for an
empty one. Everybody may read; who may is what the tests against a real store are for. `POST /.faults` takes a JSON object with fault()'s arguments, `DELETE /.faults`
takes all faults away, `GET /.requests` gives the requests so far as JSON: {"method", "key", "query", "range",
"cache" (the Cache-Control), "connection" (a number), "fault", "status"}.
What it can be told to do stands in fault_kinds.py.
"""

import argparse
import contextlib
import hashlib
import http.server
import json
import os
import pathlib
import random
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
from xml.sax.saxutils import escape

from fault_kinds import LISTING_FAULTS, OBJECT_FAULTS, Fault
from fault_listing import ListingHandler

PARTS = {b"%2E": b".", b"%2F": b""}  # what no file can be called


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128  # connections at once: of more the kernel makes each wait for a second


class FaultServer:
    """The server. Its threads end with the `with` block."""

    def __init__(self, folder, bucket="bucket", port=0, delay=0, region=None, redirect=301, tls=False, encryption_key=None, handler=None):
        self.metadata = {}
        self.handler = handler
        self.folder, self.bucket, self.delay = pathlib.Path(folder), bucket, delay
        self.region, self.redirect, self.encryption_key = region, redirect, encryption_key
        self.requests, self.faults, self.weather, self.lock = [], [], None, threading.Lock()
        self.opaque_etags, self._sums = False, {}
        self.tell = lambda body, ranged: {}  # more headers of an answer with an object's bytes
        self.flips = {}  # key -> the place of a byte, of which one bit is wrong in the next answer that holds it
        self.connections = 0  # so far
        self.healed = threading.Event()  # lets the silent ones go
        self._server = Server(("127.0.0.1", port), self._handler())
        scheme = "http"
        if tls:
            scheme = "https"
            self._server.socket = self._context().wrap_socket(self._server.socket, server_side=True,
                                                              do_handshake_on_connect=False)
        self.endpoint = f"{scheme}://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    def _handler(self):
        return type("BoundHandler", (self.handler or Handler,), {"server_of_faults": self})

    @staticmethod
    def _context():
        """A certificate for 127.0.0.1 that nobody vouches for."""
        with tempfile.TemporaryDirectory() as folder:
            key, certificate = f"{folder}/key.pem", f"{folder}/certificate.pem"
            subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1",
                            "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate],
                           check=True, stderr=subprocess.DEVNULL)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate, key)
        return context

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.heal()
        self._server.shutdown()
        self._server.server_close()

    def fault(self, kind, times=None, every=1, **details):
        """From now on misbehaves so. `on`: "listing" or "object" alone."""
        with self.lock:
            self.healed.clear()
            self.faults.append(Fault(kind, times, every, **details))

    def storm(self, kinds, share, seed):
        """From now on this share of requests meets one of these faults, whichever."""
        with self.lock:
            self.healed.clear()
            self.weather = (kinds, share, random.Random(seed))

    def heal(self):
        with self.lock:
            self.faults.clear()
            self.weather = None
            self.healed.set()

    def next_fault(self, is_listing):
        with self.lock:
            for fault in self.faults:
                if fault.strikes(is_listing):
                    return fault
            if self.weather and self.weather[2].random() < self.weather[1]:
                kinds, _, chance = self.weather
                return Fault(chance.choice([kind for kind in kinds if kind not in (OBJECT_FAULTS if is_listing else LISTING_FAULTS)]))
        return None

    def spoilt(self, key, first, body):
        """Bytes of the object from `first` on, as they are sent: see `flips`."""
        with self.lock:
            place = self.flips.get(key, -1) - first
            if not 0 <= place < len(body):
                return body
            del self.flips[key]
        return body[:place] + bytes([body[place] ^ 1 << place % 8]) + body[place + 1:]

    def keys(self):
        """The bucket's keys, in their bytes' order."""
        found, root = [], os.fsencode(self.folder)
        for folder, _, names in os.walk(root):
            parts = folder[len(root) + 1:].split(b"/") if folder != root else []
            below = b"".join(PARTS.get(part, part) + b"/" for part in parts)
            found += [below + PARTS.get(name, name) for name in names]
        return sorted(found)

    def path(self, key):
        """The file that a key stands for."""
        names = {part: name for name, part in PARTS.items()}
        return os.path.join(os.fsencode(self.folder), *(names.get(part, part) for part in key.split(b"/")))

    def stat(self, key):
        """Size, time in whole seconds, and ETag of an object: its MD5, as S3 has it, with `opaque_etags` another."""
        path = self.path(key)
        status = os.stat(path)
        text = f"{status.st_size} {status.st_mtime_ns} {status.st_ino}"
        if self.opaque_etags:
            etag = hashlib.md5(text.encode()).hexdigest()
        else:
            etag = self._sums.get((path, text))
            if not etag:
                with open(path, "rb") as file:
                    etag = self._sums[path, text] = hashlib.md5(file.read()).hexdigest()
        return status.st_size, int(status.st_mtime), etag

    def other_body(self, key, body):
        """As many bytes of other objects."""
        others = b""
        for other in self.keys():
            if other != key and len(others) < len(body):
                with open(self.path(other), "rb") as file:
                    others += file.read(len(body) - len(others))
        return others.ljust(len(body), b"?")


class Handler(ListingHandler, http.server.BaseHTTPRequestHandler):
    """S3's dialect. Another kind's handler is made of this one: `target` reads what is asked, `refuse` and `serve_listing` say
    it in that kind's words, and `metadata_prefix` is that of its headers with user metadata."""

    protocol_version = "HTTP/1.1"
    metadata_prefix = "x-amz-meta-"
    server_of_faults = None
    date = None  # what is sent as the time of day, if it is not this machine's
    wbufsize = 1 << 16
    disable_nagle_algorithm = True

    def log_message(self, format, *args):
        pass

    def handle(self):
        with self.server_of_faults.lock:
            self.server_of_faults.connections += 1
            self.connection_number = self.server_of_faults.connections
        with contextlib.suppress(ConnectionError, ssl.SSLError, TimeoutError):
            super().handle()

    def answer(self, status, body=b"", headers=None, length=None):
        """`length`: the Content-Length that is claimed."""
        self.status = status
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self.wfile.flush()

    def refuse(self, status, code, message="", more="", headers=None):
        body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{escape(message)}</Message>{more}</Error>'
        self.answer(status, body.encode(), {"Content-Type": "application/xml", **(headers or {})})

    def date_time_string(self, timestamp=None):
        return self.date or super().date_time_string(timestamp)

    def hang_up(self):
        self.wfile.flush()
        self.close_connection = True

    # ---------------------------------------------------------------------------------------------- control

    def do_POST(self):
        details = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server_of_faults.fault(**details)
        self.answer(200)

    def do_DELETE(self):
        self.server_of_faults.heal()
        self.answer(200)

    # --------------------------------------------------------------------------------------------- requests

    def do_HEAD(self):
        self.do_GET()

    def target(self):
        """The key that is asked for, b"" for a listing, and the query."""
        path, _, query = self.path.partition("?")
        key = urllib.parse.unquote_to_bytes(path).removeprefix(b"/" + self.server_of_faults.bucket.encode()).removeprefix(b"/")
        return key, dict(urllib.parse.parse_qsl(query, keep_blank_values=True, errors="surrogateescape"))

    def do_GET(self):
        server = self.server_of_faults
        if self.path == "/.requests":
            with server.lock:
                body = json.dumps(server.requests).encode()
            self.answer(200, body)
            return
        key, query = self.target()
        record = {"method": self.command, "key": os.fsdecode(key), "query": query, "range": self.headers["Range"],
                  "cache": self.headers["Cache-Control"], "connection": self.connection_number, "fault": None, "status": 0}
        with server.lock:
            server.requests.append(record)
        self.status = 0
        if server.delay:
            time.sleep(server.delay)
        try:
            self.serve(key, query, record)
        finally:
            record["status"] = self.status

    def serve(self, key, query, record):
        server = self.server_of_faults
        if not urllib.parse.unquote(self.path.partition("?")[0]).startswith(f"/{server.bucket}"):
            self.refuse(404, "NoSuchBucket", "The specified bucket does not exist")
            return
        if server.region and f"/{server.region}/s3/" not in self.headers.get("Authorization", ""):
            self.redirect()
            return
        fault = server.next_fault(not key)
        record["fault"] = fault.kind if fault else None
        if fault and fault.kind not in LISTING_FAULTS | OBJECT_FAULTS:
            if not self.misbehave(fault):
                return
            fault = None
        if key:
            self.serve_object(key, fault)
        else:
            self.serve_listing(query, fault)

    def redirect(self):
        region, status = self.server_of_faults.region, self.server_of_faults.redirect
        if status == 400:
            self.refuse(400, "AuthorizationHeaderMalformed", "the region is wrong", f"<Region>{region}</Region>")
        else:
            self.refuse(status, "PermanentRedirect", "The bucket you are attempting to access must be addressed elsewhere",
                        headers={"x-amz-bucket-region": region})

    def misbehave(self, fault):
        """Returns whether the request is served all the same."""
        if fault.kind == "slow":
            time.sleep(fault.details["seconds"])
            return True
        if fault.kind == "silent":
            self.server_of_faults.healed.wait(600)
            self.hang_up()
        elif fault.kind == "reset":
            self.hang_up()
        elif fault.kind == "escape":
            self.refuse(400, "Odd", "\x9b2J\x9b31mred")
        elif fault.kind == "html":
            self.answer(200, b"<html><body>We'll be back soon</body></html>", {"Content-Type": "text/html; charset=utf-8"})
        elif fault.kind == "empty":
            self.answer(200)
        elif fault.kind == "moved":
            self.refuse(307, "TemporaryRedirect", "Please re-send this request to the specified temporary endpoint",
                        headers={"Location": self.server_of_faults.endpoint + self.path})
        elif fault.kind == "no-http":
            self.wfile.write(b"220 mail.example ESMTP\r\n")
            self.hang_up()
        elif fault.kind == "page":
            self.answer(404, b"<html><body>Nothing here</body></html>", {"Content-Type": "text/html"})
        elif fault.kind == "skew":
            self.date = fault.details.get("date")
            self.refuse(403, "RequestTimeTooSkewed", "The difference between the request time and the current time is too large.")
        elif fault.kind == "echo":
            self.refuse(403, "Odd", f"I do not like {self.headers.get('Authorization')}")
        else:
            codes = {503: "SlowDown", 500: "InternalError", 429: "TooManyRequests", 403: "AccessDenied", 404: "NoSuchKey"}
            status, after = int(fault.kind), fault.details.get("retry_after")
            self.refuse(status, codes[status], "as I was told", headers={"Retry-After": str(after)} if after else None)
        return False

    # ---------------------------------------------------------------------------------------------- objects

    def serve_object(self, key, fault):
        server = self.server_of_faults
        try:
            size, modified, etag = server.stat(key)
        except (FileNotFoundError, NotADirectoryError):
            self.refuse(404, "NoSuchKey", "The specified key does not exist.")
            return
        wanted_key = server.encryption_key
        if wanted_key and self.headers.get("x-amz-server-side-encryption-customer-key") != wanted_key:
            self.refuse(400, "InvalidRequest", "The object was stored using a form of Server Side Encryption.")
            return
        if self.headers.get("If-Match", etag).strip('"') != etag:
            self.refuse(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold")
            return
        first, last = 0, size - 1
        ranged = self.headers.get("Range") and not (fault and fault.kind == "ignore-range")
        if ranged:
            first, last = (int(number) for number in self.headers["Range"].removeprefix("bytes=").split("-"))
            last = min(last, size - 1)
            if first >= size:
                self.refuse(416, "InvalidRange", "The requested range is not satisfiable")
                return
        if fault and fault.kind == "other-range" and ranged:
            first, last = first + 1, min(last + 1, size - 1)
        with open(server.path(key), "rb") as file:
            file.seek(first)
            body = file.read(last - first + 1)
        told = server.tell(body, bool(ranged))
        body = server.spoilt(os.fsdecode(key), first, body)
        if fault and fault.kind == "other-etag":
            etag = etag[::-1]
        elif fault and fault.kind == "other-object":
            body = server.other_body(key, body)
        headers = {"ETag": f'"{etag}"', "Last-Modified": self.date_time_string(modified), "Accept-Ranges": "bytes", **told}
        for name, value in server.metadata.get(os.fsdecode(key), {}).items():
            headers[f"{self.metadata_prefix}{name}"] = value
        if ranged:
            shift = 1 if fault and fault.kind == "wrong-range" else 0
            last_shift, more = (fault and fault.kind == "wrong-last") or shift, 1 if fault and fault.kind == "wrong-size" else 0
            headers["Content-Range"] = f"bytes {first + shift}-{last + last_shift}/{size + more}"
        self.send_body(206 if ranged else 200, body, headers, fault.kind if fault else None)

    def send_body(self, status, body, headers, kind):
        half = len(body) // 2
        if kind in ("cut", "stall"):
            self.answer(status, body[:half], headers, len(body))
            if kind == "stall":
                self.server_of_faults.healed.wait(600)
            self.hang_up()
            return
        if kind == "crawl":
            self.answer(status, body[:1], headers, len(body))
            for byte in body[1:]:
                if self.server_of_faults.healed.wait(0.1):
                    break
                self.wfile.write(bytes([byte]))
                self.wfile.flush()
            self.hang_up()
            return
        if kind == "short":
            body = body[:half]
        elif kind == "long":
            body += b"more"
        elif kind == "flip" and body:
            body = body[:half] + bytes([body[half] ^ 1]) + body[half + 1:]
        self.answer(status, body, headers)


def main():
    parser = argparse.ArgumentParser(description="Serves a folder as an S3 bucket with faults.")
    parser.add_argument("folder")
    parser.add_argument("--bucket", default="bucket")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--delay", type=float, default=0, help="seconds before every answer")
    parser.add_argument("--region", help="the only region in whose name requests are answered")
    parser.add_argument("--tls", action="store_true", help="https, with a certificate that nobody vouches for")
    options = parser.parse_args()
    with FaultServer(**vars(options)) as server:
        print(server.endpoint, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
