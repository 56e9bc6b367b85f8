"""The table: a section a question, a line a contestant, and the bars beneath."""

import dataclasses

from measure import MB


@dataclasses.dataclass
class Bar:
    """A ratio or an amount that may be no more than `most`."""

    what: str
    value: float
    most: float

    def met(self):
        return self.value <= self.most

    def line(self, judged):
        verdict = ("met" if self.met() else "NOT MET") if judged else "not judged at this size"
        return f"    {self.what}: {self.value:.3g}   (bar: at most {self.most:.3g})   {verdict}\n"


@dataclasses.dataclass
class Section:
    title: str
    costs: dict  # who -> Cost
    bars: list


def print_missing(missing):
    for peer in missing:
        print(f"skipped, cannot be had: {peer}", flush=True)


def print_section(section, judged):
    """Returns whether all of its bars are met, if they are judged: they were set for the full size."""
    print(f"\n{section.title:44}{'wall s':>9}{'requests':>10}{'MB':>9}{'CPU s':>8}{'resident MB':>13}")
    for who, cost in section.costs.items():
        resident = f"{cost.resident / MB:.1f}" if cost.resident else "-"
        print(f"  {who:42}{cost.wall:9.3f}{cost.requests:10.0f}{cost.bytes / MB:9.2f}{cost.processor:8.2f}{resident:>13}")
    print("".join(bar.line(judged) for bar in section.bars), end="", flush=True)
    return not judged or all(bar.met() for bar in section.bars)
