"""What every kind of store over HTTP must do with a server that misbehaves: the right bytes, or an error that says what
happened, and never a wait without end. The assertions, without a server.

Beside what conformance.py says, a place over HTTP has
    serve(**settings)   starts a fault server (faulty.py) in the kind's own dialect, with faulty.OBJECTS in its
                        folder, as `self.server`, and makes `self.settings`; its settings are FaultServer's
    where()             the texts by which every message must name the store
    SECRETS             texts that no message may hold
    WORDS               what the kind's messages say of "403", "404", "500", "503", "moved", and of an object that is "gone"
"""

import os
import time

from faulty import DATA
from probing import SLOWNESS

ODD_READS = ("long", "other-range", "wrong-range", "wrong-last", "wrong-size", "ignore-range", "other-etag", "html", "empty", "moved", "no-http")
ODD_LISTINGS = ("html", "empty", "moved", "no-http", "other-prefix")


class HttpReading:
    def test_reads_and_lists(self):
        self.serve()
        for offset, length in ((0, len(DATA)), (0, 1), (len(DATA) - 1, 1), (70_000, 130_000)):
            self.read(offset, length)
        self.assertEqual(list(self.listed().objects()), ["c", "g/a", "g/b"])
        self.assertEqual(self.listed("", "folder").folders(), ["g/"])
        self.assertEqual(self.ask("read", "c", 0, 0).output, b"")

    def test_counts(self):
        self.serve()
        answer = self.ask("list", "g/", "all", "--", "stats")
        requests, retries, size = map(int, answer.lines()[-1].split())
        self.assertEqual((requests, retries), (1, 0))
        self.assertGreater(size, 300)

    def test_a_connection_is_used_again(self):
        for tls in (False, True):
            self.serve(tls=tls)
            self.ask(*["list", "g/", "all", "--"] * 9, "list", "", "all", skip_verify="true" if tls else "false")
            self.assertEqual(len(self.server.requests), 10)
            self.assertEqual(self.server.connections, 1)

    def test_anew(self):
        """Past what may keep answers: a cache on the way, or a proxy that is odd on one connection."""
        self.serve()
        answer = self.ask("read", "g/b", 0, 2, "--", "read-anew", "g/b", 1, 3, "--", "read-anew", "g/a", 0, len(DATA), "--", "read", "g/b", 3, 2)
        self.assertEqual(answer.output, b"12" + b"234" + DATA + b"45")
        reads = [request for request in self.server.requests if request["key"]]
        self.assertEqual([request["cache"] for request in reads], [None, "no-cache", "no-cache", None])
        self.assertEqual(len({request["connection"] for request in reads[:3]}), 3)

    def test_another_version(self):
        self.serve()
        version, size, _ = self.listed("g/").objects()["g/a"]
        self.put({"g/a": DATA[::-1]})
        self.refused("ESTALE", "read-version", "g/a", 5, 10, version, size, says=["412"])
        self.refused("ESTALE", "read-version", "g/a", 0, size, version, size, says=["412"])
        self.remove("g/a")
        self.refused("ENOENT", "read-version", "g/a", 5, 10, version, size, says=[self.WORDS["404"], self.WORDS["gone"]])

    def test_another_versions_answer(self):
        """From a store, or a cache, that does not heed the condition: never taken for the one that was listed."""
        for command in (("read", "g/a", 5, 10), ("read", "g/b", 0, 5), *([("metadata", "g/b", "name")] if self.keeps_metadata else [])):
            with self.subTest(command):
                self.serve().metadata = {"g/b": {"name": "value"}}
                self.server.fault("other-etag", on="object")
                self.refused("ESTALE", *command, attempts=2, says=["another version", "(tried 2 times)"])

    def test_names_that_cannot_be_told_are_left_out(self):
        self.serve()
        self.put({"g/bad\nname": b"", "g/\x01/x": b"", "g/good + é": b"x"})
        self.assertEqual(list(self.listed().objects()), ["c", "g/a", "g/b", "g/good + é"])
        self.assertEqual(self.ask("read", "g/good + é", 0, 1).output, b"x")
        self.assertEqual(self.listed("g/", "folder").folders(), [])

    def test_pages(self):
        self.serve()
        keys = [f"many/{i:05}" for i in range(2500)]
        self.put(dict.fromkeys(keys, b""))
        self.assertEqual(list(self.listed("many/").objects()), keys)
        self.assertEqual(list(self.listed("many/", "all", keys[1700]).objects()), keys[1701:])
        before = self.count(key="")
        self.assertEqual(list(self.listed("many/", "all", "", 1).objects()), keys[:1])
        self.assertEqual(self.count(key="") - before, 1)


