"""Mounting and unmounting: what is wrong is told at once and in one line, and everything always comes off again."""

import os
import pathlib
import shutil
import signal
import subprocess
import time
import unittest

from mounting import LITEMOUNT, MountTest, main, mounts, sha256, take_away, wait_until

NAME = "production.sqlite3"
SECRET = "s3cr3t-K3y-that-nobody-may-see"


def daemons(point):
    """Pids of the litemounts that serve `point`, which are nobody's children any more."""
    found = []
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if os.fsencode(point) in words and os.path.basename(words[0]) in (b"litemount", os.path.basename(LITEMOUNT).encode()):
            found.append(int(folder.name))
    return found


class Refusals(MountTest):
    def setUp(self):
        super().setUp()
        self.backup = self.fixture("rails-v03")
        self.point = self.folder / "mnt"
        self.point.mkdir()
        self.addCleanup(take_away, self.point)

    def refused(self, source, *options, point=None, words=(), code=1):
        """Without -f: the program must end by itself, non-zero, with one line, and leave nothing mounted."""
        options = ["-o", ",".join((f"cache={self.folder / 'cache'}", *options))]
        done = self.run_litemount(source, point or self.point, *options,
                                  environment={"FIXTURE": str(self.backup)})
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertEqual(len(done.stderr.strip().splitlines()), 1, done.stderr)
        self.assertTrue(done.stderr.startswith("litemount: "), done.stderr)
        self.assertEqual(done.stdout, "")
        for word in words:
            self.assertIn(word, done.stderr)
        self.assertEqual(daemons(self.point), [])
        return done.stderr

    def config(self, text):
        path = self.folder / "litestream.yml"
        path.write_text(text, "utf-8")
        return path

    def s3_config(self, **more):
        settings = {"type": "s3", "bucket": "backups", "path": NAME, "endpoint": "http://127.0.0.1:1", "region": "us-east-1",
                    "access-key-id": "nobody", "secret-access-key": SECRET, **more}
        return self.config(f"dbs:\n  - path: /data/{NAME}\n    replicas:\n      - "
                           + "\n        ".join(f"{key}: {value}" for key, value in settings.items()) + "\n")

    def test_no_such_source(self):
        self.refused(self.folder / "nothing.yml", words=["nothing.yml"])

    def test_config_that_is_no_yaml(self):
        self.refused(self.config("dbs:\n\t- path: [\n"), words=["litestream.yml"])

    def test_config_without_databases(self):
        self.refused(self.config("addr: :9090\n"), words=["litestream.yml"])

    def test_config_without_a_bucket(self):
        self.refused(self.config("dbs:\n  - path: /data/x.db\n    replicas:\n      - type: s3\n        path: x\n"))

    def test_only_stores_that_are_not_built_yet(self):
        self.refused(self.config("dbs:\n  - path: /data/x.db\n    replicas:\n      - url: gs://bucket/x\n"), words=["gs"])

    def test_unreachable_bucket(self):
        self.refused(self.s3_config(), words=["127.0.0.1"])

    def test_no_secret_in_the_message(self):
        self.assertNotIn(SECRET, self.refused(self.s3_config()))

    def test_unknown_option(self):
        self.refused(self.backup / "litestream.yml", "colour=blue", words=["colour"], code=2)

    def test_options_with_bad_values(self):
        for option in ("refresh=soon", "refresh=-1", "cache-size=much", "cache-size=-1", "uid=root!", "umask=999"):
            with self.subTest(option):
                self.refused(self.backup / "litestream.yml", option, words=[option.split("=")[0]], code=2)

    def test_cache_in_a_place_that_cannot_be(self):
        self.refused(self.backup / "litestream.yml", "cache=/proc/nothing/cache", words=["/proc/nothing"])

    def test_missing_mount_point(self):
        self.refused(self.backup / "litestream.yml", point=self.folder / "nowhere", words=["nowhere"])

    def test_mount_point_is_a_file(self):
        file = self.folder / "file"
        file.write_text("here")
        self.refused(self.backup / "litestream.yml", point=file, words=[str(file)])

    def test_mount_point_is_in_use(self):
        self.mount_fixture("rails-v03")
        self.point = self.folder / "other"  # the one that is served is not to be looked for
        self.refused(self.backup / "litestream.yml", point=self.folder / "mnt", words=[str(self.folder / "mnt")])
        self.assertTrue((self.folder / "mnt/latest" / NAME).exists())

    def test_mount_point_is_stale(self):
        mount = self.mount_fixture("rails-v03")
        mount.process.kill()
        mount.process.wait()
        with self.assertRaises(OSError):
            os.listdir(mount.point)
        self.refused(self.backup / "litestream.yml", words=["fusermount3 -u"])

    def test_usage(self):
        for arguments in ((), ("one",), ("--nonsense", "a", "b")):
            done = self.run_litemount(*arguments)
            self.assertEqual(done.returncode, 2, arguments)
            self.assertNotEqual(done.stderr, "")
        done = self.run_litemount("--help")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn("MOUNTPOINT", done.stdout)
        done = self.run_litemount("--version")
        self.assertEqual(done.returncode, 0)
        self.assertRegex(done.stdout, r"^litemount \d+\.\d+")

    def test_what_can_be_served_is(self):
        """A store that is not built yet is named in one warning, and the rest is there."""
        config = self.config(f"dbs:\n  - path: /data/one.db\n    replicas:\n      - url: gs://bucket/x\n"
                             f"  - path: /data/two.db\n    replicas:\n      - path: {self.backup}/replica/{NAME}\n")
        mount = self.mount(config)
        self.assertIn("two.db", os.listdir(mount / "latest"))
        warnings = [line for line in mount.log().splitlines() if "gs" in line]
        self.assertEqual(len(warnings), 1, mount.log())


