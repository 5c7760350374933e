"""What commands print: progress while they run, tables when they are done."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Column, Table
from rich.text import Text

from ensemble.errors import printable
from ensemble.events import emit

if TYPE_CHECKING:
    from cluster.doctor import Finding
    from ensemble.manifest import Manifest
    from ensemble.rendering.stale import Stale
    from ensemble.rendering.verify import Verification
    from ensemble.types.music import Heard

NARROWEST = 40
"""Columns of a terminal that says it has fewer, or none: tables would be cut off."""


def _console(*, is_stderr: bool) -> Console:
    is_narrow = Console(stderr=is_stderr).width < NARROWEST
    return Console(
        stderr=is_stderr, highlight=False, markup=False, soft_wrap=True, width=NARROWEST if is_narrow else None
    )


OUT, ERR = _console(is_stderr=False), _console(is_stderr=True)
SHOWN = 20
"""Rows of a list; the rest is counted, and `--json` lists all."""
EVEN_ODDS, MOST_UNSURE = 0.5, 8
"""A chord that is less probable is unsure; so many are shown."""
_WORDS = {
    "load": "loading",
    "follow": "following the leader",
    "index": "indexing the bundled music, once",
    "read": "reading the leader",
    "listen": "listening",
    "seat": "placing the band",
    "retrieve": "looking for what comes next",
    "arrange": "writing the parts",
    "play": "playing",
    "mix": "mixing",
    "write": "writing MIDI and dynamics",
    "measure": "measuring",
    "report": "writing the report",
    "export": "listening again and exporting",
}


class Monitor(contextlib.ExitStack):
    """Progress on standard error: a bar on a terminal, one plain line per stage elsewhere, nothing when quiet.

    Args:
        quiet: print nothing.
        stage: the first one, if it begins at once.
        columns: more columns of the bar.
    """

    def __init__(self, *, quiet: bool, stage: str = "", columns: Sequence[ProgressColumn] = ()) -> None:
        super().__init__()
        self._quiet = quiet
        self._bar = Progress(
            SpinnerColumn(), TextColumn("{task.description}"), BarColumn(bar_width=20), TaskProgressColumn(), *columns,
            TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn(compact=True),
            console=ERR, transient=True, disable=quiet or not ERR.is_terminal,
        )  # fmt: skip
        self._task = self._bar.add_task("starting", total=None)
        self._first = stage
        self._stage = ""
        self._began = time.perf_counter()

    def __enter__(self) -> Self:
        super().__enter__()
        self.enter_context(self._bar)
        if self._first:
            self.stage(self._first)
        return self

    def progress(self, stage: str, done: int, total: int) -> None:
        """Show how far a stage is."""
        if stage != self._stage:
            self.stage(stage)
        self._bar.update(self._task, completed=done, total=total if total > 1 else None)

    def stage(self, name: str) -> None:
        """Begin a stage."""
        self._stage = name
        emit("stage", stage=name)
        words = _WORDS.get(name, name)
        self._bar.reset(self._task, description=words, total=None)
        if not self._quiet and not ERR.is_terminal:
            ERR.print(f"{time.perf_counter() - self._began:6.1f} s  {words}")

    def describe(self, words: str) -> None:
        """Show how a stage without an end goes, where there is a bar."""
        self._bar.update(self._task, description=words)

    def say(self, sentence: str) -> None:
        """Print a line, unless quiet."""
        if not self._quiet:
            ERR.print(sentence)


def show_render(out: str, manifest: Manifest, *, report: bool) -> None:
    """Print what was heard, who played and where the result is."""
    from ensemble.output.remote import shown
    from ensemble.retrieve.search.quality import in_words
    from ensemble.takes import AS_GIVEN
    from ensemble.takes import take_name as take_name_of
    from ensemble.types.names import counted

    heard, execution = manifest.heard, manifest.execution
    OUT.print(
        f"heard {manifest.source}: {heard.tempo_bpm:.0f} bpm, {counted(heard.beats_per_bar, heard.beat_division)}, "
        f"{heard.key}, tuning {round(heard.tuning_cents):+d} cents, "
        f"{' '.join(_runs(heard.chords))[:300]}"
    )
    for warning in heard.warnings:
        OUT.print(Text(f"warning: {warning}", style="yellow"))
    table = Table("part", "LUFS", "true peak dB", "click ratio", "busy s", box=None, pad_edge=False)
    for take_name, take in sorted(manifest.takes.items()):
        if len(manifest.takes) > 1:
            table.add_row(take_name)
        for name, facts in take.facts.items():
            busy_s = execution.busy_s.get(name) if take_name == AS_GIVEN else None
            table.add_row(
                name, number(facts.loudness_lufs), number(facts.true_peak_dbtp), number(facts.click_ratio, ".2f"),
                "" if busy_s is None else number(busy_s, ".2f"),
            )  # fmt: skip
    OUT.print(table)
    if manifest.plan.continuations:
        OUT.print(f"{AS_GIVEN} is the leader as it was given")
    for place, continuation in enumerate(manifest.plan.continuations, 1):
        hops = ", then ".join(f"{hop.title} ({hop.licence}) from {hop.start_s:.1f} s" for hop in continuation.hops)
        missing = continuation.hops[-1].score.terms.get("missing_s")
        shorter = f", {missing.value:.1f} s shorter than asked" if missing is not None else ""
        worth = "" if continuation.quality is None else f", {in_words(continuation.quality)}"
        OUT.print(f"{take_name_of(place)} goes on with {hops}: scored {continuation.total:.2f} of 1{worth}{shorter}")
    extension = manifest.plan.request.extension
    if extension is not None and len(manifest.plan.continuations) < extension.top_k:
        OUT.print(Text(f"only {len(manifest.plan.continuations)} ways of going on better than chance", style="yellow"))
    where = {"local": "in this process", "memory": "from memory"}.get(
        execution.band_kind, f"by {execution.actors} Ray actors"
    )
    restarts = f", {execution.restarts} restarted" if execution.restarts else ""
    OUT.print(f"{execution.duration_s:.1f} s of music {where} in {execution.seconds['total']:.1f} s{restarts}")
    if report:
        OUT.print(f"report: {shown(out.rstrip('/'))}/report.html")


def show_stale(found: Stale) -> None:
    """Print what an edit makes stale."""
    OUT.print(f"to be done again: {', '.join(found.stages) or 'nothing'}")
    for part, bar in found.parts.items():
        OUT.print(f"{part}: played again from bar {bar} on" if bar > 1 else f"{part}: played again")
    for part in found.mixed:
        OUT.print(f"{part}: placed anew in the mix")


def show_versions(versions: Sequence[dict[str, Any]]) -> None:
    """Print the versions of a render, the one that lies in its folder marked."""
    table = Table("", "version", "of", "made", "edits", box=None, pad_edge=False)
    for one in versions:
        mark, parent = "*" if one["is_current"] else "", "" if one["parent"] is None else str(one["parent"])
        table.add_row(mark, str(one["number"]), parent, one["made_at"], one["edits"] or "as rendered")
    OUT.print(table)


def show_verification(folder: str, result: Verification) -> None:
    """Print for every file whether it is as it was, and whether playing it again gave the same."""
    table = Table("file", "on disk", "played again", box=None, pad_edge=False)
    for check in result.checks:
        again = "equal" if check.reproduced else "differs"
        if check.difference_db is not None:
            again += f" by {check.difference_db:.0f} dB"
        table.add_row(check.name, "intact" if check.intact else "changed or gone", again)
    OUT.print(table)
    if not result.same_machine:
        OUT.print(f"another kind of machine ({', '.join(result.changed)}): compared at -90 dB")
    from ensemble.output.remote import shown

    OUT.print(f"{shown(folder)}: {'verified' if result.is_good else 'NOT reproduced'}")


def _unsure(heard: Heard) -> str:
    """The beats whose chord is as likely wrong, with the second choice; the first few."""
    names = zip(heard.chord_names, heard.other_chord_names, heard.chord_doubts, strict=False)
    found = [
        f"beat {beat} {name} or {other}"
        for beat, (name, other, doubt) in enumerate(names, 1)
        if doubt.confidence < EVEN_ODDS and other is not None
    ]
    more = f" and {len(found) - MOST_UNSURE} more" if len(found) > MOST_UNSURE else ""
    return ", ".join(found[:MOST_UNSURE]) + more


def show_heard(leader: Path, duration_s: float, heard: Heard, written: Sequence[Path]) -> None:
    """Print what was heard."""
    from ensemble.types.names import counted

    voiced = float((heard.frames.f0_hz > 0).mean())
    table = Table("", Column(overflow="fold"), show_header=False, box=None, pad_edge=False)
    table.add_row("leader", f"{printable(leader.name)}, {duration_s:.1f} s")
    metre = counted(heard.beats_per_bar, heard.beat_division)
    table.add_row("tempo", f"{heard.tempo_bpm:.1f} bpm, {metre}, {len(heard.beats_s)} beats")
    changes = (f"{section.key} from beat {section.start_beat + 1}" for section in heard.key_sections[1:])
    table.add_row("key", ", ".join([str(heard.keys[0]), *changes]))
    table.add_row("tuning", f"{round(heard.tuning_cents):+d} cents against A = 440 Hz")
    table.add_row("pitched", f"{100 * voiced:.0f} % of the time")
    table.add_row("chords", " ".join(_runs(heard.chord_names)))
    if unsure := _unsure(heard):
        table.add_row("unsure", unsure)
    for found in heard.diagnostics:
        table.add_row("warning", Text(found.text, style="yellow"))
    for path in written:
        table.add_row("written", str(path))
    OUT.print(table)


def show_examination(findings: Sequence[Finding]) -> None:
    """Print what the doctor found."""
    table = Table("what", "verdict", "finding", box=None, pad_edge=False)
    styles = {"ok": "green", "note": "yellow", "missing": "red"}
    for finding in findings:
        table.add_row(finding.what, Text(finding.verdict, style=styles[finding.verdict]), finding.detail)
    OUT.print(table)


def show_bench(figures: dict[str, float]) -> None:
    """Print the figures of a bench."""
    table = Table("figure", "measured", box=None, pad_edge=False)
    for name, value in figures.items():
        table.add_row(name, f"{value:.3g}")
    OUT.print(table)


def _runs(names: Sequence[str]) -> list[str]:
    """Repeated names once: C C G G -> C G."""
    return [name for index, name in enumerate(names) if index == 0 or names[index - 1] != name]


def number(value: float | None, form: str = ".1f") -> str:
    """A formatted number, or a dash where there is none."""
    return "-" if value is None else format(value, form)


def show_rows(title: str, rows: Sequence[tuple[str, str]], style: str = "") -> None:
    """Print the first rows of a list, and how many more there are of the most frequent kinds."""
    for name, sentence in rows[:SHOWN]:
        OUT.print(Text.assemble((f"{title}: ", style), f"{name}: {sentence}"))
    if more := rows[SHOWN:]:
        kinds = Counter("".join(sign for sign in sentence if not sign.isdigit()) for _, sentence in more)
        usual = ", ".join(f"{count} x {kind.strip()}" for kind, count in kinds.most_common(3))
        OUT.print(f"{title}: and {len(more)} more ({usual}); --json lists all")
