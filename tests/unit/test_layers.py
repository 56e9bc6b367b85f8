#!/usr/bin/env python3
"""Checks what no compiler does: that arrows between layers point down only, and that files, the tests too, and functions stay
short.

    test_layers.py [ROOT]

A layer is a folder below fs/. Each may include its own headers, the public ones (include/litemount/) of the layers that
stand below it here, and only those libraries that no other layer may use.
"""

import pathlib
import re
import sys

BELOW = {
    "base": set(),
    "config": {"base"},
    "format": {"base"},
    "cache": {"base"},
    "replica": {"base", "config"},
    "history": {"base", "config", "format", "cache", "replica"},
    "mount": {"base", "history"},
    "cli": {"base", "config", "cache", "replica", "history", "mount"},
    "main": {"cli"},
}

PUBLIC = {
    "base": ["array", "cleanup", "clock", "hash", "instant", "log", "parallel", "printable", "slots", "thread_pool", "task", "workspaces"],
    "config": ["config"],
    "format": ["age", "ltx", "lz4frame", "wal"],
    "cache": ["cache"],
    "replica": ["replica"],
    "history": ["catalog", "failures", "history", "listed", "shown", "verification"],
    "mount": ["mount"],
}
LAYER_OF = {name: layer for layer, names in PUBLIC.items() for name in names}

# A library is wrapped by one layer. What hashes and signs is no layer's own.
LIBRARIES = {
    "fuse": "mount",
    "curl/": "replica",
    "expat": "replica",
    "yaml": "config",
    "lz4": "format",
    "xxhash": "format",
    "sqlite3": "cli",
}

INCLUDE = re.compile(r'^\s*#\s*include\s*(?:"([^"]+)"|<([^>]+)>)')
MOST_LINES = 400
MOST_FUNCTION_LINES = 80


def layer_of(path, root):
    """The layer that a source or a header belongs to; None for one that no layer claims."""
    parts = path.relative_to(root).parts
    if parts[0] == "include":
        return LAYER_OF.get(path.stem)
    return parts[1] if len(parts) > 2 else "main"


def included_layer(own, path, name, root):
    """The layer of a header in quotes; None if there is no such header, or it is another layer's private one."""
    if name.startswith("litemount/"):
        header = root / "include" / name
        return LAYER_OF.get(header.stem) if header.is_file() else None
    for folder in (path.parent, root / "fs" / own): # beside the file, or by its place in the layer
        header = (folder / name).resolve()
        if header.is_file() and layer_of(header, root) == own:
            return own
    return "cli" if own == "main" and (root / "fs" / name).is_file() and name.startswith("cli/") else None


def check_includes(path, root):
    own = layer_of(path, root)
    if own not in BELOW:
        return [f"{path.relative_to(root)}: no layer is known to hold it"]
    wrong = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        quoted, system = match.groups()
        place = f"{path.relative_to(root)}:{number}"
        if quoted:
            other = included_layer(own, path, quoted, root)
            if other != own and other not in BELOW[own]:
                wrong.append(f'{place}: {own} may not include "{quoted}" ({other or "no public header"})')
        for library, layer in LIBRARIES.items():
            if system and system.startswith(library) and layer != own:
                wrong.append(f"{place}: only {layer} may include <{system}>, not {own}")
    return wrong


def check_length(path, root):
    lines = len(path.read_text().splitlines())
    return [f"{path.relative_to(root)}: {lines} lines, the most is {MOST_LINES}"] if lines > MOST_LINES else []


def check_functions(path, root):
    """Layout is clang-format's: a function's braces, and nothing else's, stand at the beginning of a line."""
    lines = path.read_text().splitlines()
    wrong = []
    begin = None
    for number, line in enumerate(lines, 1):
        if line == "{":
            begin = number
        elif line == "}" and begin:
            if number - begin - 1 > MOST_FUNCTION_LINES:
                wrong.append(f"{path.relative_to(root)}:{begin}: a function of {number - begin - 1} lines, "
                             f"the most is {MOST_FUNCTION_LINES}")
            begin = None
    return wrong


def main():
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parents[2]).resolve()
    code = sorted([*root.glob("fs/**/*.[ch]"), *root.glob("include/**/*.h")])
    tests = sorted(path for ending in ("c", "h", "py", "sh") for path in root.glob(f"tests/**/*.{ending}"))
    wrong = [complaint for path in code for complaint in check_includes(path, root) + check_functions(path, root)]
    wrong += [complaint for path in code + tests for complaint in check_length(path, root)]
    if not code:
        wrong.append(f"{root}: no code found")
    print("\n".join(wrong + [f"{len(code)} files"]))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
