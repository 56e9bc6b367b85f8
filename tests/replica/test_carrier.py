"""What carries HTTP requests: any method, a body, a login that the server asks for, headers of the answer, and no secrets
in the log."""

import base64
import hashlib
import http.server
import os
import re
import socket
import subprocess
import threading
import time
import unittest

from probing import Answer, SLOWNESS, main

HTTP_PROBE = os.environ.get("HTTP_PROBE") or str(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))) + "/build/tests/replica/http_probe")
BODY = '<?xml version="1.0"?><propfind xmlns="DAV:"><prop/></propfind>'


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    requests = refusals = None  # the test's: what came; and what is answered first: statuses, None hangs up

    def log_message(self, format, *args):
        pass

    def answer(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def serve(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.requests.append({"method": self.command, "path": self.path, "headers": self.headers, "body": body.decode()})
        if self.refusals:
            status = self.refusals.pop(0)
            if status is None:
                self.close_connection = True
            else:
                self.answer(status, b"the body of a refusal", Location="/elsewhere")
        elif self.path == "/digest" and not self.is_digest(self.headers.get("Authorization", "")):
            self.answer(401, WWW_Authenticate='Digest realm="dav", nonce="abc", qop="auth", algorithm=MD5')
        elif self.path == "/basic" and self.headers.get("Authorization") != "Basic " + base64.b64encode(b"user:pass:word").decode():
            self.answer(401, WWW_Authenticate='Basic realm="dav"')
        else:
            self.answer(200, b"answer of " + self.command.encode(), X_Wanted="wanted", x_goog_generation="12345", X_Empty="")

    def is_digest(self, header):
        fields = dict(re.findall(r'(\w+)="?([^",]*)"?', header))
        md5 = [hashlib.md5(text.encode()).hexdigest() for text in ("user:dav:pass:word", f"{self.command}:{self.path}")]
        expected = ":".join([md5[0], "abc", fields.get("nc", ""), fields.get("cnonce", ""), "auth", md5[1]])
        return header.startswith("Digest ") and fields.get("response") == hashlib.md5(expected.encode()).hexdigest()

    do_GET = do_HEAD = do_POST = do_PUT = do_PROPFIND = serve


class Carrier(unittest.TestCase):
    def setUp(self):
        handler = type("Bound", (Handler,), {"requests": [], "refusals": []})
        self.requests, self.refusals = handler.requests, handler.refusals
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        self.addCleanup(self.server.server_close)
        self.addCleanup(self.server.shutdown)

    def send(self, method, *words, path="/a//b/../c", environment=None):
        url = f"http://127.0.0.1:{self.server.server_address[1]}{path}"
        return Answer(subprocess.run([HTTP_PROBE, method, url, *words], stdin=subprocess.DEVNULL, capture_output=True,
                                     timeout=60 * SLOWNESS, check=False, env={**os.environ, **(environment or {})}))

    def test_methods_and_bodies(self):
        for method, body in (("GET", None), ("POST", "grant_type=x&assertion=y"), ("PUT", "x"), ("PROPFIND", BODY), ("POST", "x" * 100_000), ("PUT", None)):
            with self.subTest(method, size=len(body or "")):
                self.requests.clear()
                answer = self.send(method, *([f"body={body}"] if body else []), "header=Depth:1", "header=X-Nothing:", "header=Content-Type:application/xml")
                self.assertEqual(answer.output.decode(), f"answer of {method}")
                self.assertEqual([(request["method"], request["path"], request["body"]) for request in self.requests], [(method, "/a//b/../c", body or "")])
                headers = self.requests[0]["headers"]
                self.assertEqual((headers["Depth"], headers["X-Nothing"], headers["Content-Type"], headers["Expect"]), ("1", "", "application/xml", None))

    def test_no_type_that_nobody_named(self):
        self.send("POST", "body=x")
        self.assertIsNone(self.requests[0]["headers"]["Content-Type"])

    def test_head(self):
        self.assertEqual(self.send("HEAD", "want=X-Wanted").output, b"wanted\n")

    def test_wanted_headers(self):
        self.assertEqual(self.send("GET", "want=x-wanted", "want=X-Goog-Generation", "want=X-Empty", "want=X-None").output, b"wanted\n12345\n\n\nanswer of GET")

    def test_a_retry_sends_the_body_again(self):
        for refusals in ([503, 500], [429], [None, None]):
            with self.subTest(refusals):
                self.requests.clear()
                self.refusals[:] = refusals
                self.assertEqual(self.send("PROPFIND", f"body={BODY}", "header=Depth:1").output, b"answer of PROPFIND")
                self.assertGreater(len(self.requests), len(refusals))
                self.assertEqual({(request["method"], request["body"], request["headers"]["Depth"]) for request in self.requests}, {("PROPFIND", BODY, "1")})

    def test_login_that_is_asked_for(self):
        for path in ("/digest", "/basic"):
            for method in ("GET", "PROPFIND"):
                with self.subTest(path, method=method):
                    self.requests.clear()
                    words = [f"body={BODY}"] if method == "PROPFIND" else []
                    self.assertEqual(self.send(method, "login=user:pass:word", *words, path=path).output, f"answer of {method}".encode())
                    self.assertEqual(self.requests[-1]["body"], BODY if words else "")
                    self.requests.clear()
                    answer = self.send(method, "login=user:wrong", *words, path=path)
                    self.assertEqual((answer.errno, len(self.requests) <= 3), ("EACCES", True), answer.errors)
                    self.assertNotIn("wrong", answer.errors)

    def test_redirects_are_not_followed(self):
        for status in (301, 302, 307, 308):
            self.requests.clear()
            self.refusals[:] = [status]
            answer = self.send("POST", "body=secret", "attempts=1")
            self.assertEqual((answer.errno, len(self.requests)), ("EREMOTEIO", 1), answer.errors)

    def test_headers_stay_apart(self):
        answer = self.send("GET", "header=X-Token:a\r\nX-Evil: 1")
        self.assertEqual((answer.errno, self.requests), ("EREMOTEIO", []))
        self.assertIn("more than one line", answer.reason)

    def test_a_silent_server_is_waited_for_alone(self):
        """However many requests are under way there."""
        with socket.create_server(("127.0.0.1", 0), backlog=128) as silent:
            began = time.monotonic()
            answer = self.send("GET", f"crowd=http://127.0.0.1:{silent.getsockname()[1]}/", "deadline=40")
            self.assertEqual(answer.output, b"answer of GET")
            self.assertLess(time.monotonic() - began, 10 * SLOWNESS)

    def test_no_secrets_in_the_log(self):
        self.refusals[:] = [503]
        answer = self.send("POST", "body=client_secret=hush", "header=Authorization:Bearer hush", "login=user:hush",
                           environment={"PROBE_DEBUG": "1"})
        self.assertRegex(answer.errors, r"POST store/it: 200, \d+ bytes")
        for secret in ("hush", "Bearer", "answer of", "body of a refusal"):
            self.assertNotIn(secret, answer.errors)


if __name__ == "__main__":
    main()
