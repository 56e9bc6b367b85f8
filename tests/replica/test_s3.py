"""A real S3 server that checks every signature: OpenStack Swift with its S3 API (swift-up.sh)."""

import contextlib
import datetime
import hashlib
import hmac
import http.client
import pathlib
import shutil
import socket
import subprocess
import tempfile
import unittest
import urllib.parse

import conformance
from probing import StoreTest, main, noise

HERE = pathlib.Path(__file__).resolve().parent
ACCESS_KEY, SECRET_KEY, REGION = "test:tester", "testing", "us-east-1"
NEEDED = ["swift-proxy-server", "swift-object-server", "swift-ring-builder", "memcached"]
DATA = noise(5_000_000)
LTX, TIMESTAMP = "ltx//0000/0000000000000001-0000000000000001.ltx", "2024-11-04T10:30:00.123456789Z"


class Uploader:
    """Puts objects onto the server, with a signature made here, independently of the client under test."""

    def __init__(self, endpoint):
        self.host = endpoint.removeprefix("http://")
        self.connection = http.client.HTTPConnection(self.host)

    def request(self, method, path, body=b"", metadata=None):
        path = urllib.parse.quote(path, safe="/-._~")
        time = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        scope = f"{time[:8]}/{REGION}/s3/aws4_request"
        headers = {"host": self.host, "x-amz-content-sha256": hashlib.sha256(body).hexdigest(), "x-amz-date": time,
                   **{f"x-amz-meta-{name}": value for name, value in (metadata or {}).items()}}
        names = ";".join(sorted(headers))
        canonical = "\n".join([method, path, "", *(f"{name}:{headers[name]}" for name in sorted(headers)), "", names,
                               headers["x-amz-content-sha256"]])
        text = "\n".join(["AWS4-HMAC-SHA256", time, scope, hashlib.sha256(canonical.encode()).hexdigest()])
        key = b"AWS4" + SECRET_KEY.encode()
        for part in (*scope.split("/"), text):
            key = hmac.new(key, part.encode(), hashlib.sha256).digest()
        headers["Authorization"] = (f"AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/{scope}, SignedHeaders={names}, "
                                    f"Signature={key.hex()}")
        try:
            self.connection.request(method, path, body, headers)
            answer = self.connection.getresponse()
        except (ConnectionError, http.client.HTTPException):  # it was idle for too long
            self.connection.close()
            self.connection.request(method, path, body, headers)
            answer = self.connection.getresponse()
        text = answer.read()
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path}: {answer.status} {text}")


def free_ports(count):
    """A port that `count` - 1 free ones follow."""
    for port in range(20000, 30000, 10):
        with contextlib.ExitStack() as stack:
            try:
                for i in range(count):
                    stack.enter_context(socket.socket()).bind(("127.0.0.1", port + i))
                return port
            except OSError:
                continue
    raise RuntimeError("no free ports")


class Swift:
    """One server for all tests of this program."""

    endpoint = None

    @classmethod
    def start(cls):
        cls.folder = tempfile.mkdtemp(prefix="litemount-swift-")
        cls.process = subprocess.Popen([HERE / "swift-up.sh", cls.folder, str(free_ports(5))], stdin=subprocess.PIPE,
                                       stdout=subprocess.PIPE, text=True)
        cls.endpoint = cls.process.stdout.readline().strip()
        if not cls.endpoint:
            raise RuntimeError("Swift did not start")
        uploader = Uploader(cls.endpoint)
        uploader.request("PUT", "/backups")
        uploader.request("PUT", "/places")
        for key, data in {"app/generations/0123456789abcdef/snapshots/00000000.snapshot.lz4": DATA, "app/empty": b"",
                          "app/gone": b"12345", "app/a b+c&d/é?#%41": b"odd", "apple": b"not below app",
                          "lead//0000/x": b"two slashes", "./0000/y": b"a dot", "/0000/z": b"no name"}.items():
            uploader.request("PUT", f"/backups/{key}", data)
        uploader.request("PUT", f"/backups/app/{LTX}", b"LTX1", {"litestream-timestamp": TIMESTAMP, "other": "another"})
        cls.uploader = uploader

    @classmethod
    def stop(cls):
        if cls.endpoint is not None:
            cls.process.stdin.close()
            cls.process.wait(30)
        shutil.rmtree(cls.folder, ignore_errors=True)


def setUpModule():
    missing = [name for name in NEEDED if not shutil.which(name)]
    if missing:
        raise unittest.SkipTest(f"store-s3: no {', '.join(missing)} here")
    unittest.addModuleCleanup(Swift.stop)
    Swift.start()


class SwiftTest(StoreTest):
    def setUp(self):
        super().setUp()
        self.settings = {"type": "s3", "bucket": "backups", "endpoint": Swift.endpoint, "path": "app", "access_key_id": ACCESS_KEY,
                         "secret_access_key": SECRET_KEY, "force_path_style": "true"}


class SwiftPlace(SwiftTest):
    """A root of its own for every test."""

    kind = "s3"
    keeps_metadata = True
    page_keys = 100  # of swift-up.sh

    def setUp(self):
        super().setUp()
        self.root = self.id()
        self.settings |= {"bucket": "places", "path": self.root}

    def url(self):
        return f"s3://places/{self.root}?endpoint={Swift.endpoint}"

    def put(self, objects, metadata=None):
        for key, data in objects.items():
            Swift.uploader.request("PUT", f"/places/{self.root}/{key}", data, metadata)

    def remove(self, key):
        Swift.uploader.request("DELETE", f"/places/{self.root}/{key}")


