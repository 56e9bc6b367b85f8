"""Fixtures' tables, compared line by line with a mount from S3."""

import states
from mounting import ROOT, MountTest


def table_of(folder):
    return states.Table(folder, ROOT / f"tests/data/fixtures/{folder.name}.expected.tsv")


class S3Test(MountTest):
    seconds = 240

    def compare(self, table, lines, tree):
        wrong = []
        for line in lines:
            wanted = table.wanted(line)
            if difference := states.compare(tree.point, line, wanted, table.lacks(line)):
                wrong.append(f"{table.fixture}:{line.number}: {difference[0]}: got {difference[1]}, wanted {wanted}")
        self.assertEqual(wrong, [])
