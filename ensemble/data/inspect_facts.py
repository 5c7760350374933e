"""What an inspection found: facts of every take, of every instrument, and doubts; and the document made from them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any, Literal

from ensemble.data.inspect_notes import Mismatch, MismatchKind
from ensemble.data.takes import RecordedPart, Skip, Split
from ensemble.types.instruments import CATALOGUE

DoubtKind = (
    Literal[
        "misaligned", "clipped", "tuning", "polyphonic", "unpitched", "mostly silent", "cut short", "unreadable notes"
    ]
    | MismatchKind
)
LATE_MS = 40.0
SLOW_ATTACK_MS = 90.0
"""Bowed and blown notes are heard late by their attack alone."""
LATE_BY_NOTES_MS = 150.0
"""Pads and choirs swell: their notes begin before they are heard."""
OFF_CENTS = 15.0
SEVERAL_VOICES = 0.3
LOW_CONFIDENCE = 0.6
MOSTLY_SILENT = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class SoundFacts:
    """What one sound file is like. Shares are 0..1; None where it was not measured or cannot be told."""

    duration_s: float
    sounding_s: float
    """How much of it is louder than `inspect_pitch.SOUNDING_DBFS`."""
    sample_rate: int
    num_channels: int
    peak_dbfs: float
    loudness_lufs: float | None
    """By ITU-R BS.1770-4."""
    clipped_runs: int
    """Runs of equal samples at full scale."""
    faults: tuple[str, ...] = ()
    """What is wrong with the file."""
    heard_s: float = 0.0
    """Sounding time in which pitch was looked for; the shares below are of this time."""
    voiced: float | None = None
    """The share with a pitch."""
    pitch_confidence: float | None = None
    """The pitch tracker's mean confidence."""
    polyphony: float | None = None
    """The share in which more than one note sounds."""
    tuning_cents: float | None = None
    """Against equal temperament at 440 Hz, -50..50."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeFacts:
    """A take that can be used."""

    take: RecordedPart
    sound: SoundFacts
    late_to_mix_ms: float | None = None
    """How late its notes begin against the mix; None where that cannot be told."""
    late_to_others_ms: float | None = None
    """The same against the sum of the piece's other takes."""
    late_to_notes_ms: float | None = None
    """The same against the notes of its file."""
    mismatches: tuple[Mismatch, ...] = ()
    """How it differs from the notes of its file."""
    is_heard_as_line: bool = False
    """See `inspect_notes.StemComparison`: a doubt about its voices is unfounded."""
    unread: str = ""
    """Why the notes of its file cannot be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """A reason to look at a take before training."""

    piece: str
    part: str
    kind: DoubtKind
    sentence: str
    """The same for people, with its figures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """A data set, looked through."""

    dataset: str
    """The reader's name."""
    root: Path
    takes: tuple[TakeFacts, ...]
    """What can be used, by piece and part."""
    written: tuple[RecordedPart, ...]
    """Takes without sound: scores."""
    skips: tuple[Skip, ...]
    """What was passed over, by the reader or because its sound cannot be used."""
    doubts: tuple[Doubt, ...]
    """What can be used, and should be looked at."""
    max_seconds_per_take: float | None
    """How much of each take was heard for pitch; None is all of it."""

    @property
    def is_usable(self) -> bool:
        """Whether there is anything to learn from."""
        return bool(self.takes or self.written)


def doubts_of_piece(takes: Sequence[TakeFacts]) -> list[Doubt]:
    """The doubts about the takes of one piece, in their order."""
    # One late part makes all the others look early; where the mix tells which one it is, only that one is named.
    is_told_by_mix = any(late is not None and abs(late) > LATE_MS for late in (one.late_to_mix_ms for one in takes))
    return [
        Doubt(piece=facts.take.piece, part=facts.take.part, kind=kind, sentence=sentence)
        for facts in takes
        for kind, sentence in (*_of_place(facts, is_told_by_mix=is_told_by_mix), *_of_sound(facts))
    ]


