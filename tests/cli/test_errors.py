"""What is wrong is said in one line, with what would work, and in the same words by a mount and by the commands."""

import os
import re
import shutil
import subprocess

import recorded  # noqa: F401 (finds the modules shared with the tests that mount)
from mounting import LITEMOUNT, MountTest, main
from stores import Bucket, s3_config

NAME = "production.sqlite3"


class Errors(MountTest):
    def setUp(self):
        super().setUp()
        self.environment = {"XDG_CACHE_HOME": str(self.folder / "cache")}
        self.point = self.folder / "mnt"
        self.point.mkdir()

    def config(self, text):
        path = self.folder / "litestream.yml"
        path.write_text(text, "utf-8")
        return path

    def folder_config(self, place):
        return self.config(f"dbs:\n  - path: /data/{NAME}\n    replicas:\n      - path: {place}\n")

    def said(self, config, *arguments):
        """What the mount says and, if they are given, what the command with these arguments says; no more than that."""
        words = arguments if arguments else (config, self.point)
        done = self.run_litemount(*words, environment=self.environment)
        lines = re.sub(r"\d+m\d+s ahead", "ahead", done.stderr).splitlines()  # between the two the clock goes on
        return done.returncode, [line.removeprefix("litemount: ").removeprefix("error: ").removeprefix("warning: ") for line in lines]

    def same(self, config, *says, code=1):
        """The mount and `points` give up with the same sentence."""
        mounted = self.said(config)
        self.assertEqual((mounted[0], len(mounted[1])), (1, 1), mounted)
        for text in says:
            self.assertIn(str(text), mounted[1][0])
        listed = self.said(config, "points", "-config", config, f"/data/{NAME}")
        self.assertEqual(listed, (code, mounted[1]))


class Places(Errors):
    """Where a backup is looked for and there is none."""

    def setUp(self):
        super().setUp()
        self.backup = self.fixture("rails-v03") / "replica"

    def test_nothing_at_all(self):
        empty = self.folder / "empty"
        empty.mkdir()
        self.same(self.folder_config(empty), f"no backup found at file://{empty}: nothing is there", code=0)

    def test_a_folder_that_nobody_is_let_into(self):
        """As lost+found: it is told of once, and its neighbours are found."""
        (self.backup / "lost+found").mkdir(mode=0)
        powerless = ["setpriv", "--bounding-set=-all"] if os.geteuid() == 0 else []
        config = self.config(f"dbs:\n  - dir: /data\n    pattern: '*.sqlite3'\n    replica: {{path: {self.backup}}}\n")
        verify = ["verify", "-quick", f"file://{self.backup}"]

        def run(words):
            return subprocess.run([*powerless, LITEMOUNT, *words], env={**os.environ, **self.environment}, capture_output=True,
                                  text=True)

        for words in (["databases", "-config", config], verify):
            done = run(words)
            self.assertEqual((done.returncode, done.stderr.count("lost+found")), (0, 1), done.stderr)
            self.assertIn("production_queue.sqlite3", done.stdout)
        self.backup.chmod(0)
        self.addCleanup(self.backup.chmod, 0o700)
        done = run(verify)
        self.assertEqual(done.returncode, 1)
        self.assertIn("Permission denied", done.stdout)

    def test_inside_of_a_backup(self):
        generation = next((self.backup / NAME / "generations").iterdir())
        for place in (generation, generation.parent):
            self.same(self.folder_config(place), f"at file://{place}, which is inside of one: file://{self.backup / NAME}", code=0)
            mounted, listed = self.said(place), self.said(place, "points", f"file://{place}")
            self.assertEqual(mounted, listed)
            self.assertIn("inside of one", mounted[1][0])

    def test_above_a_backup(self):
        self.same(self.folder_config(self.backup), f"there is one below it: file://{self.backup / NAME}", code=0)

    def test_beside_a_backup(self):
        shutil.rmtree(self.backup / "production_queue.sqlite3")
        self.same(self.folder_config(self.backup / "wrong"), "there is one beside it: ", self.backup / NAME, code=0)

    def test_something_else(self):
        place = self.folder / "else/where"
        (place / "photos").mkdir(parents=True)
        (place / "notes.txt").write_text("x")
        self.same(self.folder_config(place), f"at file://{place}, where this is: photos/, notes.txt", code=0)

    def test_generations_without_a_snapshot(self):
        generations = list((self.backup / NAME / "generations").iterdir())
        for generation in generations:
            shutil.rmtree(generation / "snapshots")
        config = self.folder_config(self.backup / NAME)
        _, lines = self.said(config, "points", "-config", config, NAME)
        self.assertEqual(len(lines), 1)
        self.assertIn(max(generations).name, lines[0])
        self.assertIn(f"no usable snapshot at file://{self.backup / NAME}; its generations are: ", lines[0])


