"""What a MIDI file says of time and key, on whichever track: tempos, metres, bars."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from fractions import Fraction
from typing import NamedTuple

from ensemble.scores.melody import FASTEST_QUARTER_BPM, MAX_BEATS, MetreMark, TempoMark
from ensemble.scores.midi_reader import MidiScore
from ensemble.types.diagnostics import Diagnostic
from ensemble.types.music import Key

USUAL_TEMPO = TempoMark(Fraction(0), Fraction(120))
"""Where the file names no tempo; the MIDI standard's own."""
SECONDS = TempoMark(Fraction(0), Fraction(60))
"""Where the file counts seconds."""
_TEMPO, _METRE, _KEY = 0x51, 0x58, 0x59
_MAX_SHARPS = 7
_MAX_UNIT = 64


class Labels(NamedTuple):
    """What a MIDI file says about its notes."""

    tempos: list[TempoMark]
    """The tempo map; empty where it names none that can be played."""
    metres: list[MetreMark]
    """The metres; empty where it names none."""
    pickup: Fraction
    """Length of an upbeat, which files write as a first, short bar of its own metre."""
    keys: list[Key]
    """The key signatures."""
    diagnostics: tuple[Diagnostic, ...]
    """What it says that makes no sense and is left out."""


def labels_of(score: MidiScore) -> Labels:
    """Read the labels of all tracks together, in order; of several at one place the last one counts."""
    said = [(score.quarters(meta.tick), meta.kind, meta.content) for track in score.tracks for meta in track.metas]
    tempos: dict[Fraction, TempoMark] = {}
    metres: dict[Fraction, MetreMark] = {}
    keys: list[Key] = []
    senseless: Counter[str] = Counter()
    for at, kind, content in sorted(said, key=lambda one: one[0]):
        if kind == _TEMPO and not score.counts_seconds:
            tempo_us = int.from_bytes(content[:3], "big")
            if len(content) >= 3 and tempo_us * FASTEST_QUARTER_BPM >= 60_000_000:
                tempos[at] = TempoMark(at, Fraction(60_000_000, tempo_us))
            else:
                senseless["tempo"] += 1
        elif kind == _METRE and not score.counts_seconds:
            if len(content) < 2:
                senseless["metre"] += 1
                continue
            beats, unit = content[0], 2 ** min(content[1], 8)
            is_known = 0 < beats <= MAX_BEATS and unit <= _MAX_UNIT
            metres[at] = MetreMark(at, beats if is_known else 0, unit if is_known else 4)
        elif kind == _KEY:
            key = _key(content)
            keys += [key] if key else []
            senseless["key"] += key is None
    marks = [SECONDS] if score.counts_seconds else list(tempos.values())
    if marks and marks[0].at > 0:  # until then the standard's own holds
        marks.insert(0, USUAL_TEMPO)
    signs, pickup = _without_pickup(list(metres.values()))
    return Labels(marks, signs, pickup, keys, tuple(_left_out(senseless)))


def bars_of(metres: list[MetreMark], pickup: Fraction, length: Fraction) -> list[Fraction]:
    """Where bars begin: they are counted anew from every change of metre."""
    bars: list[Fraction] = []
    ends = [metre.at for metre in metres[1:]] + [length]
    for metre, until in zip(metres, ends, strict=False):
        begin = max(metre.at, pickup)
        if metre.bar and until > begin:
            bars += [begin + number * metre.bar for number in range(math.ceil((until - begin) / metre.bar))]
    return [bar for bar in bars if bar < length]


def _without_pickup(metres: list[MetreMark]) -> tuple[list[MetreMark], Fraction]:
    """The metres without the short first one of an upbeat, and its length."""
    if len(metres) > 1 and metres[0].at == 0 and metres[0].bar == metres[1].at and metres[0].bar < metres[1].bar:
        return [metres[1]._replace(at=Fraction(0)), *metres[2:]], metres[1].at
    return metres, Fraction(0)


def _key(content: bytes) -> Key | None:
    """Sharps (flats below 0) and mode; None where they name no key."""
    if len(content) < 2:
        return None
    sharps = int.from_bytes(content[:1], "big", signed=True)
    if abs(sharps) > _MAX_SHARPS or content[1] > 1:
        return None
    tonic = 7 * sharps + (9 if content[1] else 0)
    return Key(tonic=tonic % 12, mode="minor" if content[1] else "major")


def _left_out(senseless: Counter[str]) -> Iterable[Diagnostic]:
    for what, times in senseless.items():
        if times:
            text = f"{times} of the file's statements of {what} make no sense and are left out."
            yield Diagnostic(code="score_damaged", text=text)
