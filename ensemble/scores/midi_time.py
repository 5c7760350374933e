"""What a MIDI file says of time and key, on whichever track: tempos, metres, bars."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

from ensemble.errors import DataError
from ensemble.scores.melody import FASTEST_QUARTER_BPM, STEPS, MetreMark, TempoMark
from ensemble.types.music import Key

USUAL_TEMPO = TempoMark(Fraction(0), Fraction(120))
"""Where the file names no tempo; the MIDI standard's own."""
Said = list[tuple[Fraction, Any]]
"""Places in quarters, and mido's messages."""


def said_in(document: Any) -> Said:
    """Every meta message of every track, with its place in quarters, in order."""
    said: Said = []
    for track in document.tracks:
        now = 0
        for message in track:
            now += message.time
            if message.is_meta:
                said.append((Fraction(now, document.ticks_per_beat), message))
    return sorted(said, key=lambda one: one[0])


def tempos_of(said: Said, what: str) -> list[TempoMark]:
    """The tempo map; empty where the file has none.

    Raises:
        DataError: nobody can play it.
    """
    tempos: dict[Fraction, TempoMark] = {}
    for at, message in said:
        if message.type == "set_tempo":
            if message.tempo * FASTEST_QUARTER_BPM < 60_000_000:
                raise DataError(what, f"has a tempo of {message.tempo} microseconds a quarter", "correct it")
            tempos[at] = TempoMark(at, Fraction(60_000_000, message.tempo))
    marks = list(tempos.values())
    if marks and marks[0].at > 0:  # until then the standard's own holds
        marks.insert(0, USUAL_TEMPO)
    return marks


def metres_of(said: Said) -> tuple[list[MetreMark], Fraction]:
    """The metres; and the length of an upbeat, which files write as a first, short bar of its own metre."""
    marks: dict[Fraction, MetreMark] = {}
    for at, message in said:
        if message.type == "time_signature":
            is_known = 0 < message.numerator <= 64 and message.denominator <= 64
            marks[at] = MetreMark(at, message.numerator if is_known else 0, message.denominator if is_known else 4)
    metres = list(marks.values())
    if len(metres) > 1 and metres[0].at == 0 and metres[0].bar == metres[1].at and metres[0].bar < metres[1].bar:
        return [metres[1]._replace(at=Fraction(0)), *metres[2:]], metres[1].at
    return metres, Fraction(0)


def bars_of(metres: list[MetreMark], pickup: Fraction, length: Fraction) -> list[Fraction]:
    """Where bars begin: they are counted anew from every change of metre."""
    bars: list[Fraction] = []
    ends = [metre.at for metre in metres[1:]] + [length]
    for metre, until in zip(metres, ends, strict=False):
        begin = max(metre.at, pickup)
        if metre.bar and until > begin:
            bars += [begin + number * metre.bar for number in range(math.ceil((until - begin) / metre.bar))]
    return [bar for bar in bars if bar < length]


def key_of(said: Said) -> Key | None:
    """The first key signature."""
    names = [message.key for _, message in said if message.type == "key_signature"]
    if not names:
        return None
    name = names[0]
    root = name.removesuffix("m")
    tonic = STEPS[root[0].lower()] + root.count("#") - root[1:].count("b")
    return Key(tonic=tonic % 12, mode="minor" if name.endswith("m") else "major")
