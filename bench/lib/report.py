"""Medians, ratios, goals, tables.

Takes samples by work and contender, gives a plain table and a value for JSON.
Must not know: how samples were made.
"""

from dataclasses import dataclass, field
from statistics import median

COLUMNS = {  # metric: (heading, divisor, digits)
    "wall_s": ("wall s", 1, 3), "cpu_s": ("cpu s", 1, 2), "client_cpu_s": ("client", 1, 2),
    "server_cpu_s": ("server", 1, 2), "client_rss_b": ("client MB", 1e6, 0),
    "server_rss_b": ("server MB", 1e6, 0), "sent_b": ("sent kB", 1e3, 0),
    "rate": ("a second", 1, 0), "p99_ms": ("p99 ms", 1, 1), "server_us": ("server µs", 1, 0),
    "disk_b": ("disk bytes", 1, 0), "ready_s": ("ready s", 1, 3), "idle_b": ("idle MB", 1e6, 0),
    "binary_b": ("binary MB", 1e6, 1)}


@dataclass
class Goal:
    """`metric` of ours in `work`, at most (or at least) `factor` × the best of `peers`,
    or a plain number if there are no peers."""
    work: str
    metric: str
    factor: float
    peers: tuple = ()
    at_least: bool = False

    def text(self):
        heading, divisor, _ = COLUMNS[self.metric]
        sign = "≥" if self.at_least else "≤"
        if self.peers:
            return f"{self.work}: {heading} {sign} {self.factor:.3g} × {' or '.join(self.peers)}"
        return f"{self.work}: {heading} {sign} {self.factor / divisor:g}"


@dataclass
class Report:
    """All of one row. `samples[work][contender]` is a list of {metric: number}."""
    row: str
    about: str
    metrics: tuple
    lead: str = "wall_s"                       # the metric of range and ratio
    goals: list = field(default_factory=list)
    samples: dict = field(default_factory=dict)
    notes: dict = field(default_factory=dict)  # contender: one line
    left_out: dict = field(default_factory=dict)
    versions: dict = field(default_factory=dict)
    ours: tuple = ("ours", "ours, agent")
    load: tuple = (0, 0)
    runs: int = 0
    order: list = field(default_factory=list)  # of contenders in every table

    def add(self, work, contender, sample):
        by = self.samples.setdefault(work, {})
        by.setdefault(contender, []).append(sample)
        # Rounds rotate; tables do not.
        self.samples[work] = {n: by[n] for n in [*self.order, *by] if n in by}

    def median(self, work, contender, metric):
        """None if there is no such number."""
        found = [s[metric] for s in self.samples.get(work, {}).get(contender, []) if metric in s]
        return median(found) if found else None

    def judged(self):
        """[(goal, which of ours, value or ratio, "met" | "missed" | "not run")]."""
        out = []
        for goal in self.goals:
            present = [o for o in self.ours if self.median(goal.work, o, goal.metric) is not None]
            for who in present or [self.ours[0]]:
                mine = self.median(goal.work, who, goal.metric)
                beside = [v for p in goal.peers
                          if (v := self.median(goal.work, p, goal.metric)) is not None]
                if mine is None or (goal.peers and not beside):
                    out.append((goal, who, None, "not run"))
                    break  # the same for all of ours
                # The better peer counts: the harder reading of the goal.
                best = (max(beside) if goal.at_least else min(beside)) if beside else 1
                ratio = mine / best if best else float("inf")
                met = ratio >= goal.factor if goal.at_least else ratio <= goal.factor
                out.append((goal, who, ratio, "met" if met else "missed"))
        return out

    def value(self):
        """For --json."""
        works = {w: {c: _spread(ss) for c, ss in by.items()} for w, by in self.samples.items()}
        goals = [{"goal": g.text(), "who": w, "value": r, "verdict": v}
                 for g, w, r, v in self.judged()]
        return {"row": self.row, "about": self.about, "runs": self.runs, "load": self.load,
                "works": works, "goals": goals, "notes": self.notes, "left_out": self.left_out,
                "versions": self.versions}

    def table(self):
        """Plain text for people."""
        lines = [f"== {self.row}: {self.about}",
                 f"   {self.runs} {'run' if self.runs == 1 else 'runs'}, interleaved; medians; "
                 "load average "
                 f"{self.load[0]:.1f} before, {self.load[1]:.1f} after"]
        for work, by in self.samples.items():
            shown = [m for m in self.metrics if any(m in s for ss in by.values() for s in ss)]
            rows = [[work] + [COLUMNS[m][0] for m in shown] + ["min–max", "ours ÷ it"]]
            for who in by:
                rows.append(["  " + who] + [self._cell(work, who, m) for m in shown]
                            + [self._range(work, who), self._ratio(work, who)])
            lines += [""] + _align(rows)
        lines.append("")
        for goal, who, ratio, verdict in self.judged():
            unit = "× " if goal.peers else ""
            divisor = 1 if goal.peers else COLUMNS[goal.metric][1]
            number = "" if ratio is None else f" ({who}: {unit}{ratio / divisor:.3g})"
            lines.append(f"  {verdict:8}{goal.text()}{number}")
        lines += [f"  note    {who}: {note}" for who, note in self.notes.items()]
        lines += [f"  without {who}: {why}" for who, why in self.left_out.items()]
        return "\n".join(lines) + "\n"

    def _cell(self, work, who, metric):
        value = self.median(work, who, metric)
        _, divisor, digits = COLUMNS[metric]
        return "—" if value is None else f"{value / divisor:.{digits}f}"

    def _range(self, work, who):
        _, divisor, digits = COLUMNS[self.lead]
        found = [s[self.lead] / divisor for s in self.samples[work][who] if self.lead in s]
        return f"{min(found):.{digits}f}–{max(found):.{digits}f}" if found else "—"

    def _ratio(self, work, who):
        mine, its = (self.median(work, w, self.lead) for w in (self.ours[0], who))
        return f"{mine / its:.2f}" if mine is not None and its else "—"


def _spread(samples):
    return {m: {"median": median(v), "min": min(v), "max": max(v), "n": len(v)}
            for m in COLUMNS if (v := [s[m] for s in samples if m in s])}


def _align(rows):
    widths = [max(len(r[i]) for r in rows) for i in range(len(rows[0]))]
    return ["  ".join(cell.ljust(w) if i == 0 else cell.rjust(w)
                      for i, (cell, w) in enumerate(zip(row, widths))).rstrip() for row in rows]