globals().update(conformance.cases(SwiftPlace))


class Versions(SwiftPlace):
    def test_they_are_etags(self):
        self.put({"a": b"12345"})
        self.assertEqual(self.listed().objects()["a"][0], f'"{hashlib.md5(b"12345").hexdigest()}"')


class Keys(SwiftTest):
    def test_one_level(self):
        answer = self.listed("", "folder")
        self.assertEqual((list(answer.objects()), answer.folders()), (["empty", "gone"], ["a b+c&d/", "generations/", "ltx/"]))

    def test_root_of_the_bucket(self):
        answer = self.listed("", "folder", path="")
        self.assertEqual((list(answer.objects()), answer.folders()), (["apple"], ["./", "/", "app/", "lead/"]))

    def test_below(self):
        answer = self.ask("below", "app/", "--", "list", "", "folder", "--", "url", path="")
        self.assertIn("generations/", answer.folders())
        self.assertEqual(answer.lines()[-1], f"s3://backups/app?endpoint={Swift.endpoint}")

    def test_nothing_there(self):
        self.assertEqual(self.listed(path="nowhere").output, b"")
        self.assertEqual(self.listed(path="ap").output, b"")

    def test_look_whether_anything_is_there(self):
        self.assertEqual(len(self.listed("", "all", "", 1).objects()), 1)

    def test_keys_are_taken_as_they_are(self):
        self.assertEqual(list(self.listed("/", "all", path="lead").objects()), ["/0000/x"])
        self.assertEqual(self.ask("read", "/0000/x", 4, 7, path="lead").output, b"slashes")
        for prefix, key, data in (("./", "./0000/y", b"a dot"), ("/", "/0000/z", b"no name")):
            self.assertEqual(list(self.listed(prefix, path="").objects()), [key])
            self.assertEqual(self.ask("read", key, 0, len(data), path="").output, data)
        self.assertEqual(list(self.listed("a b+c&d/").objects()), ["a b+c&d/é?#%41"])
        self.assertEqual(self.ask("read", "a b+c&d/é?#%41", 0, 3).output, b"odd")


class Refused(SwiftTest):
    snapshot = "generations/0123456789abcdef/snapshots/00000000.snapshot.lz4"

    def test_another_version(self):
        version, size, _ = self.listed("", "folder").objects()["empty"]
        self.assertEqual((version, size), ('"d41d8cd98f00b204e9800998ecf8427e"', 0))
        self.refused("ESTALE", "read-version", self.snapshot, 0, 10, version, len(DATA), says=["412 PreconditionFailed"])

    def test_deleted_since_it_was_listed(self):
        version, size, _ = self.listed("", "folder").objects()["gone"]
        Swift.uploader.request("DELETE", "/backups/app/gone")
        self.addCleanup(Swift.uploader.request, "PUT", "/backups/app/gone", b"12345")
        self.refused("ENOENT", "read-version", "gone", 1, 2, version, size, says=["404 NoSuchKey", "app/gone", "retention"])


class MetadataOfV05(SwiftTest):
    def test_value(self):
        self.assertEqual(self.ask("metadata", LTX, "litestream-timestamp").lines(), [TIMESTAMP])
        self.assertEqual(self.ask("metadata", LTX, "other").lines(), ["another"])

    def test_none(self):
        self.refused("ENODATA", "metadata", LTX, "litestream")
        self.refused("ENODATA", "metadata", "empty", "litestream-timestamp")

    def test_another_version(self):
        version = self.listed("", "folder").objects()["empty"][0]
        self.refused("ESTALE", "metadata-version", LTX, "other", version, 0, says=["412", LTX, "another version"])

    def test_deleted(self):
        self.refused("ENOENT", "metadata-version", "nothing", "other", '"d41d8cd98f00b204e9800998ecf8427e"', 0,
                     says=["404", "app/nothing", "retention"])


class Rights(SwiftTest):
    def refuse(self, *says, errno="EACCES", **settings):
        answer = self.refused(errno, "list", "", "all", says=(f"s3://{settings.get('bucket', 'backups')}", Swift.endpoint, *says),
                              **settings)
        self.assertNotIn("testing", answer.errors.replace(Swift.endpoint, ""))
        return answer

    def test_wrong_secret(self):
        self.refuse("403 SignatureDoesNotMatch", "secret-access-key", secret_access_key="wrong")

    def test_wrong_access_key(self):
        self.refuse("403", "access-key-id", access_key_id="test:nobody")

    def test_anonymous(self):
        """Swift takes a request without a signature for one of its own API, and finds its path wanting."""
        self.refuse("412", "no credentials are configured", errno="EREMOTEIO", access_key_id="", secret_access_key="")

    def test_no_such_bucket(self):
        self.refuse("404 NoSuchBucket", "bucket's name", errno="EREMOTEIO", bucket="nowhere")

    def test_another_region_is_learnt(self):
        answer = self.ask("list", "", "folder", "--", "list", "", "folder", "--", "stats", region="eu-north-1")
        self.assertEqual(answer.lines()[-1].split()[:2], ["3", "0"])


if __name__ == "__main__":
    main()
