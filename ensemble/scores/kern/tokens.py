"""One data token of a kern spine: a note or a rest, its length, and the few marks that matter."""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache
from typing import Literal, NamedTuple

from ensemble.scores.melody import STEPS

Tie = Literal["", "start", "middle", "end"]
TIES: dict[str, Tie] = {"[": "start", "_": "middle", "]": "end"}
LONG_QUARTERS = {"0": 8, "00": 16, "000": 32}
"""Breve, longa, maxima."""
MAX_DIGITS = 5

_TOKEN = re.compile(
    r"""
    (?P<before> [^0-9a-gA-Gr.%#-]*)                            # opening marks, in any order
    (?: (?P<number> \d+) (?: % (?P<over> \d+))? (?P<dots> \.*))?
    (?P<between> [^0-9a-gA-Gr.%#-]*)
    (?: (?P<rest> r+) | (?P<letters> (?P<letter>[a-gA-G])(?P=letter)*) (?P<accidental> \#{1,2} | -{1,2} | n | ))
    (?P<after> [^0-9a-gA-Gr.%#-]*)                             # articulation, beams, editorial and closing marks
    """,
    re.VERBOSE | re.ASCII,
)


class Token(NamedTuple):
    """What a token says."""

    length: Fraction
    """In quarters; 0 for a grace note."""
    pitch_midi: int | None
    """None for a rest."""
    tie: Tie
    """Where in a chain of tied notes it stands."""
    opens_phrase: bool
    closes_phrase: bool

    @property
    def is_grace(self) -> bool:
        """Whether it takes no time of its own."""
        return self.length == 0


@lru_cache(maxsize=1 << 14)  # a collection says the same few thousand things over and over
def parse_token(text: str) -> Token:
    """Read one token.

    Raises:
        ValueError: what is wrong with it, in a few words.
    """
    if " " in text:
        raise ValueError("is a chord, and this is a reader of single lines")
    found = _TOKEN.fullmatch(text)
    if found is None:
        raise ValueError("is not one note or one rest")
    marks = found["before"] + found["between"] + found["after"]
    ties = [TIES[mark] for mark in marks if mark in TIES]
    is_rest = found["letters"] is None
    length = _quarters(found["number"], found["over"], found["dots"])
    is_grace = any(mark in marks for mark in "qQ") or (length is None and any(mark in marks for mark in "Pp"))
    if is_grace:
        length = Fraction(0)
    elif length is None:
        raise ValueError("has no duration")
    if len(ties) > 1 or (ties and (is_rest or is_grace)):
        raise ValueError("is tied in a way that no note can be")
    return Token(
        length=length,
        pitch_midi=None if is_rest else _midi(found["letters"], found["accidental"]),
        tie=ties[0] if ties else "",
        opens_phrase="{" in marks,
        closes_phrase="}" in marks,
    )


def _quarters(number: str | None, over: str | None, dots: str) -> Fraction | None:
    """The written length: 4 over the figure, more for dots; zeros are the long notes of old."""
    if number is None:
        return None
    if len(number) > MAX_DIGITS or len(over or "") > MAX_DIGITS or len(dots) > MAX_DIGITS:
        raise ValueError("has a duration beyond all notes")
    dotted = 2 - Fraction(1, 2 ** len(dots))
    if number in LONG_QUARTERS and over is None:
        return LONG_QUARTERS[number] * dotted
    if number.startswith("0") or (over or "1").startswith("0"):
        raise ValueError("has a duration that is no figure")
    return Fraction(4 * int(over or 1), int(number)) * dotted


def _midi(letters: str, accidental: str) -> int:
    octave = 3 + len(letters) if letters[0].islower() else 4 - len(letters)
    alteration = accidental.count("#") - accidental.count("-")
    pitch = 12 * (octave + 1) + STEPS[letters[0].lower()] + alteration
    if not 0 <= pitch <= 127:
        raise ValueError("lies beyond the range of MIDI")
    return pitch
