"""Places at a server that misbehaves (fault_server.py): what is common to those of HTTP kinds, and S3's."""

import os

from fault_server import FaultServer
from probing import StoreTest, noise, write_objects

DATA = noise(300_000)
OBJECTS = {"g/a": DATA, "g/b": b"12345", "c": b""}


class FaultTest(StoreTest):
    """A kind adds `handler`, the fault server's handler that speaks its dialect, and what conformance_http.py wants."""

    handler = None

    def serve(self, **settings):
        write_objects(self.folder / "bucket", OBJECTS)
        self.server = FaultServer(self.folder / "bucket", handler=self.handler, **settings)
        self.server.__enter__()
        self.addCleanup(self.server.__exit__)
        self.settings = self.settings_of(self.server)
        return self.server

    def put(self, objects, metadata=None):
        write_objects(self.folder / "bucket", objects)
        self.server.metadata.update({key: metadata for key in objects if metadata})

    def remove(self, key):
        os.unlink(self.server.path(os.fsencode(key)))

    def read(self, offset=1000, length=200_000, **settings):
        answer = self.ask("read", "g/a", offset, length, **settings)
        self.assertEqual(answer.output, DATA[offset:offset + length])
        return answer

    def refuse_to_read(self, errno, *says, **settings):
        answer = self.refused(errno, "read", "g/a", 1000, 200_000, says=(*self.where(), *says), **settings)
        for secret in [*self.SECRETS, "Signature="]:
            self.assertNotIn(secret, answer.errors)
        return answer

    def count(self, **fields):
        return sum(all(request[name] == value for name, value in fields.items()) for request in self.server.requests)


class FaultyS3(FaultTest):
    kind = "s3"
    keeps_metadata = True
    page_keys = 1000
    KEYS = {"access_key_id": "AKIDEXAMPLE", "secret_access_key": "the-secret-of-the-test", "session_token": "the-token-of-the-test"}
    SECRETS = list(KEYS.values())
    WORDS = {"403": "s3:GetObject", "404": "404 NoSuchKey", "500": "500 InternalError", "503": "503 SlowDown", "moved": "307 TemporaryRedirect", "gone": "retention"}

    def settings_of(self, server):
        return {"type": self.kind, "bucket": "bucket", "endpoint": server.endpoint, "force_path_style": "true", **self.KEYS}

    def where(self):
        return ("s3://bucket", self.server.endpoint)
