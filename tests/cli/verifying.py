"""What the tests of litemount verify share: its reports, copies of a replica, and a bit that is flipped."""

import json
import os
import shutil

from running import mounting


class VerifyTest(mounting.MountTest):
    """Runs the verb, with a cache of its own."""

    def verify(self, *arguments, fixture=None, **environment):
        environment["XDG_CACHE_HOME"] = str(self.folder / "cache")
        if fixture:
            environment["FIXTURE"] = str(fixture)
            arguments = ("-config", fixture / "litestream.yml", *arguments)
        return self.run_litemount("verify", *arguments, environment=environment)

    def reports(self, *arguments, **settings):
        """name -> what was reported as JSON. The exit status is that of the reports."""
        done = self.verify("-json", *arguments, **settings)
        reports = json.loads(done.stdout)
        for report in reports:
            self.assertEqual(report["ok"], not report["problems"])
        self.assertEqual(done.returncode, 0 if all(report["ok"] for report in reports) else 1, done.stderr)
        return {report["name"]: report for report in reports}

    def assert_problems(self, report, patterns):
        problems = report["problems"]
        self.assertEqual(len(problems), len(patterns), problems)
        for problem, pattern in zip(problems, patterns):
            self.assertRegex(problem, "^" + pattern)

    def copies(self, replica, count):
        """That many copies of a replica, and a configuration for them; object times and all."""
        folder = self.folder / "copies"
        lines = ["dbs:"]
        for number in range(count):
            shutil.copytree(replica, folder / f"{number}.db")
            lines += [f"  - path: /data/{number}.db", f"    replicas: [{{path: '{folder}/{number}.db'}}]"]
        config = self.folder / "copies.yml"
        config.write_text("\n".join(lines) + "\n", "utf-8")
        return config, [folder / f"{number}.db" for number in range(count)]


def objects_of(replica):
    """The keys of a replica's objects, in their order."""
    return sorted(os.fspath(path.relative_to(replica)) for path in replica.rglob("*") if path.is_file())


def flip(path):
    """One bit in the middle, and nobody sees it by size or time."""
    status, content = path.stat(), bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x10
    path.write_bytes(content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
