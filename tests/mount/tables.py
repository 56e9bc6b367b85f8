"""Fixtures' tables, compared line by line with a mount."""

import states
from mounting import ROOT, MountTest


def table_of(folder):
    return states.Table(folder, ROOT / f"tests/data/fixtures/{folder.name}.expected.tsv")


class StatesTest(MountTest):
    """From a folder, all lines."""

    seconds = 300

    def compare(self, name):
        self.compare_with(self.fixture(name), self.mount_fixture(name))

    def compare_with(self, folder, mount):
        name = folder.name
        count = states.check(folder, ROOT / f"tests/data/fixtures/{name}.expected.tsv", mount.point)
        self.assertGreater(count.passed, 0)
        self.assertEqual((count.failed, count.skipped), (0, 0), str(count))


class S3Test(MountTest):
    """From S3, the lines that are named."""

    seconds = 240

    def compare(self, table, lines, tree):
        wrong = []
        for line in lines:
            wanted = table.wanted(line)
            if difference := states.compare(tree.point, line, wanted, table.lacks(line)):
                wrong.append(f"{table.fixture}:{line.number}: {difference[0]}: got {difference[1]}, wanted {wanted}")
        self.assertEqual(wrong, [])
