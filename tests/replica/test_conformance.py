"""Every kind of store that the program has keeps to conformance.py, and every kind over HTTP to conformance_http.py too."""

import importlib
import pathlib
import subprocess
import unittest

import conformance
import conformance_http
from probing import PROBE, main

WITHOUT_HTTP = {"file"}


class Kinds(unittest.TestCase):
    def test_each_is_tested(self):
        for path in pathlib.Path(__file__).parent.glob("test_*.py"):
            importlib.import_module(path.stem)
        kinds = subprocess.run([PROBE, "kinds"], capture_output=True, check=True, text=True).stdout.split()
        self.assertEqual(set(kinds), set(conformance.COVERED))
        for kind in kinds:
            wanted = {suite.__name__ for suite in conformance.STORE + ([] if kind in WITHOUT_HTTP else conformance_http.HTTP)
                      if not getattr(suite, "of_metadata", False)}
            self.assertLessEqual(wanted, conformance.COVERED[kind], f"{kind}: see conformance.py")


if __name__ == "__main__":
    main()
