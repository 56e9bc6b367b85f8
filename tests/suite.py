#!/usr/bin/env python3
"""Runs suites of a build's tests and counts: `suite.py BUILD SUITE,... [meson test's own arguments]`.

A test program may hold many tests: cmocka and this project's runners close with how many of them passed. A program that
says nothing counts as one test. What failed is shown in full, what was skipped with its reason.

With CI=true a skip counts as a failure where a machine that lacks something would hide that nothing was tested: mounts,
stores, and whatever runs beside a real Litestream.
"""

import json
import os
import pathlib
import re
import subprocess
import sys

MUST_RUN = {"cases", "cli", "mount", "replica"}
COUNTS = {
    "passed": [r"^(\d+) passed, \d+ failed", r"^\[  PASSED  \] (\d+) test"],
    "failed": [r"^\d+ passed, (\d+) failed", r"^\[  FAILED  \] (?:\[\w+\] )?(?:tests: )?(\d+) test"],
    "skipped": [r"^\d+ passed, \d+ failed, (\d+) skipped", r"^\[  SKIPPED \] (\d+) test"],
}


def count(program):
    """How many tests of one program passed, failed and were skipped."""
    output = program.get("stdout", "") + "\n" + program.get("stderr", "")
    found = {kind: sum(int(number) for pattern in patterns for number in re.findall(pattern, output, re.M))
             for kind, patterns in COUNTS.items()}
    if program["result"] == "SKIP":
        return {"passed": 0, "failed": 0, "skipped": max(found["skipped"], 1)}
    if program["result"] != "OK":
        found["failed"] = max(found["failed"], 1)
    elif not sum(found.values()):
        found["passed"] = 1
    return found


def main():
    build, suites, *arguments = sys.argv[1:]
    chosen = [word for suite in suites.split(",") for word in ("--suite", suite)]
    log = pathlib.Path(build, "meson-logs/testlog.json")
    log.unlink(missing_ok=True)
    subprocess.run(["meson", "test", "-C", build, "--no-rebuild", *chosen, *arguments], check=False,
                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    programs = [json.loads(line) for line in log.read_text("utf-8").splitlines()] if log.exists() else []
    total = {"passed": 0, "failed": 0, "skipped": 0}
    for program in programs:
        suite, name = re.fullmatch(r"\w+:(\w+)\S* / (.*)", program["name"]).groups()  # "litemount:mount+faults / damage"
        counts = count(program)
        if suite in MUST_RUN and os.environ.get("CI") == "true":
            counts["failed"] += counts["skipped"]
            counts["skipped"] = 0
        for kind, number in counts.items():
            total[kind] += number
        print(f"{suite}/{name}: {counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped"
              f" ({program['duration']:.1f} s)")
        output = (program.get("stdout", "") + program.get("stderr", "")).strip()
        if counts["failed"]:
            print(output[-20000:] + f"\n{suite}/{name}: {program['result']}, exit status {program['returncode']}")
        else:
            print("".join(f"{line}\n" for line in output.splitlines() if line.startswith("skipped: ")), end="")
    if not programs:
        print(f"{suites}: no test ran")
        total["failed"] += 1
    print("{passed} passed, {failed} failed, {skipped} skipped".format(**total))
    return 1 if total["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