def _of_place(facts: TakeFacts, *, is_told_by_mix: bool) -> Iterator[tuple[DoubtKind, str]]:
    """Does it begin its notes when they are written, or else with the others?"""
    instrument = CATALOGUE.get(facts.take.instrument or "")
    is_slow = instrument is not None and instrument.family in ("bowed", "blown")
    late: float | None
    if facts.late_to_notes_ms is not None:
        late, against = facts.late_to_notes_ms, "its notes"
        allowed_ms = LATE_BY_NOTES_MS if instrument is None or is_slow else LATE_MS
    elif is_told_by_mix:
        late, allowed_ms, against = facts.late_to_mix_ms, LATE_MS, "its mix"
    else:
        late, allowed_ms, against = facts.late_to_others_ms, SLOW_ATTACK_MS if is_slow else LATE_MS, "the other parts"
    if late is not None and not -min(allowed_ms, SLOW_ATTACK_MS) <= late <= allowed_ms:
        yield "misaligned", f"{abs(late):.0f} ms {'late' if late > 0 else 'early'} against {against}"


def _of_sound(facts: TakeFacts) -> Iterator[tuple[DoubtKind, str]]:
    sound = facts.sound
    instrument = CATALOGUE.get(facts.take.instrument or "")
    is_line = instrument is not None and instrument.voices == 1 and not facts.is_heard_as_line
    for fault in sound.faults:
        yield "cut short", fault
    if sound.clipped_runs:
        yield "clipped", f"clipped {sound.clipped_runs} times"
    if sound.tuning_cents is not None and abs(sound.tuning_cents) > OFF_CENTS:
        yield "tuning", f"tuned {sound.tuning_cents:+.0f} cents from A = 440 Hz"
    if is_line and sound.polyphony is not None and sound.polyphony > SEVERAL_VOICES:
        yield "polyphonic", f"several notes at once in {100 * sound.polyphony:.0f} % of the time"
    if is_line and sound.pitch_confidence is not None and sound.pitch_confidence < LOW_CONFIDENCE:
        yield "unpitched", f"its pitch is heard with a confidence of {sound.pitch_confidence:.2f} only"
    if facts.unread:
        yield "unreadable notes", f"is not compared with its notes: {facts.unread}"
    yield from facts.mismatches
    if sound.sounding_s < MOSTLY_SILENT * sound.duration_s:
        yield "mostly silent", f"sounds for {sound.sounding_s:.1f} of {sound.duration_s:.1f} s"


def document(inspection: Inspection) -> dict[str, Any]:
    """The inspection for programs.

    Returns:
        `dataset`, `root`, `is_usable`, `max_seconds_per_take`; `pieces` and `num_takes` (usable), `num_written`,
        `num_skipped`; `minutes`, `sounding_minutes`, `silence` (share of the time); `sample_rates`: takes per rate in
        Hz; `splits`: per split pieces, takes, minutes; `licences`: each licence with may_ship and takes;
        `instruments`: one object per catalogue instrument (per label where the catalogue has none) with takes,
        minutes, sounding_minutes, clipped_takes, and medians over takes of loudness_lufs, tuning_cents,
        pitch_confidence, polyphony and late_to_mix_ms; `takes`: every fact of every take; `skips`: path and reason;
        `doubts`: piece, part, kind, sentence. Levels in dB full scale or LUFS, times in s, min or ms as named, shares
        0..1, null is unknown.
    """
    takes = inspection.takes
    duration_s = sum(facts.sound.duration_s for facts in takes)
    sounding_s = sum(facts.sound.sounding_s for facts in takes)
    return {
        "dataset": inspection.dataset,
        "root": str(inspection.root),
        "is_usable": inspection.is_usable,
        "max_seconds_per_take": inspection.max_seconds_per_take,
        "pieces": len({take.piece for take in _all(inspection)}),
        "num_takes": len(takes),
        "num_written": len(inspection.written),
        "num_skipped": len(inspection.skips),
        "minutes": _rounded(duration_s / 60, 3),
        "sounding_minutes": _rounded(sounding_s / 60, 3),
        "silence": _rounded(1 - sounding_s / duration_s if duration_s else None, 3),
        "sample_rates": {
            str(rate): count for rate, count in sorted(Counter(facts.sound.sample_rate for facts in takes).items())
        },
        "splits": {split: _split(inspection, split) for split in ("train", "valid", "test")},
        "licences": [
            {"licence": licence, "may_ship": may_ship, "takes": count}
            for (licence, may_ship), count in Counter(
                (take.licence, take.may_ship) for take in _all(inspection)
            ).most_common()
        ],
        "instruments": _instruments(takes),
        "takes": [_take(facts, inspection.root) for facts in takes],
        "skips": [{"path": _shown(skip.path, inspection.root), "reason": skip.reason} for skip in inspection.skips],
        "doubts": [asdict(doubt) for doubt in inspection.doubts],
    }


