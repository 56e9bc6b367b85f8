"""A little S3, read only: `server.py FOLDER CONTROL` serves FOLDER/BUCKET/KEY and prints its port.

What the file CONTROL says happens to the answers, as long as it says so:
    silent             nothing is answered, and the connection stays open
    403                refused
    endless            every listing has another page, of 1,000 new keys of 1,000 bytes
And once, then CONTROL is removed, to an object whose key holds MATCH:
    flip OFFSET MATCH  bit 0 of that byte is flipped
    body FILE MATCH    FILE's bytes come in its place, under its own headers
And to a range of it that was asked for:
    whole MATCH        all of the object and 200
    range MATCH        another range, and its Content-Range
    html MATCH         a page of HTML and 200
    long MATCH         four bytes more
    moved MATCH        307 to the same place
    crawl MATCH        the answer comes a byte a second
"""

import datetime
import email.utils
import hashlib
import http.server
import itertools
import os
import pathlib
import re
import sys
import threading
import time
import urllib.parse
from xml.sax.saxutils import escape

ROOT, CONTROL = map(pathlib.Path, sys.argv[1:])
LOCK, COUNTER = threading.Lock(), itertools.count(1)
ODD_ANSWERS = ("whole", "range", "html", "long", "moved", "crawl")


def told():
    """The words of CONTROL."""
    try:
        return CONTROL.read_text("utf-8").split() or [""]
    except OSError:
        return [""]


def taken():
    """Removes CONTROL. Whether it was there: of several answers at once one is the odd one."""
    with LOCK:
        there = CONTROL.exists()
        CONTROL.unlink(missing_ok=True)
        return there


def keys(bucket):
    top = ROOT / bucket
    return sorted(str(path.relative_to(top)) for path in top.rglob("*") if path.is_file())


def etag(data):
    return hashlib.md5(data).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, body=b"", **headers):
        self.head(status, len(body), headers)
        if self.command != "HEAD":
            self.wfile.write(body)

    def head(self, status, length, headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(length))
        self.end_headers()

    def refuse(self, status, code, **headers):
        self.answer(status, f"<Error><Code>{code}</Code></Error>".encode(), Content_Type="application/xml", **headers)

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        bucket, _, key = urllib.parse.unquote(url.path)[1:].partition("/")
        what, *arguments = told()
        if what == "silent":
            self.close_connection = True
            while told()[0] == "silent":
                time.sleep(0.1)
        elif what == "403":
            self.refuse(403, "AccessDenied")
        elif not key:
            self.list(bucket, dict(urllib.parse.parse_qsl(url.query, keep_blank_values=True)), what == "endless")
        elif not (ROOT / bucket / key).is_file():
            self.refuse(404, "NoSuchKey")
        else:
            matches = bool(arguments) and arguments[-1] in key and self.command != "HEAD"
            self.give(ROOT / bucket / key, what if matches else "", arguments)

    do_HEAD = do_GET

    def give(self, path, what, arguments):
        data = path.read_bytes()
        headers = {"ETag": f'"{etag(data)}"', "Last_Modified": email.utils.formatdate(path.stat().st_mtime, usegmt=True)}
        part = re.match(r"bytes=(\d+)-(\d*)$", self.headers.get("Range", ""))
        first, last = 0, len(data) - 1
        if part:
            first, last = int(part[1]), min(int(part[2] or last), last)
        if what == "flip" and first <= int(arguments[0]) <= last and taken():
            data = bytearray(data)
            data[int(arguments[0])] ^= 1
        if what == "body" and taken():
            other = pathlib.Path(arguments[0]).read_bytes()
            assert len(other) == len(data), "not of the same length"
            data = other
        if not part:
            self.answer(200, data, **headers)
        elif what in ODD_ANSWERS and last > first and taken():
            self.odd(what, data, first, last, headers)
        else:
            self.answer(206, data[first:last + 1], **headers, Content_Range=f"bytes {first}-{last}/{len(data)}")

    def odd(self, what, data, first, last, headers):
        span = f"bytes {first}-{last}/{len(data)}"
        if what == "whole":
            self.answer(200, data, **headers)
        elif what == "html":
            self.answer(200, b"<html><body>We'll be back soon</body></html>", Content_Type="text/html")
        elif what == "long":
            self.answer(206, data[first:last + 1] + b"more", **headers, Content_Range=span)
        elif what == "moved":
            self.refuse(307, "TemporaryRedirect", Location=f"http://127.0.0.1:{self.server.server_port}{self.path}")
        elif what == "range":
            by = -1 if first else 1
            span = f"bytes {first + by}-{last + by}/{len(data)}"
            self.answer(206, data[first + by:last + by + 1], **headers, Content_Range=span)
        else:
            self.head(206, last - first + 1, {**headers, "Content_Range": span})
            self.crawl(data[first:last + 1])

    def crawl(self, data):
        try:
            for byte in data:
                self.wfile.write(bytes([byte]))
                time.sleep(1)
        except OSError:
            self.close_connection = True

    def list(self, bucket, query, endless):
        show = urllib.parse.quote if query.get("encoding-type") else escape
        prefix, delimiter = query.get("prefix", ""), query.get("delimiter")
        files, folders, more = [], {}, ""
        for key in keys(bucket):
            if not key.startswith(prefix) or key <= query.get("start-after", ""):
                continue
            if delimiter and delimiter in key[len(prefix):]:
                folders[prefix + key[len(prefix):].split(delimiter)[0] + delimiter] = True
            else:
                files.append(self.contents(show(key), ROOT / bucket / key))
        if endless:
            page = next(COUNTER)
            files = [self.entry(f"{show(prefix)}{page:010d}{i:06d}{'k' * 984}", "2026-01-01T00:00:00", "e", 100)
                     for i in range(1000)]
            more = f"<NextContinuationToken>t{page}</NextContinuationToken>"
        body = ('<?xml version="1.0" encoding="UTF-8"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
                f"<Name>{bucket}</Name><Prefix>{show(prefix)}</Prefix><MaxKeys>1000</MaxKeys>"
                f"<IsTruncated>{'true' if more else 'false'}</IsTruncated>{more}{''.join(files)}"
                + "".join(f"<CommonPrefixes><Prefix>{show(folder)}</Prefix></CommonPrefixes>" for folder in folders)
                + "</ListBucketResult>")
        self.answer(200, body.encode(), Content_Type="application/xml")

    def contents(self, key, path):
        data = path.read_bytes()
        when = datetime.datetime.fromtimestamp(int(path.stat().st_mtime), datetime.timezone.utc)
        return self.entry(key, f"{when:%Y-%m-%dT%H:%M:%S}", etag(data), len(data))

    @staticmethod
    def entry(key, when, tag, size):
        return (f"<Contents><Key>{key}</Key><LastModified>{when}.000Z</LastModified><ETag>&quot;{tag}&quot;</ETag>"
                f"<Size>{size}</Size></Contents>")

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads, request_queue_size = True, 64

    def handle_error(self, *_):
        pass


if __name__ == "__main__":
    server = Server(("127.0.0.1", 0), Handler)
    print(server.server_port, flush=True)
    server.serve_forever()
