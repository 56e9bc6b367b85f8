#!/usr/bin/env python3
"""Checks what no compiler does: that arrows between layers, and between the rooms of history, point down only, that no file
stands in a circle with others, that one name is one thing, and that functions, files (the tests too) and rooms stay small.

    test_layers.py [--objects FOLDER] [--names] [ROOT]

A layer is a folder below fs/. Each may include its own headers, the public ones (include/litemount/) of the layers that
stand below it here, and only those libraries that no other layer may use. FOLDER is where the objects of fs/ were built:
see circles.py. With --names the names of static functions count too.
"""

import argparse
import collections
import pathlib
import re
import sys

import circles

BELOW = {
    "base": set(),
    "config": {"base"},
    "format": {"base"},
    "cache": {"base"},
    "replica": {"base", "config"},
    "history": {"base", "config", "format", "cache", "replica"},
    "mount": {"base", "history"},
    "cli": {"base", "config", "cache", "replica", "history", "mount"},
    "main": {"base", "cli"},
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

# What the rooms of fs/history may include of each other; "" is history's own files. Each may include its own headers.
ROOMS_BELOW = {
    "catalog": {"", "generation"},
    "": {"generation"},
    "v03": {"v03/object", "v03/snapshot", "v03/wal", "generation", "seekable"},
    "v03/wal": {"v03/object", "v03/snapshot", "generation"},
    "v03/snapshot": {"v03/object", "generation", "seekable"},
    "v03/object": {"generation"},
    "v05": {"generation"},
    "generation": set(),
    "seekable": set(),
}
KNOWS_FORMATS = "formats.c" # of history's own files this one alone
NOT_IN_SEEKABLE = {"cache", "replica"} # public headers that the library could do without

INCLUDE = re.compile(r'^\s*#\s*include\s*(?:"([^"]+)"|<([^>]+)>)')
MOST_LINES = 400
MOST_FUNCTION_LINES = 80
MOST_FILES = 33 # in a room of fs/history

STRUCT = re.compile(r"^(?:static (?:const )?)?struct (\w+) \{", re.M)
STATIC_FUNCTION = re.compile(r"^static (?:inline )?(?:[\w\s]*__attribute__\(\(.*\)\)\s)?[\w\s*]*?\b(\w+)\([^;{]*?\)\n\{", re.M)


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


def room_of(path, history):
    room = path.parent.relative_to(history).as_posix()
    return "" if room == "." else room


def check_rooms(path, root):
    """Arrows between the rooms of history; of which layer a header is check_includes knows."""
    history = root / "fs/history"
    if history not in path.parents:
        return []
    own = room_of(path, history)
    if own not in ROOMS_BELOW:
        return [f"{path.relative_to(root)}: no room of history is known to hold it"]
    may = set(ROOMS_BELOW) if path == history / KNOWS_FORMATS else ROOMS_BELOW[own] | {own}
    wrong = []
    for number, line in enumerate(path.read_text().splitlines(), 1):
        match = INCLUDE.match(line)
        name = match and match.group(1) or ""
        place = f"{path.relative_to(root)}:{number}: {own or 'history itself'} may not include"
        header = next((header for header in ((path.parent / name).resolve(), (history / name).resolve()) if header.is_file()),
                      None)
        if own == "seekable" and name.startswith("litemount/") and pathlib.Path(name).stem in NOT_IN_SEEKABLE:
            wrong.append(f'{place} "{name}"')
        elif header and history in header.parents and room_of(header, history) not in may:
            wrong.append(f'{place} "{name}"')
    return wrong


def check_folders(root):
    folders = collections.Counter(path.parent for path in root.glob("fs/history/**/*.[ch]"))
    return [f"{folder.relative_to(root)}: {n} files, the most is {MOST_FILES}"
            for folder, n in sorted(folders.items()) if n > MOST_FILES]


def check_names(code, root, pattern, what):
    """A name that two files define is two things."""
    files = collections.defaultdict(set)
    for path in code:
        for match in pattern.finditer(path.read_text()):
            files[match.group(1)].add(path.relative_to(root).as_posix())
    return [f"{what} {name} is defined in {', '.join(sorted(where))}" for name, where in sorted(files.items())
            if len(where) > 1]


def check_words(path, root):
    """A static function begins with a word of its file's name ("vfs" of read_only_vfs.c), in the singular or the plural."""
    words = {word.rstrip("s") for word in path.stem.split("_")}
    return [f"{path.relative_to(root)}: {match.group(1)} says none of the file's words first"
            for match in STATIC_FUNCTION.finditer(path.read_text())
            if match.group(1).split("_")[0].rstrip("s") not in words]


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
    parser = argparse.ArgumentParser()
    parser.add_argument("root", nargs="?", type=pathlib.Path, default=pathlib.Path(__file__).parents[2])
    parser.add_argument("--objects", type=pathlib.Path)
    arguments = parser.parse_args()
    root = arguments.root.resolve()
    code = sorted([*root.glob("fs/**/*.[ch]"), *root.glob("include/**/*.h")])
    tests = sorted(path for ending in ("c", "h", "py", "sh") for path in root.glob(f"tests/**/*.{ending}"))
    wrong = [complaint for path in code
             for complaint in check_includes(path, root) + check_rooms(path, root) + check_functions(path, root)]
    wrong += [complaint for path in code + tests for complaint in check_length(path, root)]
    wrong += check_folders(root) + check_names(code, root, STRUCT, "struct")
    sources = [path for path in code if path.suffix == ".c"]
    wrong += check_names(sources, root, STATIC_FUNCTION, "static function")
    wrong += [complaint for path in sources for complaint in check_words(path, root)]
    if arguments.objects:
        wrong += circles.check(arguments.objects, root)
    if not code:
        wrong.append(f"{root}: no code found")
    print("\n".join(wrong + [f"{len(code)} files"]))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
