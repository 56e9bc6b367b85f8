#!/usr/bin/env python3
"""That test_layers.py finds what is planted: each kind of fault in a tree of a few files.

    test_layers_itself.py COMPILER
"""

import pathlib
import subprocess
import sys
import tempfile
import unittest

LAYERS = pathlib.Path(__file__).with_name("test_layers.py")
COMPILER = sys.argv.pop() if len(sys.argv) > 1 else "cc"


class Layers(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        self.write("fs/history/choose.c", "int choose(void);\nint choose(void)\n{\n    return 0;\n}\n")

    def write(self, path, text):
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text)

    def compile(self, path, text):
        self.write(path, text)
        layer, *rest = pathlib.Path(path).relative_to("fs").parts
        folder = self.root / "build/fs" / layer / f"lib{layer}.a.p"
        folder.mkdir(parents=True, exist_ok=True)
        subprocess.run([COMPILER, "-c", "-o", folder / ("_".join(rest) + ".o"), self.root / path], check=True)

    def complaints(self, *arguments):
        done = subprocess.run([sys.executable, LAYERS, *arguments, self.root], stdout=subprocess.PIPE, text=True)
        self.assertEqual(done.returncode, len(done.stdout.splitlines()) > 1)
        return done.stdout

    def test_a_sound_tree_has_no_fault(self):
        self.assertEqual(self.complaints(), "1 files\n")

    def test_a_circle_is_named_with_files_and_symbols(self):
        self.compile("fs/mount/one.c", "int two(void); int one(void); int one(void) { return two(); }")
        self.compile("fs/mount/folders/two.c", "int one(void); int two(void); int two(void) { return one(); }")
        self.compile("fs/mount/three.c", "int one(void); int three(void); int three(void) { return one(); }")
        said = self.complaints("--objects", self.root / "build/fs")
        self.assertIn("a circle of 2 files: fs/mount/folders/two.c fs/mount/one.c\n", said)
        self.assertIn("fs/mount/one.c wants of fs/mount/folders/two.c: two\n", said)
        self.assertNotIn("three", said)

    def test_no_objects_are_no_proof(self):
        self.assertIn("no objects found", self.complaints("--objects", self.root / "build/fs"))

    def test_a_struct_has_one_meaning(self):
        self.write("fs/history/visit.c", "struct tree {\n    int n;\n};\n")
        self.write("fs/mount/tree.h", "struct tree {\n    int n;\n};\n")
        self.assertIn("struct tree is defined in fs/history/visit.c, fs/mount/tree.h\n", self.complaints())

    def test_a_static_function_has_one_meaning(self):
        for path in "fs/history/visit.c", "fs/mount/tree.c":
            self.write(path, "static int find_tree(const char *name,\n                     int n)\n{\n    return n;\n}\n")
        self.assertIn("static function find_tree is defined in", self.complaints())

    def test_a_static_function_carries_its_files_word(self):
        self.write("fs/mount/tree.c", "static int trees_find(int n)\n{\n    return n;\n}\n")
        self.assertEqual(self.complaints(), "2 files\n")
        self.write("fs/mount/tree.c", "static int find(int n)\n{\n    return n;\n}\n")
        self.assertIn("fs/mount/tree.c: find says none of the file's words first\n", self.complaints())

    def test_rooms_stand_above_each_other(self):
        for room in "", "catalog/", "v03/", "v05/", "generation/":
            self.write(f"fs/history/{room}own.h", "")
        for includer, header in (("v03/a.c", "v05/own.h"), ("visit.c", "v03/own.h"), ("visit.c", "catalog/own.h"),
                                 ("v05/a.c", "../own.h"), ("generation/a.c", "v05/own.h")):
            self.write(f"fs/history/{includer}", f'#include "{header}"\n')
            self.assertIn(f'may not include "{header}"', self.complaints())
            self.write(f"fs/history/{includer}", "")
        self.write("fs/history/formats.c", '#include "v03/own.h"\n#include "v05/own.h"\n#include "generation/own.h"\n')
        self.assertNotIn("may not", self.complaints())

    def test_a_room_stays_small(self):
        for i in range(40):
            self.write(f"fs/history/v05/a{i}.h", "")
        self.assertIn("fs/history/v05: 40 files", self.complaints())


if __name__ == "__main__":
    unittest.main()
