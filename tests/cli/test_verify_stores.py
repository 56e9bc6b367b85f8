"""litemount verify from S3, where what is there changes meanwhile."""

import json
import os
import re
import subprocess

from running import LITEMOUNT, SLOWNESS, main
from make_backup import write_backup
from mounting import wait_until
from stores import Bucket, S3Layout, ltx_times, s3_config, to_s3_layout
from verifying import VerifyTest, objects_of


class Stores(VerifyTest):
    """From S3, where objects are read in order to be seen, whatever the cache holds."""

    def serve(self, name):
        folder = self.fixture(name)
        metadata = ltx_times(folder / "replica")
        to_s3_layout(folder / "replica")
        metadata = {re.sub(r"/ltx/(\d)/", lambda match: f"/{int(match[1]):04x}/", key): value for key, value in metadata.items()}
        self.bucket = Bucket(folder / "replica", metadata=metadata)
        self.addCleanup(self.bucket.close)
        names = sorted(path.name for path in (folder / "replica").iterdir())
        return s3_config(self.folder / "s3.yml", self.bucket.endpoint, self.bucket.bucket, names)

    def check(self, name):
        config = self.serve(name)
        for _ in range(2):
            before = len(self.bucket.object_requests())
            for report in self.reports("-config", config).values():
                self.assert_problems(report, [])
            fetched = {key for key, _ in self.bucket.object_requests()[before:]}
            self.assertEqual(fetched, set(objects_of(self.bucket.folder)))

    def test_every_object_is_read_every_time(self):
        self.check("edges-v03")

    def test_v05_every_object_is_read_every_time(self):
        self.check("frames-v05")

    def test_v05_as_it_was_written_to_s3(self):
        """However the path was written: its objects are found, and nothing is missing between them."""
        layout = S3Layout(self.fixture("s3layout-v05"))
        servers, config = layout.serve()
        for server in servers:
            self.addCleanup(server.close)
        reports = self.reports("-config", config).values()
        self.assertEqual([report["problems"] for report in reports], [[]] * len(layout.names))
        self.assertEqual(sum(report["objects"] for report in reports), len(layout.rows))

    def test_an_object_that_comes_damaged(self):
        """On its way, which is nothing against the backup; and as it is kept."""
        config = self.serve("edges-v03")
        self.bucket.fault("flip", times=1, on="object")
        self.assert_problems(self.reports("-config", config)["edges.sqlite3"], [])
        path = max(self.bucket.folder.rglob("*.wal.lz4"))
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
        self.assert_problems(self.reports("-config", config)["edges.sqlite3"],
                             [r"s3://\S+\.lz4 is damaged", "the newest state that can be restored is of .* is damaged"])

    def test_a_store_that_lets_nobody_read(self):
        """It is asked a few times, and not for every object."""
        config = self.serve("edges-v03")
        self.bucket.fault("403", on="object")
        report = self.reports("-config", config)["edges.sqlite3"]
        self.assertTrue(any("not verified: " in problem for problem in report["problems"]), report["problems"])
        self.assertEqual(report["objects"], 0)
        refused = [request for request in self.bucket.requests if request["status"] == 403]
        self.assertLess(len(refused), len(objects_of(self.bucket.folder)))

    def test_an_object_that_is_listed_but_not_there(self):
        config = self.serve("frames-v05")
        self.bucket.fault("404", times=1, on="object")
        reports = self.reports("-config", config).values()
        self.assertEqual(sum((report["problems"] for report in reports), [])[0].partition(".ltx ")[2],
                         "is listed, but what was listed can't be read")

    def start(self, config):
        """It verifies, and goes on."""
        environment = {**os.environ, "XDG_CACHE_HOME": str(self.folder / "cache")}
        return self.processes.start([LITEMOUNT, "verify", "-json", "-config", config], env=environment, text=True,
                                    stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def wait_for_request(self, key, after=0):
        wait_until(lambda: any(request["key"] == key for request in self.bucket.requests[after:]), 30, "asking for it")

    def test_what_retention_deletes_meanwhile(self):
        """The first snapshot goes while it is asked for. What led on from it was deleted before, and is not missed."""
        config = self.serve("edges-v05")
        replica = self.bucket.folder / "edges.sqlite3"
        first, second, *_ = sorted((replica / "0009").iterdir())
        for path in replica.glob("000[0-8]/*"):
            if int(path.stem[17:], 16) < int(second.stem[17:], 16):
                path.unlink()
        self.assertRegex(self.reports("-config", config)["edges.sqlite3"]["problems"][0], r"\S+ is missing")
        self.bucket.fault("slow", on="object", seconds=1)
        before = len(self.bucket.requests)
        process = self.start(config)
        self.wait_for_request(f"edges.sqlite3/0009/{first.name}", before)
        first.unlink()
        self.bucket.heal()
        output, errors = process.communicate(timeout=60 * SLOWNESS)
        self.assertEqual((process.returncode, errors), (0, ""), output)
        self.assertEqual(json.loads(output)[0]["objects"], len(objects_of(self.bucket.folder)))

    def test_what_was_deleted_since_it_was_verified(self):
        """A large folder's listing is kept for a while. It does not count here: what is gone is a hole."""
        write_backup(self.folder / "backup", 1500)
        self.bucket = Bucket(self.folder / "backup")
        self.addCleanup(self.bucket.close)
        config = s3_config(self.folder / "s3.yml", self.bucket.endpoint, self.bucket.bucket, ["large.db"])
        self.assert_problems(self.reports("-config", config)["large.db"], [])
        gone = sorted((self.folder / "backup/large.db").rglob("*.wal.lz4"))[200]
        gone.unlink()
        problems = self.reports("-config", config)["large.db"]["problems"]
        self.assertRegex(problems[0], rf"/{gone.name} is missing$")

    def test_what_changes_meanwhile(self):
        """Litestream v0.5 sets the time of a file in a folder when it is there already."""
        config = self.serve("edges-v05")
        newest = sorted((self.bucket.folder / "edges.sqlite3/0000").iterdir())[-1]
        self.bucket.fault("slow", on="object", seconds=1)
        process = self.start(config)
        self.wait_for_request(os.fspath(newest.relative_to(self.bucket.folder)))
        os.utime(newest, ns=(1, newest.stat().st_mtime_ns + 1))
        self.bucket.heal()
        output, errors = process.communicate(timeout=60 * SLOWNESS)
        self.assertEqual((process.returncode, errors), (0, ""), output)
        self.assertEqual(json.loads(output)[0]["objects"], len(objects_of(self.bucket.folder)))

    def test_an_interruption(self):
        config = self.serve("edges-v05")
        self.bucket.fault("silent", on="object")
        process = self.start(config)
        self.wait_for_request(objects_of(self.bucket.folder)[0])
        process.terminate()
        output, errors = process.communicate(timeout=20 * SLOWNESS)
        self.assertEqual((process.returncode, json.loads(output), errors), (1, [], "litemount: error: interrupted\n"))


if __name__ == "__main__":
    main()