class Stores(Errors):
    """What an S3 store refuses."""

    def setUp(self):
        super().setUp()
        self.bucket = Bucket(self.fixture("rails-v03") / "replica")
        self.addCleanup(self.bucket.close)

    def s3(self, path=NAME, endpoint=None):
        config = s3_config(self.folder / "litestream.yml", endpoint or self.bucket.endpoint, "bucket", [NAME])
        config.write_text(config.read_text("utf-8").replace(f"path: {NAME}, end", f"path: {path}, end"), "utf-8")
        return config

    def test_a_wrong_path(self):
        self.same(self.s3(f"{NAME}/generations"), "no backup found at s3://bucket/", "which is inside of one: s3://bucket/", code=0)
        self.same(self.s3("production"), "no backup found at s3://bucket/production", "there is one beside it: s3://bucket/", code=0)

    def test_a_missing_right(self):
        self.bucket.fault("403")
        self.same(self.s3(), "listing", "403 AccessDenied", "lack s3:ListBucket on arn:aws:s3:::bucket")

    def test_no_such_bucket(self):
        config = self.s3()
        config.write_text(config.read_text("utf-8").replace("bucket: bucket", "bucket: elsewhere"), "utf-8")
        self.same(config, "s3://elsewhere", "NoSuchBucket", "check the bucket's name")

    def test_a_clock_that_is_off(self):
        self.bucket.fault("skew", date="Mon, 04 Nov 2024 10:30:00 GMT")
        self.same(self.s3(), "set this machine's clock", "ahead of the store's (Mon, 04 Nov 2024 10:30:00 GMT)")

    def test_a_web_server(self):
        self.bucket.fault("page")
        self.same(self.s3(), "answered 404", "not as S3 would; check the endpoint")


class Configurations(Errors):
    """The commands tell what is wrong with one as the mount does."""

    def wrong(self, config, *says):
        mounted = self.said(config)
        self.assertEqual((mounted[0], len(mounted[1])), (1, 1), mounted)
        for text in says:
            self.assertIn(str(text), mounted[1][0])
        for verb in (["databases"], ["points", NAME], ["verify"]):
            self.assertEqual(self.said(config, *verb, "-config", config)[1], mounted[1])

    def test_missing(self):
        self.wrong(self.folder / "nothing.yml", "nothing.yml: No such file", "a source is a litestream.yml")

    def test_no_yaml(self):
        self.wrong(self.config("dbs:\n  - path: [\n"), "litestream.yml:3: not valid YAML")

    def test_variables_that_are_not_set(self):
        config = self.config("# $NOT_THIS\nsecret-access-key: 'a $NOR_THIS'\naccess-key-id: a\ndbs:\n  - path: /data/x.db\n    replicas:\n"
                             "      - {type: s3, bucket: ${NO_BUCKET}, path: \"$NO_PATH\"}\n")
        for arguments in ((), ("databases", "-config", config), ("points", "-config", config, "x.db")):
            _, lines = self.said(config, *arguments)
            self.assertEqual(len(lines), 2, lines)
            self.assertIn("litestream.yml:7: $NO_BUCKET is not set", lines[0])
            self.assertIn("bucket", lines[1])

    def test_defaults_of_a_shell(self):
        """What stands behind the name may be a secret."""
        for written in ("${NO_BUCKET:-hidden}", '"${NO_BUCKET-hidden}"', "${NO_BUCKET:?hidden}", "${PLACE:-hidden}"):
            self.environment["PLACE"] = "set"
            config = self.config(f"dbs:\n  - path: /data/x.db\n    replicas:\n      - {{type: s3, bucket: {written}}}\n")
            _, lines = self.said(config, "points", "-config", config, "x.db")
            name = "PLACE" if "PLACE" in written else "NO_BUCKET"
            self.assertIn(f"litestream.yml:4: ${{{name}...}}: no shell reads it, so it counts as empty", lines[0])
            self.assertNotIn("hidden", " ".join(lines))

    def test_variables_that_are_set(self):
        self.environment["PLACE"] = str(self.fixture("rails-v03"))
        config = self.config(f"dbs:\n  - path: /data/{NAME}\n    replicas:\n      - path: $PLACE/replica/{NAME}\n")
        self.assertEqual(self.said(config, "points", "-config", config, NAME), (0, []))

    def test_identities(self):
        """None, and somebody else's."""
        folder = self.fixture("age-v03")
        text = (folder / "litestream.yml").read_text("utf-8").replace("${FIXTURE}", str(folder))
        other = re.sub("AGE-SECRET-KEY-.*", "AGE-SECRET-KEY-1EGTZVFFV20835NWYV6270LXYVK2VKNX2MMDKWYKLMGR48UAWX40Q2P2LM0", text)
        for given, says in ((text[:text.index("        age:")], "and the configuration has no identity for it"),
                            (other, "is encrypted with age for another identity than the configuration's")):
            config = self.config(given)
            status, lines = self.said(config, "points", "-config", config, "secret.sqlite3")
            self.assertEqual((status, len(lines)), (1, 1))
            self.assertIn(says, lines[0])


if __name__ == "__main__":
    main()
