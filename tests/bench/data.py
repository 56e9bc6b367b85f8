"""The backups to read: made by the real programs from a database of rows like an application's, kept for the next run.

A folder of data holds `store`, the S3 server's own folder with the bucket `bench` (the backups `v03` and `v05`), and
facts.json, what is known about them.
"""

import contextlib
import dataclasses
import datetime
import itertools
import json
import os
import random
import shutil
import sqlite3
import threading
import time

BUCKET = "bench"
NAMES = {"0.3": "v03", "0.5": "v05"}
WORKOUTS_A_USER, SETS_A_WORKOUT, USERS_A_COMMIT = 3, 4, 2000

SCHEMA = """
CREATE TABLE users(id INTEGER PRIMARY KEY, email TEXT NOT NULL, name TEXT, created_at TEXT, password BLOB);
CREATE UNIQUE INDEX users_email ON users(email);
CREATE TABLE workouts(id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL, title TEXT, notes TEXT, started_at TEXT,
                      duration INTEGER);
CREATE INDEX workouts_user ON workouts(user_id);
CREATE TABLE sets(id INTEGER PRIMARY KEY, workout_id INTEGER, exercise TEXT, reps INTEGER, weight REAL);
CREATE INDEX sets_workout ON sets(workout_id);
CREATE TABLE marks(id INTEGER PRIMARY KEY, time REAL);
"""


@dataclasses.dataclass
class Size:
    """How much there is: of the database, and of what only a synthetic backup can show."""

    megabytes: int
    points: int  # of the history of many points
    large_megabytes: int  # the database whose reader's memory is measured


SIZES = {"small": Size(20, 5_000, 1_000), "full": Size(500, 100_000, 10_000)}


@dataclasses.dataclass
class Facts:
    """What a question needs to know about the data."""

    database_size: int
    key: int  # of a row in the middle of `workouts`
    middle: str  # an instant in the middle of the changes
    later: str  # one soon after it

    @staticmethod
    def load(folder):
        return Facts(**json.loads((folder / "facts.json").read_text("utf-8")))

    def save(self, folder):
        (folder / "facts.json").write_text(json.dumps(dataclasses.asdict(self)), "utf-8")


def instant_text(seconds):
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


# ---------------------------------------------------------------------------------------------------- database


class Rows:
    """Rows of which LZ4 leaves about 60 % in blocks of 4 MiB, and 85 % page by page. The same in each run."""

    def __init__(self):
        self.random = random.Random(42)
        letters = "abcdefghijklmnopqrstuvwxyz"
        self.words = ["".join(self.random.choices(letters, k=self.random.randint(3, 9))) for _ in range(3000)]
        self.users, self.workouts = 0, 0

    def _text(self, words):
        return " ".join(self.random.choices(self.words, k=words))

    def user(self):
        self.users += 1
        return (self.users, f"{self._text(1)}.{self._text(1)}{self.users}@example.com", self._text(2),
                f"2024-11-{self.users % 30 + 1:02}T10:{self.users % 60:02}:00Z", self.random.randbytes(60))

    def workout(self):
        self.workouts += 1
        return (self.workouts, self.random.randint(1, self.users), self._text(4), self._text(self.random.randint(5, 60)),
                "2024-11-04T10:00:00Z", self.random.randint(100, 9000))

    def sets(self, workout):
        return [(workout, self._text(1), self.random.randint(1, 20), self.random.random() * 200)
                for _ in range(SETS_A_WORKOUT)]

    def insert(self, connection, users):
        connection.execute("BEGIN")
        connection.executemany("INSERT INTO users VALUES(?,?,?,?,?)", [self.user() for _ in range(users)])
        workouts = [self.workout() for _ in range(users * WORKOUTS_A_USER)]
        connection.executemany("INSERT INTO workouts VALUES(?,?,?,?,?,?)", workouts)
        connection.executemany("INSERT INTO sets(workout_id, exercise, reps, weight) VALUES(?,?,?,?)",
                               itertools.chain.from_iterable(self.sets(workout[0]) for workout in workouts))
        connection.execute("COMMIT")


def make_database(path, megabytes):
    """Writes a database of so many bytes at least. Returns the number of its workouts."""
    rows = Rows()
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=WAL").fetchall()
        connection.execute("PRAGMA synchronous=OFF")
        connection.executescript(SCHEMA)
        while os.path.getsize(path) < megabytes * 1_000_000:
            rows.insert(connection, USERS_A_COMMIT)
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    return rows.workouts


class Load(threading.Thread):
    """Changes a database, ten commits a second, until `is_enough()`: rows at the end, and others all over."""

    def __init__(self, database, users, is_enough):
        super().__init__(daemon=True)
        self.database, self.users, self.is_enough = database, users, is_enough
        self.start()

    def run(self):
        choose = random.Random(7)
        with contextlib.closing(sqlite3.connect(self.database, timeout=10, isolation_level=None)) as connection:
            while not self.is_enough():
                time.sleep(0.1)
                connection.execute("BEGIN IMMEDIATE")
                connection.execute("INSERT INTO marks(time) VALUES(?)", (time.time(),))
                for _ in range(5):
                    connection.execute("INSERT INTO workouts(user_id, title, notes) VALUES(?, 'new', ?)",
                                       (choose.randint(1, self.users), "note " * choose.randint(5, 50)))
                connection.execute("UPDATE users SET name = ? WHERE id = ?", (f"{time.time()}", choose.randint(1, self.users)))
                connection.execute("COMMIT")


