"""What `ensemble data` prints: tables of what a set holds, and lists of what is skipped or looks wrong."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from cluster.cli.progress import OUT, Monitor, number, show_rows

if TYPE_CHECKING:
    from cluster.training.prepare import Preparation
    from ensemble.data.compose.corpus import ComposeReport

_REPORT_EVERY_S = 10.0


def show_inspection(found: dict[str, Any]) -> None:
    """Print `ensemble.data.inspect_facts.document`."""
    OUT.print(f"{found['root']}: {found['dataset']}", markup=False)
    OUT.print(_overview(found))
    if found["instruments"]:
        OUT.print(_instruments(found["instruments"]))
    for title, rows, style in (
        ("skipped", [(row["path"], row["reason"]) for row in found["skips"]], ""),
        ("to look at", [(f"{row['piece']}/{row['part']}", row["sentence"]) for row in found["doubts"]], "yellow"),
    ):
        show_rows(title, rows, style)


def show_composition(report: ComposeReport) -> None:
    """Print how long each instrument sounds in the set, and how many tracks were composed."""
    table = Table("instrument", "sounds", box=None, pad_edge=False)
    for instrument, minutes in report.minutes.items():
        table.add_row(instrument, _time(minutes))
    OUT.print(table)
    splits = ", ".join(f"{name} {count}" for name, count in report.splits.items())
    OUT.print(
        f"{report.root}: {len(report.made)} tracks composed, {len(report.kept)} kept; {splits}; summarise it with: "
        f"ensemble data inspect {report.root}", markup=False,
    )  # fmt: skip
    if report.lacking:
        from ensemble.data.compose.corpus import ENOUGH_TRACKS

        names = ", ".join(report.lacking)
        OUT.print(f"too few tracks to train and test {names}: {ENOUGH_TRACKS} are enough for all", style="yellow")


def show_soundfont(found: dict[str, Any]) -> None:
    """Print how many notes each instrument of a soundfont got, and what was passed over."""
    table = Table("instrument", "notes", box=None, pad_edge=False)
    for instrument, count in found["notes"].items():
        table.add_row(instrument, str(count))
    OUT.print(table)
    show_rows("skipped", [(skip["path"], skip["reason"]) for skip in found["skips"]])
    OUT.print(f"{found['path']}: compose with it: ensemble data compose SET --soundfont {found['path']}", markup=False)


class Pacer:
    """Shows the progress of `data prepare`: a bar, and a line with the speed every ten seconds."""

    def __init__(self, monitor: Monitor) -> None:
        self._monitor = monitor
        self._reported_s = time.monotonic()

    def tell(self, done: int, total: int, pace: float) -> None:
        """Show how many takes are finished, and the seconds of sound prepared per second."""
        self._monitor.progress("prepare", done, total)
        if time.monotonic() - self._reported_s > _REPORT_EVERY_S and done < total:
            self._reported_s = time.monotonic()
            self._monitor.say(f"{done} of {total} takes, {pace:.0f} s of sound per second")


def preparation(done: Preparation) -> dict[str, Any]:
    """What was prepared, as JSON."""
    return {
        "root": str(done.root), "cache": str(done.cache), "sample_rate": done.sample_rate,
        "new": done.num_new, "kept": done.num_kept,
        "skips": [{"path": str(skip.path), "reason": skip.reason} for skip in done.skips],
        "sound_s": round(done.sound_s, 3), "wall_s": round(done.wall_s, 3), "sound_s_per_s": round(done.pace, 3),
    }  # fmt: skip


def show_preparation(done: Preparation) -> None:
    """Print what was prepared and what was skipped."""
    show_rows("skipped", [(str(skip.path), skip.reason) for skip in done.skips])
    pace = f", {_time(done.sound_s / 60)} of sound at {done.pace:.0f} times real time" if done.num_new else ""
    OUT.print(
        f"{done.root}: {done.num_new} takes prepared at {done.sample_rate} Hz{pace}; {done.num_kept} kept; "
        f"{len(done.skips)} skipped; frames: {done.cache}", markup=False,
    )  # fmt: skip


def _overview(found: dict[str, Any]) -> Table:
    table = Table(show_header=False, box=None, pad_edge=False)
    usable = found["num_takes"] + found["num_written"]
    table.add_row("takes", f"{usable} in {found['pieces']} pieces, {found['num_skipped']} skipped")
    if found["num_takes"]:
        silence = f"{100 * found['silence']:.0f} % silence"
        table.add_row("time", f"{_time(found['minutes'])}, {_time(found['sounding_minutes'])} of it sound ({silence})")
        table.add_row("rates", ", ".join(f"{rate} Hz ({count})" for rate, count in found["sample_rates"].items()))
    splits = (f"{name} {split['takes']} in {split['pieces']} pieces" for name, split in found["splits"].items())
    table.add_row("splits", ", ".join(splits))
    for row in found["licences"]:
        ships = "what is learned from it may be shipped" if row["may_ship"] else "not to be shipped"
        table.add_row("licence", Text(f"{row['licence']}: {ships}"))
    if found["max_seconds_per_take"] is not None:
        table.add_row("pitch", f"heard in {found['max_seconds_per_take']:.0f} sounding seconds of each take")
    return table


def _instruments(rows: list[dict[str, Any]]) -> Table:
    """A row per instrument with medians over its takes: cents off concert pitch, confidence of the pitch, share of
    polyphony, ms late to the mix.
    """
    columns = ("instrument", "takes", "time", "sounds", "LUFS", "clipped", "cents", "pitch", "poly", "late ms")
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    for name in columns:
        table.add_column(name, justify="left" if name == "instrument" else "right")
    for row in rows:
        table.add_row(
            Text(row["instrument"] or f"? {row['label']}", style="" if row["instrument"] else "yellow"),
            str(row["takes"]), _time(row["minutes"]), _time(row["sounding_minutes"]),
            number(row["loudness_lufs"], ".1f"), str(row["clipped_takes"]), number(row["tuning_cents"], "+.0f"),
            number(row["pitch_confidence"], ".2f"), number(row["polyphony"], ".2f"),
            number(row["late_to_mix_ms"], "+.0f"),
        )  # fmt: skip
    return table


def _time(minutes: float) -> str:
    return f"{60 * minutes:.0f} s" if minutes < 1 else f"{minutes:.1f} min"
