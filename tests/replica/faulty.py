"""What the tests against the fault server share."""

from fault_server import FaultServer
from probing import StoreTest, noise, write_objects

KEYS = {"access_key_id": "AKIDEXAMPLE", "secret_access_key": "the-secret-of-the-test", "session_token": "the-token-of-the-test"}
DATA = noise(300_000)


class FaultTest(StoreTest):
    def serve(self, **settings):
        write_objects(self.folder / "bucket", {"g/a": DATA, "g/b": b"12345", "c": b""})
        self.server = FaultServer(self.folder / "bucket", **settings)
        self.server.__enter__()
        self.addCleanup(self.server.__exit__)
        self.settings = {"type": "s3", "bucket": "bucket", "endpoint": self.server.endpoint, **KEYS}
        return self.server

    def read(self, offset=1000, length=200_000, **settings):
        answer = self.ask("read", "g/a", offset, length, **settings)
        self.assertEqual(answer.output, DATA[offset:offset + length])
        return answer

    def refuse_to_read(self, errno, *says, **settings):
        answer = self.refused(errno, "read", "g/a", 1000, 200_000, says=("s3://bucket", self.server.endpoint, *says), **settings)
        for secret in [KEYS["secret_access_key"], KEYS["session_token"], "Signature="]:
            self.assertNotIn(secret, answer.errors)
        return answer

    def count(self, **fields):
        return sum(all(request[name] == value for name, value in fields.items()) for request in self.server.requests)
