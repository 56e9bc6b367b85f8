"""What the listing verbs print: the real programs' own columns and values, and what no real program can tell."""

import fcntl
import json
import os
import pty
import re
import shutil
import struct
import subprocess
import termios
import time

import recorded
from mounting import LITEMOUNT, SLOWNESS, MountTest, main
from replicas import instant
from stores import SECRET, Bucket, ltx_times, s3_config, to_s3_layout


class Listings(MountTest):
    """Runs the verbs, with a cache of its own."""

    def setUp(self):
        super().setUp()
        self.environment = {"XDG_CACHE_HOME": str(self.folder / "cache")}

    def run_verb(self, *arguments, fixture=None):
        environment = {**self.environment, **({"FIXTURE": str(fixture)} if fixture else {})}
        return self.run_litemount(*arguments, environment=environment)

    def lines(self, *arguments, fixture=None):
        done = self.run_verb(*arguments, fixture=fixture)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.splitlines()

    def rows(self, *arguments, fixture=None):
        """What is printed as JSON; the same as a table is compared with it. A point's time there is its millisecond's end."""
        done = self.run_verb(*arguments, "-json", fixture=fixture)
        self.assertEqual(done.returncode, 0, done.stderr)
        rows = json.loads(done.stdout)
        table = self.lines(*arguments, *(["-table"] if arguments[0] == "points" else []), fixture=fixture)
        lines = [line.split() for line in table[1:]]
        shown = [[str(value) if value is not None else "-" for key, value in row.items() if key != "gap"] for row in rows]
        if arguments[0] == "points":
            for line, row in zip(lines, shown):
                self.assertIn(instant(line[0]) - instant(row[0]), range(10**6))
                row[0] = line[0]
        self.assertEqual(lines, shown)
        return rows


class Recorded(Listings):
    """Beside what the real programs printed."""

    def compare(self, version):
        wanted, count = recorded.records(version), 0
        os.environ.update(self.environment)
        for name, config, arguments in recorded.commands(version):
            path = recorded.unpacked(name, self.folder)
            title = recorded.title(name, config, arguments)
            with self.subTest(title):
                status, output, errors = recorded.run(LITEMOUNT, path, config, arguments)
                self.assertEqual((status, output), (0, wanted[title]), errors)
                count += 1
        self.assertEqual(count, len(wanted))

    def test_as_litestream_0_3_13(self):
        self.compare("v03")

    def test_as_litestream_0_5_18(self):
        self.compare("v05")


