"""Circles of source files, by what their objects want and define (nm): what a file calls without a header shows too."""

import collections
import pathlib
import subprocess


def sources_of(root):
    """Source files by layer and by the name of their object: the build flattens the path below a layer's folder."""
    sources = {}
    for path in root.glob("fs/**/*.c"):
        layer, *rest = path.relative_to(root / "fs").parts
        sources[(layer, "_".join(rest)) if rest else ("", layer)] = path.relative_to(root).as_posix()
    return sources


def read_objects(objects, root):
    """Of each source file: the symbols that it wants, each with the other file that defines it."""
    sources, defined, wanted = sources_of(root), {}, collections.defaultdict(set)
    paths = sorted(objects.glob("**/*.c.o"))
    if not paths:
        return {}
    table = subprocess.run(["nm", "--extern-only", "--format=posix", "--print-file-name", *paths], stdout=subprocess.PIPE, text=True,
                           check=True)
    for line in table.stdout.splitlines():
        path, name, kind = line.replace(": ", " ", 1).split()[:3]
        parts = pathlib.Path(path).relative_to(objects).parts
        source = sources.get((parts[0] if len(parts) > 2 else "", parts[-1][:-len(".o")]))
        if source and kind in "Uwv": # without a source it is an object of a file that is gone
            wanted[source].add(name)
        elif source:
            defined[name] = source
    return {source: {name: defined[name] for name in sorted(wanted[source]) if defined.get(name, source) != source}
            for source in set(defined.values())}


def find(wants):
    """Sets of files each of which wants, by whatever way round, something of every other one."""
    reached = {}
    for source in wants:
        seen, todo = set(), [source]
        while todo:
            new = set(wants.get(todo.pop(), {}).values()) - seen
            seen |= new
            todo += new
        reached[source] = seen
    return {frozenset(other for other in reached[source] if source in reached.get(other, ()))
            for source in wants if source in reached[source]}


def check(objects, root):
    wants = read_objects(objects, root)
    if not wants:
        return [f"{objects}: no objects found"]
    wrong = []
    for circle in sorted(find(wants), key=sorted):
        calls = [f"    {source} wants of {other}: {', '.join(n for n, where in wants[source].items() if where == other)}"
                 for source in sorted(circle) for other in sorted(set(wants[source].values()) & circle)]
        wrong.append("\n".join([f"a circle of {len(circle)} files: {' '.join(sorted(circle))}", *calls]))
    return wrong