class Comings(MountTest):
    def setUp(self):
        super().setUp()
        self.backup = self.fixture("rails-v03")
        self.environment = {"FIXTURE": str(self.backup)}
        self.point = self.folder / "mnt"
        self.point.mkdir(exist_ok=True)
        self.addCleanup(self.end_daemons)

    def end_daemons(self):
        take_away(self.point)
        for pid in daemons(self.point):
            os.kill(pid, signal.SIGKILL)

    def test_signals_unmount(self):
        for code in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            mount = self.mount_fixture("rails-v03")
            mount.process.send_signal(code)
            self.assertEqual(mount.process.wait(10), 0, code)
            self.assertNotIn(str(mount.point), mounts())

    def test_fusermount(self):
        mount = self.mount_fixture("rails-v03")
        self.assertEqual(mount.unmount(), 0)
        self.assertEqual(os.listdir(mount.point), [])

    def test_background(self):
        """When the command returns the files are there, and it says nothing."""
        done = self.run_litemount(self.backup / "litestream.yml", self.point, "-o", f"cache={self.folder / 'cache'}",
                                  environment=self.environment)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
        self.assertIn(NAME, os.listdir(self.point / "latest"))
        (pid,) = daemons(self.point)
        self.assertEqual(os.readlink(f"/proc/{pid}/cwd"), "/")
        self.assertEqual(os.getsid(pid), pid)
        subprocess.run(["fusermount3", "-u", self.point], check=True, timeout=10)
        wait_until(lambda: not daemons(self.point), 10, "the end of the background process")

    def test_relative_paths(self):
        """A source and a mount point below the working folder still work once the program has left it."""
        done = subprocess.run([LITEMOUNT, "rails-v03/litestream.yml", "mnt", "-o", "cache=cache"], cwd=self.folder, timeout=60,
                              env={**os.environ, "FIXTURE": "rails-v03"}, capture_output=True, text=True)
        self.addCleanup(lambda: [os.kill(pid, signal.SIGKILL) for pid in daemons("mnt")])
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(sha256(self.point / "latest" / NAME), sha256(self.point / "at/now" / NAME))
        subprocess.run(["fusermount3", "-u", self.point], check=True, timeout=10)

    def test_debugging_says_more(self):
        quiet, loud = self.mount_fixture("rails-v03"), self.mount_fixture("rails-v03", point="loud", arguments=["-d"])
        for mount in (quiet, loud):
            os.listdir(mount / "latest")
        self.assertGreater(len(loud.log()), len(quiet.log()))

    def test_a_folder_in_place_of_a_config(self):
        """A replica's own folder, and a folder of several, each named by its path."""
        several = self.mount(self.backup / "replica")
        self.assertIn(NAME, os.listdir(several / "latest"))
        single = self.mount(self.backup / "replica" / NAME, point="single")
        self.assertEqual(sha256(single / "latest" / NAME), sha256(several / "latest" / NAME))
        url = self.mount(f"file://{self.backup}/replica/{NAME}", point="url")
        self.assertEqual(sha256(url / "latest" / NAME), sha256(several / "latest" / NAME))

    @unittest.skipUnless(os.getuid() == 0 and shutil.which("mount.fuse"), "only root can mount, by mount.fuse")
    def test_mount_command_and_fstab_words(self):
        """mount -t fuse.litemount finds the program on the path, and hands it words that are mount's own."""
        program = pathlib.Path("/usr/local/bin/litemount")
        if not program.exists():
            program.symlink_to(LITEMOUNT)
            self.addCleanup(program.unlink)
        words = f"ro,nodev,nosuid,noauto,_netdev,nofail,x-systemd.automount,allow_other,cache={self.folder / 'cache'}"
        subprocess.run(["mount", "-t", "fuse.litemount", self.backup / "litestream.yml", self.point, "-o", words], check=True,
                       env={**os.environ, **self.environment}, timeout=30)
        self.assertIn(NAME, os.listdir(self.point / "latest"))
        with open("/proc/self/mounts", encoding="utf-8") as table:
            (line,) = [line.split() for line in table if line.split()[1] == str(self.point)]
        self.assertEqual(line[2], "fuse.litemount")
        self.assertTrue({"ro", "nodev", "nosuid", "allow_other"} <= set(line[3].split(",")), line)
        subprocess.run(["umount", self.point], check=True, timeout=10)

    def test_no_secret_is_shown(self):
        config = self.folder / "secret.yml"
        config.write_text(f"access-key-id: someone\nsecret-access-key: {SECRET}\ndbs:\n  - path: /data/one.db\n    replicas:\n"
                          f"      - path: {self.backup}/replica/{NAME}\n"
                          "      - {type: s3, bucket: b, path: p, endpoint: 'http://127.0.0.1:1', region: us-east-1}\n")
        mount = self.mount(config, arguments=["-d"])
        file = mount / "latest/one.db"
        file.read_bytes()
        shown = [mount.log(), pathlib.Path("/proc/self/mounts").read_text("utf-8"),
                 pathlib.Path(f"/proc/{mount.process.pid}/cmdline").read_text("utf-8"),
                 (mount / ".litemount/stats").read_text("utf-8"),
                 *(os.getxattr(file, name).decode() for name in os.listxattr(file))]
        for path in (self.folder / "cache").rglob("*"):
            shown.append(str(path))
            if path.is_file():
                shown.append(path.read_bytes().decode("latin-1"))
        for text in shown:
            self.assertNotIn(SECRET, text)

    def test_an_idle_mount_sleeps(self):
        """Nobody looks: no work is done."""
        mount = self.mount_fixture("rails-v03", "refresh=1")
        os.listdir(mount / "latest")
        time.sleep(0.5)

        def ticks():
            return sum(map(int, pathlib.Path(f"/proc/{mount.process.pid}/stat").read_text().rsplit(")", 1)[1].split()[11:13]))

        before = ticks()
        time.sleep(4)
        self.assertLessEqual(ticks() - before, 5 * os.sysconf("SC_CLK_TCK") // 100)


class Kernel(MountTest):
    """What it keeps, and how much it asks for at once."""

    def lookups(self, mount):
        return mount.log().count("opcode: LOOKUP")

    def test_what_can_never_be_is_looked_up_once(self):
        mount = self.mount_fixture("rails-v03", "refresh=60", arguments=["-d"])
        folder = mount / f"databases/{NAME}"
        for name in ("latest.sqlite3-journal", "at/2024-11-04T10:30:00Z.sqlite3-journal", "at/yesterday.sqlite3", "nothing"):
            os.path.exists(folder / name)
            before = self.lookups(mount)
            for _ in range(3):
                self.assertFalse(os.path.exists(folder / name))
                time.sleep(0.5)  # longer, all in all, than a name is kept that may come to be
            self.assertEqual(self.lookups(mount), before, name)

    def test_what_may_come_is_seen_when_it_comes(self):
        backup = self.fixture("rails-v03") / "replica"
        shutil.move(backup / NAME, self.folder / "later")
        mount = self.mount(backup, "refresh=1")
        folder = mount / "latest"
        self.assertFalse(os.path.exists(folder / NAME))
        self.assertNotEqual(os.listdir(folder), [])
        shutil.move(self.folder / "later", backup / NAME)
        wait_until(lambda: os.path.exists(folder / NAME), 20, "the database that came")
        self.assertIn(NAME, os.listdir(folder))

    def test_a_large_read_is_one_request(self):
        mount = self.mount_fixture("rails-v03")
        device = os.stat(mount.point).st_dev
        setting = pathlib.Path(f"/sys/class/bdi/{os.major(device)}:{os.minor(device)}/read_ahead_kb")
        if not os.access(setting, os.W_OK):
            self.skipTest("the kernel's read-ahead can't be set here")
        wait_until(lambda: setting.read_text() == "1024\n", 10, "the kernel's read-ahead")


if __name__ == "__main__":
    main()