class HttpRetries:
    def test_now_and_then(self):
        for kind in ("503", "500", "429", "reset", "cut", "short", "slow", *ODD_READS):
            for offset, length in ((1000, 200_000), (0, len(DATA))):
                with self.subTest(kind, length=length):
                    self.serve().fault(kind, times=2, seconds=0.1, on="object")
                    self.read(offset, length)
        for kind in ("503", "reset", "garbage", "truncated-xml", *ODD_LISTINGS):
            with self.subTest(kind):
                self.serve().fault(kind, times=2, on="listing")
                self.assertEqual(list(self.listed("g/").objects()), ["g/a", "g/b"])

    def test_pages_now_and_then(self):
        """A page that is the one before, and one of another listing, amid good ones."""
        self.serve()
        self.put(dict.fromkeys([f"many/{i:05}" for i in range(3500)], b""))
        for kind in ("same-page", "other-prefix"):
            with self.subTest(kind):
                self.server.heal()
                self.server.fault(kind, every=2)
                self.assertEqual(len(self.listed("many/").objects()), 3500)

    def test_another_connection(self):
        """What was odd on one connection is asked for on another, past what may have kept the answer."""
        for kind in ("html", "503"):
            with self.subTest(kind):
                self.serve().fault(kind, times=2, on="object")
                self.read()
                reads = [request for request in self.server.requests if request["key"]]
                self.assertEqual([request["cache"] for request in reads], [None, "no-cache", "no-cache"])
                self.assertEqual(len({request["connection"] for request in reads}), 3)

    def test_for_ever(self):
        for kind, says in (("503", self.WORDS["503"]), ("500", self.WORDS["500"]), ("429", "429"), ("reset", ""),
                           ("cut", "206"), ("short", "shorter than what was asked for: 100000 bytes of 200000"),
                           ("long", "longer than what was asked for"), ("ignore-range", "200: the whole object came for a range"),
                           ("other-range", "206: the answer's range is not the one that was asked for: bytes 1001-201000/300000"),
                           ("wrong-range", "bytes 1001-201000/300000"), ("wrong-last", "bytes 1000-201000/300000"),
                           ("wrong-size", "bytes 1000-200999/300001"), ("html", "200: a web page came"), ("empty", "200: nothing came"),
                           ("moved", self.WORDS["moved"]), ("no-http", "")):
            with self.subTest(kind):
                self.serve().fault(kind, on="object")
                self.refuse_to_read("EREMOTEIO", says, "g/a", "(tried 3 times)", attempts=3)
                # One more where curl itself goes to a fresh connection, because an old one turned out to be dead.
                self.assertIn(self.count(key="g/a"), (3, 4) if kind == "reset" else (3,))

    def test_no_use_to_try_again(self):
        for kind, errno, says in (("403", "EACCES", self.WORDS["403"]), ("404", "ENOENT", self.WORDS["gone"]), ("skew", "EACCES", "clock"),
                                  ("echo", "EACCES", "403 Odd")):
            with self.subTest(kind):
                self.serve().fault(kind, on="object")
                self.refuse_to_read(errno, says, "g/a")
                self.assertEqual(self.count(key="g/a"), 1)

    def test_retry_after(self):
        self.serve().fault("429", times=1, retry_after=2)
        begin = time.monotonic()
        self.read()
        self.assertGreater(time.monotonic() - begin, 1.9)

    def test_nobody_listens(self):
        self.serve()
        self.server.__exit__()
        self.refused("EREMOTEIO", "list", "", "all", attempts=2, says=[self.server.endpoint, "connect", "check the endpoint", "(tried 2 times)"])