class OurOwn(Listings):
    """What Litestream has no listing of."""

    def test_generations_and_snapshots_of_v05(self):
        fixture = self.fixture("edges-v05")
        config = ["-config", fixture / "litestream.yml", fixture / "data/edges.sqlite3"]
        files = sorted((fixture / "replica/edges.sqlite3/ltx/9").iterdir())
        times = sorted(path.stat().st_mtime_ns for path in (fixture / "replica").rglob("*.ltx"))
        (generation,) = self.rows("generations", *config, fixture=fixture)
        self.assertEqual((generation["name"], generation["generation"], generation["lag"]), ("file", "ltx", None))
        for key, time in (("start", times[0]), ("end", times[-1])):
            self.assertEqual(instant(generation[key]) // 10**9, time // 10**9)
        rows = self.rows("snapshots", *config, fixture=fixture)
        self.assertEqual([(row["replica"], row["generation"], row["index"], row["size"]) for row in rows],
                         [("file", "ltx", path.stem.split("-")[1], path.stat().st_size) for path in files])

    def test_a_replica_of_both_formats_shows_both(self):
        fixture = self.fixture("mixed")
        config = ["-config", fixture / "litestream.yml", fixture / "data/upgraded.sqlite3"]
        (old,) = os.listdir(fixture / "replica/upgraded.sqlite3/generations")
        generations = [row["generation"] for row in self.rows("generations", *config, fixture=fixture)]
        self.assertEqual(generations, [old, "ltx"])
        for verb in ("snapshots", "points"):
            rows = self.rows(verb, *config, fixture=fixture)
            self.assertEqual({row["generation"] for row in rows}, {old, "ltx"})
            for generation in (old, "ltx"):
                self.assertEqual(self.rows(verb, "-generation", generation, *config, fixture=fixture),
                                 [row for row in rows if row["generation"] == generation])
        self.assertEqual({row["generation"] for row in self.rows("wal", *config, fixture=fixture)}, {old})

    def test_folders_of_databases(self):
        fixture = self.fixture("rails-v03")
        config = self.folder / "litestream.yml"
        config.write_text(f"dbs:\n  - path: /srv/app/other.sqlite3\n    replicas: [{{path: /nowhere}}]\n"
                          f"  - dir: /srv/app\n    pattern: '*.sqlite3'\n    replicas: [{{path: {fixture}/replica}}]\n")
        names = sorted(os.listdir(fixture / "replica"))
        self.assertEqual([(row["path"], row["replicas"]) for row in self.rows("databases", "-config", config)],
                         [(f"/srv/app/{name}", "file") for name in ["other.sqlite3", *names]])

    def test_folders_within_each_other(self):
        """Each database once, where it is found."""
        for place in ("outer/a.db", "inner/b.db", "inner/deep/c.db", "outer/sub/b.db"):
            (self.folder / place / "ltx").mkdir(parents=True)
        config, folders = self.folder / "litestream.yml", "dbs:\n"
        for folder, place, recursive in (("/data", "outer", False), ("/data/sub", "inner", True)):
            folders += (f"  - dir: {folder}\n    pattern: '*.db'\n    recursive: {str(recursive).lower()}\n"
                        f"    replicas: [{{name: {place}, path: {self.folder}/{place}}}]\n")
        config.write_text(folders)
        self.assertEqual([(row["path"], row["replicas"]) for row in self.rows("databases", "-config", config)],
                         [("/data/a.db", "outer"), ("/data/sub/b.db", "inner"), ("/data/sub/deep/c.db", "inner")])

    def test_patterns_are_those_of_go(self):
        """What Litestream 0.5.18 replicates of such names."""
        names = ["!a.db", "a.db", "b.db", ".h.db", ":.db", "[.db", "a.sqlite"]
        for name in names:
            (self.folder / "replica" / name / "ltx").mkdir(parents=True)
        for pattern, matches in {"*.db": names[:-1], "[!a].db": ["a.db"], "[!a]*.db": ["!a.db", "a.db"], "[^a].db": ["b.db", ":.db", "[.db"],
                                 "[[:].db": [":.db", "[.db"], "?.db": ["a.db", "b.db", ":.db", "[.db"]}.items():
            config = self.folder / "litestream.yml"
            config.write_text(f"dbs:\n  - dir: /data\n    pattern: '{pattern}'\n    replica: {{path: {self.folder}/replica}}\n")
            self.assertEqual(sorted(row["path"] for row in self.rows("databases", "-config", config)),
                             sorted(f"/data/{name}" for name in matches), pattern)

    def test_what_litestream_keeps_beside_a_database_is_no_backup(self):
        fixture = self.fixture("rails-v03")
        (fixture / "replica/.production.sqlite3-litestream/generations/0123456789abcdef").mkdir(parents=True)
        reports = json.loads(self.run_verb("verify", "-json", "-quick", f"file://{fixture}/replica").stdout)
        self.assertEqual(len(reports), 4)

    def test_a_folder_of_databases_whose_first_replica_fails(self):
        """The others have the database."""
        replicas = self.fixture("rails-v03") / "replica"
        buckets = [Bucket(replicas) for _ in range(3)]
        for bucket in buckets:
            self.addCleanup(bucket.close)
        buckets[0].fault("403")
        config = self.folder / "litestream.yml"
        lines = [f"      - {{type: s3, bucket: bucket, endpoint: '{bucket.endpoint}', region: us-east-1}}\n" for bucket in buckets]
        config.write_text(f"access-key-id: a\nsecret-access-key: {SECRET}\n"
                          f"dbs:\n  - dir: /data\n    pattern: '*.sqlite3'\n    replicas:\n{''.join(lines)}", "utf-8")
        self.assertGreater(len(self.lines("points", "-config", config, "/data/production.sqlite3")), 10)
        buckets[1].fault("403")
        buckets[2].fault("403")
        done = self.run_verb("points", "-config", config, "/data/production_queue.sqlite3")
        self.assertEqual(done.returncode, 1)
        self.assertIn("403 AccessDenied", done.stderr)

    def test_wide_characters_are_one_column_each(self):
        config = self.folder / "litestream.yml"
        config.write_text("dbs:\n  - {path: /srv/größe.db, replicas: [{path: /a, name: näh}]}\n"
                          "  - {path: /srv/groesse.db, replicas: [{path: /b}]}\n", "utf-8")
        self.assertEqual(self.lines("databases", "-config", config),
                         ["path             replicas", "/srv/größe.db    näh", "/srv/groesse.db  file"])

    def test_the_lag_of_a_url_is_counted_from_now(self):
        fixture = self.fixture("rails-v03")
        lines = self.lines("generations", f"file://{fixture}/replica/production.sqlite3")
        for line in lines[1:]:
            hours, minutes, seconds = map(int, re.search(r" (\d+)h(\d+)m(\d+)s ", line).groups())
            lag = hours * 3600 + minutes * 60 + seconds
            self.assertAlmostEqual(instant(line.split()[-1]) / 10**9 + lag, time.time(), delta=60 * SLOWNESS)

    def test_on_s3(self):
        fixture = self.fixture("rails-v05")
        name = "production.sqlite3"
        to_s3_layout(fixture / "replica")
        bucket = Bucket(fixture / "replica", metadata=ltx_times(fixture / "replica"))
        self.addCleanup(bucket.close)
        config = ["-config", s3_config(self.folder / "s3.yml", bucket.endpoint, bucket.bucket, [name]), f"/data/{name}"]
        self.lines("ltx", "-level", "all", *config)
        self.assertEqual((bucket.object_requests(), bucket.metadata_requests()), ([], []))
        rows = self.rows("points", *config)
        # A point costs one header, and that once ever.
        self.assertEqual({text for _, text in bucket.object_requests()}, {"bytes=0-99"})
        self.assertLessEqual(len(bucket.object_requests()), len(rows))
        asked = len(bucket.object_requests()), len(bucket.metadata_requests())
        self.assertEqual(self.rows("points", *config), rows)
        self.assertEqual((len(bucket.object_requests()), len(bucket.metadata_requests())), asked)


    def test_an_answer_that_passes_is_not_kept(self):
        """That an object is not there yet tells nothing of its time."""
        fixture = self.fixture("rails-v05")
        to_s3_layout(fixture / "replica")
        times = {key: dict.fromkeys(told, "2024-01-01T00:00:00Z") for key, told in ltx_times(fixture / "replica").items()}
        bucket = Bucket(fixture / "replica", metadata=times)
        self.addCleanup(bucket.close)
        config = s3_config(self.folder / "s3.yml", bucket.endpoint, bucket.bucket, ["production.sqlite3"])
        bucket.fault("404", times=2, on="object")
        rows = self.rows("generations", "-config", config, "/data/production.sqlite3")
        self.environment["XDG_CACHE_HOME"] = str(self.folder / "another")
        self.assertEqual(self.rows("generations", "-config", config, "/data/production.sqlite3"), rows)

    def test_a_url_that_is_proposed_can_be_given(self):
        folder = self.folder / "store"
        fixture = self.fixture("edges-v05") / "replica/edges.sqlite3"
        for name in ("a?b&c=1#d%20.db", "z.db"):
            shutil.copytree(fixture, folder / name)
        to_s3_layout(folder)
        bucket = Bucket(folder, metadata=ltx_times(folder))
        self.addCleanup(bucket.close)
        self.environment.update(AWS_ACCESS_KEY_ID="a", AWS_SECRET_ACCESS_KEY=SECRET)
        done = self.run_verb("snapshots", f"s3://bucket?endpoint={bucket.endpoint}")
        self.assertEqual(done.returncode, 2)
        proposed = re.search(r"holds 2 backups; name one of them, such as (\S+)\n", done.stderr)[1]
        self.assertIn("/a%3Fb&c=1%23d%2520.db?endpoint=", proposed)
        self.assertEqual(len(self.lines("snapshots", proposed)), len(self.lines("snapshots", fixture)))


class Holes(Listings):
    def points(self, name, database):
        fixture = self.folder / name
        if not fixture.exists():
            self.fixture(name)
        return self.rows("points", "-config", fixture / "litestream.yml", fixture / "data" / database, fixture=fixture)

    def check(self, name, database, gap):
        """One hole, said once behind the last point before it, and on the terminal."""
        rows = self.points(name, database)
        self.assertEqual([row["gap"] for row in rows if row["gap"]], [gap])
        fixture = self.folder / name
        done = self.run_verb("points", "-config", fixture / "litestream.yml", fixture / "data" / database, fixture=fixture)
        (hole,) = [row for row in rows if row["gap"]]
        self.assertIn(f"{database}: a hole after {hole['time']} in generation {hole['generation']}: {gap}", done.stderr)
        return rows, rows.index(hole)

    def test_a_missing_file_of_v05(self):
        rows, hole = self.check("damaged-v05", "gap.sqlite3",
                                "TXID 0000000000000011 to 0000000000000011: no sound file holds them")
        self.assertEqual((rows[hole]["position"], hole), ("0000000000000010", len(rows) - 1))

    def test_a_file_of_v05_that_is_cut_short(self):
        self.check("damaged-v05", "truncated-file.sqlite3",
                   "TXID 0000000000000011 to 0000000000000011: no sound file holds them")

    def test_a_damaged_segment(self):
        rows, hole = self.check("damaged-v03", "flipped-segment.sqlite3", "segment 00000002/00019278 is damaged")
        self.assertEqual(rows[hole]["position"].split("/")[0], "00000002")

    def test_a_missing_segment(self):
        self.check("damaged-v03", "missing-segment.sqlite3", "segment 00000002/000283e0 does not continue what is before it")

    def test_none_where_level_0_was_pruned(self):
        """A file of level 1 holds the TXIDs, its time has not come: finer points are gone, and nothing else."""
        fixture, target = self.fixture("rails-v05"), self.folder / "restored"
        replica, gap = fixture / "replica/production.sqlite3", "TXID 000000000000009d to 000000000000009d: no sound file holds them"
        restore = ("restore", "-force", "-timestamp", "2026-11-24T01:55:31Z", "-o", target, f"file://{replica}")
        (replica / "ltx/9/0000000000000001-000000000000009d.ltx").unlink()
        self.assertEqual({row["gap"] for row in self.points("rails-v05", "production.sqlite3")}, {None})
        done = self.run_verb(*restore)
        self.assertEqual((done.returncode, done.stderr.count("hole"), done.stderr.count(gap)), (0, 0, 0), done.stderr)
        (replica / "ltx/1/000000000000009d-00000000000000a6.ltx").unlink()
        self.assertEqual([row["gap"] for row in self.points("rails-v05", "production.sqlite3") if row["gap"]], [gap])
        self.assertIn(gap, self.run_verb(*restore).stderr)

    def test_none_where_nothing_is_missing(self):
        for name, database in (("rails-v03", "production.sqlite3"), ("edges-v05", "edges.sqlite3")):
            self.assertEqual({row["gap"] for row in self.points(name, database)}, {None})


class Terminal(Listings):
    def on_terminal(self, columns, *arguments, fixture, stream="stdout"):
        """What comes on a terminal of that many columns, as lines, and what the other stream says."""
        leader, follower = pty.openpty()
        fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, stream: follower}
        process = self.processes.start([LITEMOUNT, *arguments], stdin=subprocess.DEVNULL, **streams,
                                       env={**os.environ, **self.environment, "FIXTURE": str(fixture)})
        os.close(follower)
        output = b""
        while True:
            try:
                part = os.read(leader, 65536)
            except OSError:  # the other side is closed
                part = b""
            if not part:
                break
            output += part
        os.close(leader)
        with process.stdout or process.stderr as pipe:
            others = pipe.read().decode()
        self.assertEqual(process.wait(60 * SLOWNESS), 0, others)
        return output.decode().replace("\r\n", "\n").split("\n")[:-1 if stream == "stdout" else None], others

    def test_a_timeline(self):
        fixture = self.fixture("rails-v03")
        config = ["-config", fixture / "litestream.yml", fixture / "data/production.sqlite3"]
        times = [row["time"] for row in self.rows("points", *config, fixture=fixture)]
        for columns in (80, 132):
            lines, _ = self.on_terminal(columns, "points", *config, fixture=fixture)
            self.assertLessEqual(max(map(len, lines)), columns)
            counted = {match[1]: int(match[2]) for match in
                       (re.match(r"(\S+ \d\d)h  [.:S]+  (\d+) points?", line) for line in lines) if match}
            hours = [time[:13].replace("T", " ") for time in times]
            self.assertEqual(counted, {hour: hours.count(hour) for hour in hours})
            snapshots = sum(int(count) for count in re.findall(r"(\d+) snapshot", "\n".join(lines)))
            self.assertEqual(snapshots, len(list((fixture / "replica/production.sqlite3").rglob("*.snapshot.lz4"))))

    def test_a_timeline_reads_names_only(self):
        fixture = self.fixture("rails-v03")
        bucket = Bucket(fixture / "replica")
        self.addCleanup(bucket.close)
        config = s3_config(self.folder / "s3.yml", bucket.endpoint, bucket.bucket, ["production.sqlite3"])
        lines, _ = self.on_terminal(80, "points", "-config", config, "/data/production.sqlite3", fixture=fixture)
        self.assertGreater(len(lines), 20)
        self.assertEqual(bucket.object_requests(), [])

    def test_holes_in_it(self):
        fixture = self.fixture("damaged-v05")
        lines, errors = self.on_terminal(80, "points", "-config", fixture / "litestream.yml",
                                         fixture / "data/gap.sqlite3", fixture=fixture)
        self.assertRegex(lines[0], r"[!].*  \d+ points, 1 snapshot, 1 hole$")
        self.assertIn("a hole after", errors)

    def test_how_far_the_reading_is(self):
        fixture = self.fixture("rails-v03")
        config = ["-config", fixture / "litestream.yml", fixture / "data/production.sqlite3"]
        (bars,), table = self.on_terminal(80, "points", *config, fixture=fixture, stream="stderr")
        self.assertRegex(bars, r"\A(\r\x1b\[Kproduction\.sqlite3  \[[#.]+\]  [^\r]+)+\r\x1b\[K\Z")
        self.assertEqual(table.splitlines(), self.lines("points", *config, fixture=fixture))

    def test_the_table_if_it_is_asked_for(self):
        fixture = self.fixture("edges-v05")
        config = ["-config", fixture / "litestream.yml", fixture / "data/edges.sqlite3"]
        lines, _ = self.on_terminal(80, "points", "-table", *config, fixture=fixture)
        self.assertEqual(lines, self.lines("points", *config, fixture=fixture))


