"""A chords file: plain text, one chord a line, each holding until the next.

    0.00 Am         seconds, with a decimal point; or
    1 Am            beats as they are heard, counted from 1; a file keeps to one of the two; or
    0.0 2.1 A:min   the three columns of a .lab file, in seconds; between an end and the next start is no chord

`N` is no chord. A `#` at the beginning of a line or after a space begins a comment.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from itertools import pairwise, zip_longest
from pathlib import Path
from typing import NamedTuple

from ensemble.errors import ConfigError
from ensemble.listen.overrides import MAX_CHORDS, ChordAt
from ensemble.settings.text_file import read_text
from ensemble.types.harmony import NO_CHORD
from ensemble.types.names import read_chord

_FORM = "write lines like `4.50 Am` (seconds) or `9 Am` (a beat)"
_COMMENT = re.compile(r"(^|\s)#.*")
_GAP_S = 0.05
"""Shorter gaps between the spans of a .lab file are of rounding."""


class _Line(NamedTuple):
    number: int
    chord: ChordAt
    stop_s: float
    """When its span ends; infinite where the file does not say."""


def read_chords(path: Path) -> tuple[ChordAt, ...]:
    """Read a chords file.

    Raises:
        ConfigError: it cannot be read, or a line is wrong; with the line's number.
    """
    text = read_text(path, "give a text file of chords")
    numbered = [(number, _COMMENT.sub("", line).split()) for number, line in enumerate(text.splitlines(), 1)]
    found = [_read(words, path, number) for number, words in numbered if words]
    if not found:
        raise ConfigError(str(path), "holds no chords", _FORM)
    if len(found) > MAX_CHORDS:
        raise ConfigError(str(path), f"holds more than {MAX_CHORDS} chords", "give fewer")
    for before, here in pairwise(found):
        if before.chord.unit != here.chord.unit:
            raise ConfigError(
                f"{path}:{here.number}", "mixes seconds and beats", "write 4.0 for seconds and 4 for a beat"
            )
        if here.chord.at <= before.chord.at:
            raise ConfigError(f"{path}:{here.number}", "does not come after the line before", "sort the lines by time")
    return tuple(_without_gaps(found))


def _without_gaps(lines: list[_Line]) -> Iterator[ChordAt]:
    """The chords, and no chord wherever a span ends before the next one begins."""
    for line, after in zip_longest(lines, lines[1:]):
        yield line.chord
        if after is not None and after.chord.at > line.stop_s + _GAP_S:
            yield ChordAt(at=line.stop_s, chord=str(NO_CHORD))


def _read(words: list[str], path: Path, number: int) -> _Line:
    place = f"{path}:{number}"
    if len(words) not in (2, 3):
        raise ConfigError(place, "is not a time and a chord", _FORM)
    try:
        read_chord(words[-1])
    except ConfigError as error:
        raise ConfigError(place, error.problem, error.cure) from error
    at, *stops = [_time(word, place) for word in words[:-1]]
    if stops and stops[0] <= at:
        raise ConfigError(place, "ends before it begins", "write start, end and chord")
    is_beat = not stops and words[0].isdecimal()
    if is_beat and at < 1:
        raise ConfigError(place, "names a beat before the first", "count beats from 1")
    chord = ChordAt(at=at, unit="beat" if is_beat else "s", chord=words[-1])
    return _Line(number, chord, stops[0] if stops else math.inf)


def _time(word: str, place: str) -> float:
    try:
        time = float(word)
    except ValueError:
        time = math.nan
    if not (math.isfinite(time) and time >= 0):
        raise ConfigError(place, f"{word!r} is no time", _FORM)
    return time
