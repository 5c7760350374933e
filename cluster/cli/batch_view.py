"""What a batch prints: its progress while it runs, a table when it is done."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from rich.progress import MofNCompleteColumn, TextColumn
from rich.table import Table
from rich.text import Text

from cluster.cli.progress import ERR, OUT, Monitor

if TYPE_CHECKING:
    from cluster.batch.batch import BatchSummary
    from cluster.batch.survey import RenderOutcome

SHOWN = 40
"""Rows of the table, failures first; `--json` lists all."""
_STYLES = {"rendered": "green", "done already": "dim", "failed": "red", "refused": "yellow"}


class BatchMonitor(Monitor):
    """Counts leaders too: in the bar on a terminal, by a plain line for each elsewhere."""

    def __init__(self, *, quiet: bool) -> None:
        super().__init__(quiet=quiet, columns=(MofNCompleteColumn(), TextColumn("{task.fields[music]}")))
        self._bar.update(self._task, music="")
        self._total = self._done = 0
        self._music_s = 0.0

    def expect(self, leaders: int) -> None:
        """Set the number of leaders."""
        self._total = leaders
        self._bar.update(self._task, description="leaders", total=leaders)

    def outcome(self, one: RenderOutcome) -> None:
        """Show the outcome of one leader."""
        self._done += 1
        self._music_s += one.duration_s if one.status == "rendered" else 0.0
        pace = self._music_s / max(time.perf_counter() - self._began, 1e-9)
        music = f"{self._music_s:.0f} s of music, {pace:.1f} s/s"
        self._bar.update(self._task, description="leaders", total=self._total, completed=self._done, music=music)
        if one.status in {"failed", "refused"}:
            self.say(f"{self._done} of {self._total}  {one.name}: {one.status}: {one.reason}")
        elif not ERR.is_terminal:
            took = f" ({one.duration_s:.1f} s in {one.wall_s:.1f} s)" if one.status == "rendered" else ""
            self.say(f"{self._done} of {self._total}  {one.name}: {one.status}{took}")

    def say(self, sentence: str) -> None:
        """Print a line with the time that has passed, unless quiet."""
        super().say(f"{time.perf_counter() - self._began:6.1f} s  {sentence}")


def show_batch(summary: BatchSummary) -> None:
    """Print a line per leader, failures first, and the totals."""
    good = {"rendered", "done already"}
    rows = sorted(summary.outcomes, key=lambda one: one.status in good)
    table = Table("leader", "status", "music s", "took s", "why", box=None, pad_edge=False)
    for one in rows[:SHOWN]:
        took = f"{one.wall_s:.1f}" if one.wall_s else "-"
        lasts = f"{one.duration_s:.1f}" if one.duration_s else "-"
        table.add_row(Text(one.name), Text(one.status, style=_STYLES[one.status]), lasts, took, Text(one.reason))
    OUT.print(table)
    if len(rows) > SHOWN:
        OUT.print(f"and {len(rows) - SHOWN} more: see {summary.out}/batch.json")
    counts = ", ".join(f"{count} {status}" for status in _STYLES if (count := summary.count(status)))
    where = f"by {summary.workers} workers" if summary.workers else "in this process"
    lost = f", {summary.lost} lost and replaced" if summary.lost else ""
    OUT.print(
        f"{summary.out}: {counts}; {summary.music_s:.1f} s of music {where} in {summary.wall_s:.1f} s{lost}: "
        f"{summary.music_s_per_s:.1f} s of music per second"
    )