def _all(inspection: Inspection) -> list[RecordedPart]:
    return [*(facts.take for facts in inspection.takes), *inspection.written]


def _split(inspection: Inspection, split: Split) -> dict[str, Any]:
    takes = [take for take in _all(inspection) if take.split == split]
    seconds = sum(facts.sound.duration_s for facts in inspection.takes if facts.take.split == split)
    return {"pieces": len({take.piece for take in takes}), "takes": len(takes), "minutes": _rounded(seconds / 60, 3)}


def _instruments(takes: tuple[TakeFacts, ...]) -> list[dict[str, Any]]:
    """One row per instrument, those of the catalogue first, the longest first."""
    groups: dict[tuple[str | None, str], list[TakeFacts]] = {}
    for facts in takes:
        name = facts.take.instrument
        groups.setdefault((name, "" if name else facts.take.label), []).append(facts)
    rows = []
    for (name, label), group in groups.items():
        sounds = [facts.sound for facts in group]
        rows.append(
            {
                "instrument": name,
                "label": label or ", ".join(sorted({facts.take.label for facts in group})),
                "takes": len(group),
                "minutes": _rounded(sum(sound.duration_s for sound in sounds) / 60, 3),
                "sounding_minutes": _rounded(sum(sound.sounding_s for sound in sounds) / 60, 3),
                "clipped_takes": sum(sound.clipped_runs > 0 for sound in sounds),
                "loudness_lufs": _median(sounds, lambda sound: sound.loudness_lufs, 1),
                "tuning_cents": _median(sounds, lambda sound: sound.tuning_cents, 1),
                "pitch_confidence": _median(sounds, lambda sound: sound.pitch_confidence, 3),
                "polyphony": _median(sounds, lambda sound: sound.polyphony, 3),
                "late_to_mix_ms": _median(group, lambda facts: facts.late_to_mix_ms, 1),
            }
        )
    return sorted(rows, key=lambda row: (row["instrument"] is None, -row["minutes"], str(row["label"])))


def _median(group: Iterable[Any], value_of: Callable[[Any], float | None], digits: int) -> Any:
    values = [value for one in group if (value := value_of(one)) is not None]
    return _rounded(median(values), digits) if values else None


def _take(facts: TakeFacts, root: Path) -> dict[str, Any]:
    take = facts.take
    sound = {name: _rounded(value, 3) for name, value in asdict(facts.sound).items()}
    return {
        "piece": take.piece,
        "part": take.part,
        "label": take.label,
        "instrument": take.instrument,
        "split": take.split,
        "audio": _shown(take.audio, root) if take.audio else None,
        **sound,
        "late_to_mix_ms": _rounded(facts.late_to_mix_ms, 1),
        "late_to_others_ms": _rounded(facts.late_to_others_ms, 1),
        "late_to_notes_ms": _rounded(facts.late_to_notes_ms, 1),
    }


def _shown(path: Path, root: Path) -> str:
    """The path below the root of the data set."""
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)


def _rounded(value: Any, digits: int) -> Any:
    return round(value, digits) if isinstance(value, float) else value