class HttpSilence:
    def test_deadline(self):
        for kind in ("silent", "stall", "crawl"):
            with self.subTest(kind):
                self.serve().fault(kind, on="object")
                begin = time.monotonic()
                self.refuse_to_read("ETIMEDOUT", "g/a", "crawls" if kind == "crawl" else "", attempts=2, deadline=1)
                self.assertLess(time.monotonic() - begin, 15 * SLOWNESS)

    def test_it_speaks_again(self):
        for kind in ("silent", "crawl"):
            with self.subTest(kind):
                self.serve().fault(kind, times=1, on="object")
                self.read(deadline=1)

    def test_cancelled(self):
        for kind in ("silent", "stall", "503"):
            with self.subTest(kind):
                self.serve().fault(kind, on="object")
                begin = time.monotonic()
                self.refused("ECANCELED", "read", "g/a", 1000, 200_000, cancel=500, attempts=50)
                self.assertLess(time.monotonic() - begin, 0.5 + 0.5 * SLOWNESS)

    def test_others_go_on_meanwhile(self):
        self.serve().fault("stall", every=7, on="object")
        answer = self.ask("storm", os.fsdecode(self.server.path(b"g/a")), "g/a", 16, 20, deadline=1, attempts=20, seconds=300)
        self.assertIn("0 wrong, 0 failed", answer.lines()[-1])


class HttpListings:
    def test_pages_without_end(self):
        for kind in ("same-page", "new-tokens"):
            with self.subTest(kind):
                self.serve().fault(kind)
                self.refused("EREMOTEIO", "list", "", "all", attempts=2, says=[*self.where(), "same page again", "(tried 2 times)"])
                self.assertEqual(self.count(key=""), 3)

    def test_empty_pages_without_end(self):
        for kind, says in (("empty-page", "same page again"), ("empty-pages", "one empty page after the other")):
            with self.subTest(kind):
                self.serve().fault(kind)
                self.refused("EREMOTEIO", "list", "", "all", attempts=2, says=[*self.where(), says])
                self.assertLess(self.count(key=""), 110)

    def test_what_was_not_asked_for(self):
        """A store that gives more than it should: what came is not what is listed."""
        self.serve().fault("ignore-prefix")
        self.assertEqual(list(self.listed("g/").objects()), ["g/a", "g/b"])
        self.server.heal()
        self.server.fault("ignore-after")
        self.assertEqual(list(self.listed("", "all", "g/a").objects()), ["g/b"])

    def test_what_is_no_listing(self):
        for kind in ("garbage", "truncated-xml", "entities"):
            with self.subTest(kind):
                self.serve().fault(kind)
                self.refused("EREMOTEIO", "list", "", "all", attempts=2, says=[*self.where(), "no whole page"])

    def test_what_is_another_listing(self):
        self.serve()
        self.put({"a b+%é/x": b""})
        self.assertEqual(list(self.listed("a b+%é/").objects()), ["a b+%é/x"])
        self.server.fault("other-prefix")
        self.refused("EREMOTEIO", "list", "g/", "all", attempts=2, says=[*self.where(), "another listing, of 'g-other/'"])

    def test_one_without_end(self):
        """Of ever new keys: an end, before it takes the machine's memory."""
        self.serve().fault("endless")
        self.refused("EREMOTEIO", "list", "", "all", says=[*self.where(), "more entries than any backup", "check the endpoint"])
        self.assertLess(self.count(key=""), 120)


