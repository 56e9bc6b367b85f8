"""What the README promises: its session is what examples/quickstart.sh really prints, and nothing is left of it."""

import os
import subprocess

from mounting import ROOT, MountTest, main, mounts


def without_owner(line):
    """A line as ls -l prints it, whoever runs it."""
    return " ".join(line.split()[4:]) if line.startswith("-r--") else line


class Quickstart(MountTest):
    seconds = 400  # it builds litemount

    def test_the_readme_tells_the_truth(self):
        readme = (ROOT / "README.md").read_text("utf-8")
        session = readme.split("```console\n", 1)[1].split("```", 1)[0].splitlines()
        environment = {**os.environ, "TZ": "UTC", "TMPDIR": str(self.folder)}
        if os.environ.get("CI") == "true":
            environment["CFLAGS"] = "-O0"  # what it builds there nobody uses later
        done = subprocess.run([ROOT / "examples/quickstart.sh"], capture_output=True, text=True, stdin=subprocess.DEVNULL, env=environment)
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)
        printed = map(without_owner, done.stdout.splitlines())
        for line in session:
            self.assertTrue(without_owner(line) in printed, f"not printed, or not in this place: {line}")
        self.assertEqual([point for point in mounts() if point.startswith(str(self.folder))], [])
        self.assertEqual([path.name for path in self.folder.iterdir()], [])


if __name__ == "__main__":
    main()
