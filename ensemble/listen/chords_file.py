"""A chords file: plain text, one chord a line, each holding until the next.

    0.00 Am         seconds, with a decimal point; or
    1 Am            beats as they are heard, counted from 1; a file keeps to one of the two; or
    0.0 2.1 A:min   the three columns of a .lab file, in seconds

`N` is no chord. A `#` at the beginning of a line or after a space begins a comment.
"""

from __future__ import annotations

import math
import re
from itertools import pairwise
from pathlib import Path

from ensemble.errors import ConfigError
from ensemble.listen.overrides import MAX_CHORDS, ChordAt
from ensemble.types.names import parse_chord

_FORM = "write lines like `4.50 Am` (seconds) or `9 Am` (a beat)"
_COMMENT = re.compile(r"(^|\s)#.*")


def read_chords(path: Path) -> tuple[ChordAt, ...]:
    """Read a chords file.

    Raises:
        ConfigError: it cannot be read, or a line is wrong; with the line's number.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a text file"
        raise ConfigError(str(path), f"cannot be read ({reason})", "give a text file of chords") from error
    numbered = [(number, _COMMENT.sub("", line).split()) for number, line in enumerate(text.splitlines(), 1)]
    found = [(number, _read(words, f"{path}:{number}")) for number, words in numbered if words]
    if not found:
        raise ConfigError(str(path), "holds no chords", _FORM)
    if len(found) > MAX_CHORDS:
        raise ConfigError(str(path), f"holds more than {MAX_CHORDS} chords", "give fewer")
    for (_, before), (number, here) in pairwise(found):
        if before.unit != here.unit:
            raise ConfigError(f"{path}:{number}", "mixes seconds and beats", "write 4.0 for seconds and 4 for a beat")
        if here.at <= before.at:
            raise ConfigError(f"{path}:{number}", "does not come after the line before", "sort the lines by time")
    return tuple(chord for _, chord in found)


def _read(words: list[str], place: str) -> ChordAt:
    if len(words) not in (2, 3):
        raise ConfigError(place, "is not a time and a chord", _FORM)
    try:
        chord = str(parse_chord(words[-1]))
    except ConfigError as error:
        raise ConfigError(place, error.problem, error.cure) from error
    times = [_time(word, place) for word in words[:-1]]
    is_beat = len(words) == 2 and words[0].isdecimal()
    if is_beat and times[0] < 1:
        raise ConfigError(place, "names a beat before the first", "count beats from 1")
    return ChordAt(at=times[0], unit="beat" if is_beat else "s", chord=chord)


def _time(word: str, place: str) -> float:
    try:
        time = float(word)
    except ValueError:
        time = math.nan
    if not (math.isfinite(time) and time >= 0):
        raise ConfigError(place, f"{word!r} is no time", _FORM)
    return time