class HttpSecrets:
    def test_certificate(self):
        self.serve(tls=True)
        self.refuse_to_read("EREMOTEIO", "certificate", "skip-verify")
        self.assertEqual(len(self.server.requests), 0)
        self.read(skip_verify="true")

    def test_what_a_terminal_obeys(self):
        self.serve().fault("escape", on="object")
        answer = self.refuse_to_read("EREMOTEIO", "400 Odd: ?2J?31mred")
        self.assertTrue(answer.reason.isprintable(), answer.reason)

    def test_debug_log_names_requests_and_no_secrets(self):
        self.serve()
        answer = self.ask("read", "g/a", 5, 10, environment={"PROBE_DEBUG": "1"})
        self.assertIn("bytes=5-14", answer.errors)
        for secret in (*self.SECRETS, "Signature", "Authorization"):
            self.assertNotIn(secret, answer.errors)


class HttpCrowd:
    def test_many_threads(self):
        self.serve()
        answer = self.ask("storm", os.fsdecode(self.server.path(b"g/a")), "g/a", 100, 20, seconds=300)
        self.assertRegex(answer.lines()[-1], r"^0 wrong, 0 failed")

    def test_many_threads_and_faults(self):
        server = self.serve()
        for kind, every in (("503", 23), ("cut", 29), ("reset", 31), ("short", 37)):
            server.fault(kind, every=every, on="object")
        answer = self.ask("storm", os.fsdecode(self.server.path(b"g/a")), "g/a", 16, 30, seconds=300)
        self.assertRegex(answer.lines()[-1], r"^0 wrong, 0 failed")


class HttpMetadata:
    """By HEAD, whose refusals come without a body."""

    of_metadata = True
    TIMESTAMP = "2024-11-04T10:30:00.123456789Z"
    command = ("metadata", "g/b", "litestream-timestamp")

    def serve(self, **settings):
        super().serve(**settings).metadata = {"g/b": {"litestream-timestamp": self.TIMESTAMP, "long": "x" * 2000}}
        return self.server

    def heads(self):
        return self.count(key="g/b", method="HEAD")

    def test_value(self):
        self.serve()
        self.assertEqual(self.ask(*self.command).lines(), [self.TIMESTAMP])
        self.assertEqual(self.ask("metadata", "g/b", "long").lines(), ["x" * 2000])
        self.assertEqual((self.heads(), self.count(method="GET", key="g/b")), (2, 0))
        for key, name in (("g/b", "litestream"), ("g/a", "litestream-timestamp"), ("c", "litestream-timestamp")):
            self.refused("ENODATA", "metadata", key, name)

    def test_tried_again(self):
        for kind in ("503", "500", "429", "reset", "slow", "html", "empty", "moved", "no-http", "other-etag"):
            with self.subTest(kind):
                self.serve().fault(kind, times=2, seconds=0.1, on="object")
                self.assertEqual(self.ask(*self.command).lines(), [self.TIMESTAMP])

    def test_refused(self):
        for kind, errno, says in (("503", "EREMOTEIO", "busy or unwell"), ("429", "EREMOTEIO", "fewer requests"), ("403", "EACCES", self.WORDS["403"]),
                                  ("404", "ENOENT", self.WORDS["gone"]), ("silent", "ETIMEDOUT", "")):
            with self.subTest(kind):
                self.serve().fault(kind, on="object")
                self.refused(errno, *self.command, attempts=2, deadline=1, says=[*self.where(), "g/b", says])
                self.assertEqual(self.heads(), 1 if kind in ("403", "404") else 2)

    def test_cancelled(self):
        self.serve().fault("silent", on="object")
        begin = time.monotonic()
        self.refused("ECANCELED", *self.command, cancel=500)
        self.assertLess(time.monotonic() - begin, 0.5 + 0.5 * SLOWNESS)

    def test_another_version(self):
        self.serve()
        version = self.listed("g/").objects()["g/b"][:2]
        self.put({"g/b": b"54321"})
        self.refused("ESTALE", "metadata-version", "g/b", "long", *version, says=["412", "another version"])
        self.remove("g/b")
        self.refused("ENOENT", "metadata-version", "g/b", "long", *version, says=["404", self.WORDS["gone"]])


HTTP = [HttpReading, HttpRetries, HttpSilence, HttpListings, HttpSecrets, HttpCrowd, HttpMetadata]
