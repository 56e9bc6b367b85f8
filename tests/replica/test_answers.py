"""What an answer of S3 says beside an object's bytes: its checksums, and its metadata."""

import base64
import hashlib
import zlib

from faulty import DATA, FaultyS3
from probing import main, noise


def told(algorithm):
    return lambda body: base64.b64encode(hashlib.new(algorithm, body).digest()).decode()


class Sums(FaultyS3):
    """What is told beside a body of its checksum is held against it."""

    def whole(self, *more, right=True, reads=None):
        """Reads the whole object, several times with `more`, in `reads` requests."""
        before = self.count(key="g/a")
        answer = self.ask(*("read", "g/a", 0, len(DATA)), *more)
        self.assertEqual(answer.output.startswith(DATA), right)
        if reads:
            self.assertEqual(self.count(key="g/a") - before, reads)

    def test_an_etag_that_is_the_md5(self):
        for kind in ("flip", "other-object"):
            with self.subTest(kind):
                self.serve().fault(kind, times=1, on="object")
                self.whole(reads=2)
                self.assertEqual([request["cache"] for request in self.server.requests if request["key"]], [None, "no-cache"])
                self.whole(reads=1)

    def test_the_same_bytes_twice(self):
        """Then it is no matter of transport: what they are is for the format's own checksums to say."""
        self.serve().fault("flip", on="object")
        self.whole(right=False, reads=2)

    def test_etags_that_are_no_md5(self):
        """Found out once; but not of a store that had one that was."""
        self.serve().opaque_etags = True
        self.whole("--", "read", "g/a", 0, len(DATA), "--", "read", "g/a", 0, len(DATA), reads=4)
        self.serve().tell = lambda body, _: {"Content-MD5": "another"} if body == DATA else {}
        self.ask("read", "g/b", 0, 5, *["--", "read", "g/a", 0, len(DATA)] * 3)
        self.assertEqual(self.count(key="g/a"), 6)

    def test_etags_of_encrypted_objects(self):
        for headers in ({"x-amz-server-side-encryption": "aws:kms"}, {"x-amz-server-side-encryption": "aws:kms:dsse"},
                        {"x-amz-server-side-encryption-customer-algorithm": "AES256"}):
            self.serve().opaque_etags = True
            self.server.tell = lambda *_, headers=headers: headers
            self.whole(reads=1)

    def test_content_md5(self):
        """Of what is sent; where it is not, it tells nothing."""
        self.serve().tell = lambda body, _: {"Content-MD5": told("md5")(body)}
        self.server.fault("flip", times=1, on="object")
        self.read()
        self.assertEqual(self.count(key="g/a"), 2)
        self.server.tell = lambda *_: {"Content-MD5": told("md5")(DATA)}
        self.read()

    def test_what_can_only_be_a_checksum(self):
        """Is believed: what does not fit is no answer, however often it comes."""
        parts = {"Content-Digest": lambda body: f"sha-512=:{told('sha512')(body)}:, sha-256=:{told('sha256')(body)}:"}
        whole = {"Repr-Digest": lambda body: f"sha-256=:{told('sha256')(body)}:", "x-amz-checksum-sha1": told("sha1"), "x-amz-checksum-sha256": told("sha256"),
                 "x-amz-checksum-crc32": lambda body: base64.b64encode(zlib.crc32(body).to_bytes(4, "big")).decode()}
        for name, make, offset, length in ([(name, make, 1000, 200_000) for name, make in parts.items()] +
                                           [(name, make, 0, len(DATA)) for name, make in [*parts.items(), *whole.items()]]):
            with self.subTest(name, length=length):
                self.serve().tell = lambda body, _, name=name, make=make: {name: make(body)}
                self.read(offset, length)
                self.server.fault("flip", times=2, on="object")
                self.read(offset, length)
                self.server.fault("flip", on="object")
                self.refused("EREMOTEIO", "read", "g/a", offset, length, attempts=2, says=["g/a", name, "(tried 2 times)"])

    def test_what_tells_of_the_whole_is_not_held_against_a_part(self):
        self.serve().tell = lambda *_: {"x-amz-checksum-sha256": told("sha256")(DATA), "Repr-Digest": f"sha-256=:{told('sha256')(DATA)}:"}
        self.read()
        self.assertEqual(self.count(key="g/a"), 1)
        self.server.tell = lambda *_: {"x-amz-checksum-sha256": told("sha256")(b"a part's") + "-3"}
        self.whole(reads=1)
        self.server.tell = lambda *_: {"x-amz-checksum-sha256": told("sha256")(b"a part's"), "x-amz-checksum-type": "COMPOSITE"}
        self.whole(reads=1)


class Metadata(FaultyS3):
    TIMESTAMP = "2024-11-04T10:30:00.123456789Z"
    command = ("metadata", "g/b", "litestream-timestamp")

    def serve(self, **settings):
        super().serve(**settings).metadata = {"g/b": {"litestream-timestamp": self.TIMESTAMP}}
        return self.server

    def test_region_is_learnt(self):
        for redirect in (301, 307):
            with self.subTest(redirect):
                self.serve(region="eu-west-1", redirect=redirect)
                version = self.listed("g/").objects()["g/b"][:2]
                self.assertEqual(self.ask("metadata-version", *self.command[1:], *version).lines(), [self.TIMESTAMP])

    def test_encryption_key(self):
        key = base64.b64encode(noise(32)).decode()
        self.serve(tls=True, encryption_key=key)
        self.assertEqual(self.ask(*self.command, skip_verify="true", sse_customer_key=key).lines(), [self.TIMESTAMP])
        self.refused("EREMOTEIO", *self.command, skip_verify="true", says=["400"])


if __name__ == "__main__":
    main()