# --------------------------------------------------------------------------------------------------- replicate

CREDENTIALS = "access-key-id: {access}\nsecret-access-key: {secret}\n"
REPLICA = "type: s3, bucket: {bucket}, path: {name}, endpoint: '{endpoint}', region: us-east-1, force-path-style: true"
CHANGES = {
    "0.3": "dbs:\n  - path: {database}\n    monitor-interval: 100ms\n    replicas:\n"
           "      - {{{replica}, sync-interval: 100ms}}\n",
    "0.5": "levels:\n  - interval: 5s\n  - interval: 20s\n"
           "dbs:\n  - path: {database}\n    monitor-interval: 200ms\n"
           "    replica: {{{replica}, sync-interval: 100ms}}\n",
}


def write_config(path, version, database, server, endpoint, name=None):
    """A litestream.yml for one backup of the bucket, by either program and by ours."""
    replica = REPLICA.format(bucket=BUCKET, name=name or NAMES[version], endpoint=endpoint)
    text = CREDENTIALS.format(access=server.access_key, secret=server.secret_key)
    path.write_text(text + CHANGES[version].format(database=database, replica=replica), "utf-8")
    return path


def wait_for(condition, seconds, what):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise RuntimeError(f"{what}: not within {seconds} s")
        time.sleep(0.1)


class Backup:
    """One of the two programs, replicating a database of its own."""

    SNAPSHOTS = {"0.3": "generations/*/snapshots/*", "0.5": "0009/*"}
    CHANGES = {"0.3": "generations/*/wal/*", "0.5": "000[0-8]/*"}
    MOST_CHANGES = {"0.3": 267, "0.5": 169}  # objects: what the design's figures were measured with

    def __init__(self, version, program, folder, server, processes):
        self.version, self.program, self.folder = version, program, folder
        self.server, self.processes = server, processes
        self.database = folder / f"{NAMES[version]}.db"
        self.objects = folder / "store" / BUCKET / NAMES[version]

    def start(self):
        config = write_config(self.folder / f"replicate-{self.version}.yml", self.version, self.database, self.server,
                              self.server.endpoint)
        with open(self.folder / f"replicate-{self.version}.log", "ab") as log:
            self.process = self.processes.start([self.program, "replicate", "-config", config], stdout=log, stderr=log)

    def stop(self):
        self.process.terminate()
        self.process.wait(60)

    def has_snapshot(self):
        return any(self.objects.glob(self.SNAPSHOTS[self.version]))

    def changes(self):
        """How much of the wanted number of other objects there is."""
        return len(list(self.objects.glob(self.CHANGES[self.version]))) / self.MOST_CHANGES[self.version]

    def forget_first(self):
        """Deletes what Litestream 0.5 will once have deleted: other files that hold all of the database."""
        for path in self.objects.glob("000[0-8]/0000000000000001-*"):
            path.unlink()


def wait_for_all(backups, condition, seconds, what):
    wait_for(lambda: all(condition(backup) for backup in backups), seconds, what)


def change(backups, users, most):
    """Changes the databases until there is so much of the wanted number of objects, and it has been uploaded."""
    loads = [Load(backup.database, users, lambda backup=backup: backup.changes() >= most) for backup in backups]
    for load in loads:
        load.join()
    time.sleep(1)


def replicate(backups, users):
    """Lets each have one snapshot, and then changes. Returns an instant in the middle of those."""
    for backup in backups:
        backup.start()
    wait_for_all(backups, Backup.has_snapshot, 600, "the snapshots")
    change(backups, users, 0.05)
    for backup in backups:
        backup.stop()
        backup.forget_first()
        backup.start()
    change(backups, users, 0.5)
    middle = time.time()
    change(backups, users, 1)
    for backup in backups:
        backup.stop()
    return middle


def make_data(folder, megabytes, server, programs, processes):
    """Makes a folder of data with those of the two programs that there are: {version: path}."""
    source = folder / "source.db"
    workouts = make_database(source, megabytes)
    backups = [Backup(version, program, folder, server, processes) for version, program in programs.items()]
    for backup in backups:
        shutil.copyfile(source, backup.database)
    middle = replicate(backups, workouts // WORKOUTS_A_USER)
    Facts(os.path.getsize(source), workouts // 2, instant_text(middle), instant_text(middle + 5)).save(folder)
    for path in [source, *(backup.database for backup in backups)]:
        for file in folder.glob(path.name + "*"):
            file.unlink()
    for state in folder.glob(".*-litestream"):
        shutil.rmtree(state)
