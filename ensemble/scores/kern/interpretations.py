"""What kern's interpretations say: key, metre, tempo, transposition."""

from __future__ import annotations

import re
from fractions import Fraction

from ensemble.scores.melody import FASTEST_QUARTER_BPM, MAX_BEATS, STEPS
from ensemble.types.music import Key, Mode

_KEY = re.compile(r"\*([A-Ga-g])(#{0,2}|-{0,2}):([a-z]{3})?.*", re.ASCII)
_CHURCH: dict[str, Mode] = {
    "ion": "major", "lyd": "major", "mix": "major", "dor": "minor", "phr": "minor", "aeo": "minor", "loc": "minor",
}  # fmt: skip
"""Church modes, by their third."""
_METRE = re.compile(r"\*M(\d{1,3}(?:\+\d{1,3})*)/(1|2|4|8|16|32)", re.ASCII)
_UNCOUNTED = re.compile(r"\*M(\d|X|Z|FREI|\?)", re.ASCII)
_TEMPO = re.compile(r"\*MM~?(\d{1,6}(?:\.\d{1,6})?)(?:-(\d{1,6}(?:\.\d{1,6})?))?", re.ASCII)
_TRANSPOSITION = re.compile(r"\*(I?)Trd[+-]?\d{1,3}c([+-]?\d{1,3})", re.ASCII)


def key_of(text: str) -> Key | None:
    """`*e-:` is E flat minor, `*E-:` its major; a church mode counts by its third. None: not a key."""
    found = _KEY.fullmatch(text)
    if found is None:
        return None
    letter, accidental = found[1], found[2]
    tonic = STEPS[letter.lower()] + accidental.count("#") - accidental.count("-")
    return Key(tonic=tonic % 12, mode=_CHURCH.get(found[3], "major" if letter.isupper() else "minor"))


def metre_of(text: str) -> tuple[int, int] | None:
    """`*M6/8` is (6, 8), `*M3+2/8` is (5, 8); free and mixed metres are (0, 4); None: not a metre, or only its sign."""
    found = _METRE.fullmatch(text)
    if found and 0 < (beats := sum(map(int, found[1].split("+")))) <= MAX_BEATS:
        return beats, int(found[2])
    return (0, 4) if _UNCOUNTED.match(text) else None


def tempo_of(text: str) -> Fraction | None:
    """`*MM96` is 96 quarters a minute, `*MM~96` about 96, `*MM90-96` is 93; None: not a tempo, or one in words.

    Raises:
        ValueError: nobody can play it.
    """
    found = _TEMPO.fullmatch(text)
    if found is None:
        return None
    tempo = (Fraction(found[1]) + Fraction(found[2] or found[1])) / 2
    if not 0 < tempo <= FASTEST_QUARTER_BPM:
        raise ValueError("is no tempo")
    return tempo


def is_written_for_transposer(text: str) -> bool:
    """Whether this is `*ITrd1c2`: how a part is written. The notes of the file are at the pitch that sounds.

    Raises:
        ValueError: `*Trd1c2`, which says that the notes were moved, and not which of the two pitches sounds; or
            something that only begins like one of them.

    Source: the convention for `*ITr` is that of doc.verovio.humdrum.org/humdrum/transposing.
    """
    if not text.startswith(("*Tr", "*ITr")):
        return False
    found = _TRANSPOSITION.fullmatch(text)
    if found is None:
        raise ValueError("is a transposition that cannot be read")
    if int(found[2]) == 0:
        return False
    if not found[1]:
        raise ValueError(f"says that the notes were moved by {int(found[2]):+d} semitones")
    return True
