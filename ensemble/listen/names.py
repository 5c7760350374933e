"""Names of keys and chords as people write them."""

from __future__ import annotations

import re

from ensemble.errors import ConfigError
from ensemble.types.harmony import NO_CHORD, Chord, Key, Mode, Quality

_STEPS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_NAME = re.compile(r"([A-G])([#b\N{MUSIC SHARP SIGN}\N{MUSIC FLAT SIGN}]{0,2})(.*)")
_MODES: dict[str, Mode] = {
    "": "major", "major": "major", "maj": "major", "M": "major", "m": "minor", "minor": "minor", "min": "minor",
}  # fmt: skip
_QUALITIES: dict[str, Quality] = {
    "": "maj", "maj": "maj", "M": "maj", "5": "maj", "6": "maj", "maj6": "maj", "sus4": "maj", "sus2": "maj",
    "m": "min", "min": "min", "m6": "min", "min6": "min",
    "dim": "dim", "o": "dim", "dim7": "dim", "m7b5": "dim", "hdim": "dim", "hdim7": "dim",
    "7": "7", "9": "7", "13": "7", "maj7": "maj7", "M7": "maj7", "maj9": "maj7",
    "m7": "min7", "min7": "min7", "m9": "min7", "min9": "min7",
}  # fmt: skip
"""Suspensions are played as their triad, ninths as their seventh."""
_NO_CHORD = {"N", "NC", "N.C.", "-", "X"}


def parse_key(words: str) -> Key:
    """A key as musicians write it: `Am`, `G minor`, `F# major`, `Bb`, `E:min`.

    Raises:
        ConfigError: it is no key.
    """
    match = _NAME.fullmatch(words.strip())
    mode = _MODES.get(match[3].strip(" :")) if match else None
    if match is None or mode is None:
        raise ConfigError("key", f"{words!r} is no key", "write for example Am, G minor or F# major")
    return Key(tonic=_pitch_class(match[1], match[2]), mode=mode)


def parse_chord(word: str) -> Chord:
    """A chord as musicians and .lab files write it: `Am`, `F#m7`, `Bb:maj7`, `C/E`; `N` is none.

    Raises:
        ConfigError: it is no chord that can be played.
    """
    if word in _NO_CHORD:
        return NO_CHORD
    match = _NAME.fullmatch(word.split("/", maxsplit=1)[0])
    quality = _QUALITIES.get(match[3].removeprefix(":").split("(")[0]) if match else None
    if match is None or quality is None:
        raise ConfigError("chord", f"{word!r} is no chord", "write for example Am, F#m7, Bbmaj7, Gdim or N")
    return Chord(root=_pitch_class(match[1], match[2]), quality=quality)


def counted(beats_per_bar: int, beat_division: int) -> str:
    """A metre in words: `3 beats a bar`, or `2 beats a bar, three to a beat` in 6/8."""
    return f"{beats_per_bar} beats a bar" + ", three to a beat" * (beat_division == 3)


def _pitch_class(letter: str, accidentals: str) -> int:
    sharps = sum(sign in "#\N{MUSIC SHARP SIGN}" for sign in accidentals)
    return (_STEPS[letter] + 2 * sharps - len(accidentals)) % 12
