"""Rows of the table: what was measured, against what, and how that compares with the last time."""

import statistics
from dataclasses import dataclass, field


@dataclass
class Row:
    """`ratio` is ours over the reference, of the medians of one and the same run."""

    name: str
    #: What the ratio is over: virsh's time, or ours of something smaller.
    reference_name: str
    #: The ratio at most; `None` where there is nothing to reach.
    goal: float | None
    reference: list = field(default_factory=list)
    ours: list = field(default_factory=list)
    #: Bytes, of ours; and at most.
    peaks: list = field(default_factory=list)
    peak_goal: int | None = None
    #: By how much a ratio may be beyond the goal that the clock cannot tell from it.
    tolerance: float = 0

    def took(self, run):
        self.ours.append(run.seconds)
        self.peaks.append(run.peak)

    @property
    def ratio(self):
        if not self.reference or not self.ours:
            return None
        return statistics.median(self.ours) / statistics.median(self.reference)

    @property
    def peak(self):
        return max(self.peaks, default=0)

    @property
    def is_met(self):
        in_time = self.goal is None or self.ratio is None or self.ratio <= self.goal + self.tolerance
        return in_time and (self.peak_goal is None or self.peak <= self.peak_goal)

    def json(self):
        return {
            "row": self.name,
            "reference": self.reference_name,
            "reference_seconds": summary(self.reference),
            "seconds": summary(self.ours),
            "ratio": self.ratio and round(self.ratio, 3),
            "goal": self.goal,
            "peak_bytes": self.peak,
            "peak_goal_bytes": self.peak_goal,
            "met": self.is_met,
        }


def summary(samples):
    if not samples:
        return None
    return {
        "median": round(statistics.median(samples), 6),
        "min": round(min(samples), 6),
        "max": round(max(samples), 6),
        "runs": len(samples),
    }


def table(rows, last):
    """Text. `last`: the rows of a report's JSON."""
    before = {row["row"]: row for row in last}
    head = ["", "reference", "ms (spread)", "ours, ms (spread)", "ratio", "goal", "", "MB", "was"]
    lines = [head]
    for row in rows:
        was = before.get(row.name)
        lines.append(
            [
                row.name,
                row.reference_name,
                spread(row.reference),
                spread(row.ours),
                "" if row.ratio is None else f"{row.ratio:.2f}",
                "" if row.goal is None else f"{row.goal:.2f}",
                "" if row.is_met else "MISSED",
                f"{row.peak / 1e6:.0f}" if row.peaks else "",
                was_then(row, was),
            ]
        )
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    padded = ("  ".join(map(str.ljust, line, widths)).rstrip() for line in lines)
    return "\n".join(padded)


def spread(samples):
    if not samples:
        return ""
    low, middle, high = min(samples), statistics.median(samples), max(samples)
    return f"{middle * 1000:.1f} ({low * 1000:.1f}–{high * 1000:.1f})"


def was_then(row, was):
    if not was or not was["seconds"]:
        return ""
    then = was["seconds"]["median"] * 1000
    ratio = "" if was["ratio"] is None else f"{was['ratio']:.2f}, "
    return f"{ratio}{then:.1f} ms"
