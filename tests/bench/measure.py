"""What something costs: seconds, requests, bytes, processor time and resident memory of all that it started."""

import contextlib
import dataclasses
import os
import resource
import shutil
import statistics
import subprocess
import time

MB = 1_000_000


@dataclasses.dataclass
class Cost:
    wall: float = 0  # seconds
    requests: int = 0
    bytes: int = 0  # that the store sent
    processor: float = 0  # seconds, user and system
    resident: int = 0  # bytes: of the process that held the most at once; 0: less than can be told
    answer: str = ""  # what was found: the same whoever is asked


def median(costs):
    """Each number's own median."""
    return Cost(**{field.name: statistics.median(getattr(cost, field.name) for cost in costs)
                   for field in dataclasses.fields(Cost) if field.name != "answer"})


def check_same(costs):
    """What was measured has to be right as well."""
    answers = {cost.answer for cost in costs}
    if len(answers) > 1:
        raise RuntimeError(f"not the same answer from all: {answers}")


class Meter:
    """Measures the commands that are run by it, from when it is made until stop(); on a link, or on none.

    The processes of a command are the command's own and those that it waits for.
    """

    def __init__(self, processes, link=None):
        self.processes, self.link, self.cost = processes, link, Cost()
        self.restart()

    def start(self, command, environment=None, **settings):
        """Starts a command that runs until end()."""
        return self.processes.start(command, environment, **{"stdin": subprocess.DEVNULL, **settings})

    def end(self, process):
        """Waits for a command's end, and adds what it used."""
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        self.cost.processor += usage.ru_utime + usage.ru_stime
        # A new process counts what whoever started it held until then: nothing can be told from less than that.
        if usage.ru_maxrss > resource.getrusage(resource.RUSAGE_SELF).ru_maxrss:
            self.cost.resident = max(self.cost.resident, usage.ru_maxrss * 1024)
        if process.returncode != 0:
            raise RuntimeError(f"{' '.join(map(str, process.args))}: exit status {process.returncode}")

    def run(self, command, environment=None):
        """Runs a command to its end and returns its last line."""
        process = self.start(command, environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        with process.stdout, process.stderr:
            output = process.stdout.read()
            errors = process.stderr.read()
        try:
            self.end(process)
        except RuntimeError as error:
            raise RuntimeError(f"{error}\n{errors[-2000:]}") from None
        return output.strip().rpartition("\n")[2]

    def restart(self):
        """Forgets what has been measured in time and on the link."""
        self.begin = time.monotonic()
        if self.link:
            self.link.counts()

    def stop(self):
        """The end of what is measured in time and on the link."""
        self.cost.wall = time.monotonic() - self.begin
        if self.link:
            self.cost.requests, self.cost.bytes = self.link.counts()


def is_mounted(point):
    """By the kernel's table, so that a dead mount cannot hang whoever asks."""
    with open("/proc/self/mounts", encoding="utf-8", errors="surrogateescape") as table:
        return any(line.split(" ", 2)[1] == str(point) for line in table)


def peak_resident(pid):
    """The most that a running process has held, in bytes."""
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        (line,) = (line for line in status if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024


@contextlib.contextmanager
def mounted(meter, command, point, seconds=600):
    """Has a FUSE program, which stays in the foreground, mount at `point`; adds what it used when it has ended."""
    point.mkdir(exist_ok=True)
    with open(f"{point}.log", "ab") as log:
        process = meter.start([*command, point, "-f"], stdout=log, stderr=log)
    end = time.monotonic() + seconds
    while not is_mounted(point):
        if process.poll() is not None or time.monotonic() > end:
            raise RuntimeError(f"{command[0]} does not mount; see {point}.log")
        time.sleep(0.001)
    try:
        yield point
    finally:
        meter.cost.resident = max(meter.cost.resident, peak_resident(process.pid))
        subprocess.run(["fusermount3", "-u", "-z", point], check=True)
        meter.end(process)


def remove(path):
    """A file or a folder, or nothing."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