class Wrong(Listings):
    def test_usage(self):
        for arguments in (["points"], ["points", "a", "b"], ["databases", "a"], ["ltx", "-level", "10", "/a"],
                          ["wal", "-level", "1", "/a"], ["snapshots", "-generation"], ["generations", ""],
                          ["points", "-config", "/a", "file:///b"]):
            with self.subTest(arguments):
                done = self.run_verb(*arguments)
                self.assertEqual((done.returncode, done.stdout), (2, ""))
                self.assertRegex(done.stderr, r"\Alitemount: error: [^\n]+\n\Z")

    def test_help(self):
        for verb in ("databases", "generations", "snapshots", "wal", "ltx", "points"):
            lines = self.lines(verb, "--help")
            self.assertTrue(lines[0].startswith(f"Usage: litemount {verb} "), lines[0])
            self.assertTrue(any(line.startswith("  -json") for line in lines))

    def test_a_generation_that_is_not_there(self):
        fixture = self.fixture("edges-v05")
        for verb in ("snapshots", "wal", "points"):
            done = self.run_verb(verb, "-config", fixture / "litestream.yml", "-generation", "0123456789abcdef",
                                 fixture / "data/edges.sqlite3", fixture=fixture)
            self.assertEqual((done.returncode, done.stdout), (1, ""))
            self.assertRegex(done.stderr, r"no generation 0123456789abcdef at \S+; there are: ltx\n")

    def test_a_full_disk(self):
        fixture = self.fixture("edges-v05")
        with open("/dev/full", "wb") as full:
            done = subprocess.run([LITEMOUNT, "ltx", f"file://{fixture}/replica/edges.sqlite3"], stdout=full,
                                  stderr=subprocess.PIPE, text=True, env={**os.environ, **self.environment}, timeout=60)
        self.assertEqual(done.returncode, 1)
        self.assertIn("No space left on device", done.stderr)

    def test_a_replica_that_does_not_answer_hides_no_other(self):
        fixture = self.fixture("rails-v03")
        config = self.folder / "litestream.yml"
        replica = f"{fixture}/replica/production.sqlite3"
        config.write_text("dbs:\n  - path: /srv/app.db\n    replicas:\n      - {type: s3, name: away, bucket: b, path: p, "
                          "endpoint: 'http://127.0.0.1:9', region: us-east-1, access-key-id: a, secret-access-key: b}\n"
                          f"      - {{name: near, path: {replica}}}\n")
        done = self.run_verb("snapshots", "-config", config, "/srv/app.db")
        self.assertEqual((done.returncode, len(done.stdout.splitlines())), (0, 5), done.stderr)
        self.assertIn("app.db: replica s3://b/p?endpoint=http://127.0.0.1:9 does not answer: ", done.stderr)


if __name__ == "__main__":
    main()
