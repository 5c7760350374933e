"""Names of keys and chords as people write them."""

from __future__ import annotations

import re
from difflib import get_close_matches
from typing import NamedTuple

from ensemble.errors import ConfigError
from ensemble.types.harmony import CHORD_FORMS, NO_CHORD, Chord, Key, Mode, nearest_quality

_STEPS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_SIGNS = str.maketrans({
    "\N{MUSIC SHARP SIGN}": "#", "\N{MUSIC FLAT SIGN}": "b", "\N{MINUS SIGN}": "-", "\N{EN DASH}": "-",
    "\N{WHITE UP-POINTING TRIANGLE}": "^", "\N{GREEK CAPITAL LETTER DELTA}": "^", "\N{INCREMENT}": "^",
    "\N{LATIN SMALL LETTER O WITH STROKE}": "h", "\N{LATIN CAPITAL LETTER O WITH STROKE}": "h",
    "\N{DEGREE SIGN}": "o", "\N{MASCULINE ORDINAL INDICATOR}": "o",
})  # fmt: skip
_NAME = re.compile(r"([A-G])([#b]{0,2})(.*)")
_MODES: dict[str, Mode] = {
    "": "major", "major": "major", "maj": "major", "M": "major", "m": "minor", "minor": "minor", "min": "minor",
}  # fmt: skip
_NO_CHORD = {"N", "NC", "N.C.", "-", "X"}
_BASS = re.compile(r"(.*)/([A-G])([#b]{0,2})")
_BASS_DEGREE = re.compile(r"(.*)/([#b]*)(11|13|[1-79])")
_TRIADS = {
    "major": (re.compile(r"(?i:major|maj|ma(?!dd))|M(?![iI])|\^"), {0, 4, 7}),
    "half": (re.compile(r"hdim|h"), {0, 3, 6, 10}),
    "dim": (re.compile(r"(?i:dim)|o"), {0, 3, 6}),
    "aug": (re.compile(r"(?i:aug)|\+(?!5)"), {0, 4, 8}),
    "minor": (re.compile(r"(?i:minor|min|mi)|m|-(?!5)"), {0, 3, 7}),
    "": (re.compile(r"dom|"), {0, 4, 7}),
}
"""How a triad is written after its root, and its tones; the first that matches counts."""
_NUMBER = re.compile(r"6/9|69|7M|11|13|[245679]|")
_SIXTHS: dict[str, set[int]] = {"6": {9}, "69": {9, 14}, "6/9": {9, 14}}
_ABOVE_SEVENTH: dict[str, set[int]] = {"7": set(), "7M": set(), "9": {14}, "11": {14, 17}, "13": {14, 21}}
_CHANGE = re.compile(
    r"""(?:[(,]?(?:sus(?P<sus>2sus4|24|2|4|)|(?:(?i:maj|ma)|M|\^)(?P<seventh>7|9|11|13)|(?P<altered>alt))
    |(?:[(,]|/(?=[#b]*(?:7|9|11|13))|(?=\D))(?P<verb>add|no|omit|\*|)(?P<signs>[#b+-]*)(?P<degree>11|13|[1-79]))\)*""",
    re.VERBOSE,
)
"""What is suspended, added, altered or left out, as in `7sus4`, `m(maj7)`, `7b9`, `maj(9)`."""
_SUSPENDED = {"": {5}, "2": {2}, "4": {5}, "24": {2, 5}, "2sus4": {2, 5}}
_DEGREES = {1: 0, 2: 2, 3: 4, 4: 5, 5: 7, 6: 9, 7: 11, 9: 14, 11: 17, 13: 21}


class ReadChord(NamedTuple):
    """What was read of a written chord."""

    chord: Chord
    """The chord, or the nearest one that can be played."""
    is_exact: bool
    """Whether it has just the tones that are written."""


def parse_key(words: str) -> Key:
    """A key as musicians write it: `Am`, `G minor`, `F# major`, `Bb`, `E:min`.

    Raises:
        ConfigError: it is no key.
    """
    match = _NAME.fullmatch(words.strip().translate(_SIGNS))
    mode = _MODES.get(match[3].strip(" :")) if match else None
    if match is None or mode is None:
        raise ConfigError("key", f"{words!r} is no key", "write for example Am, G minor or F# major")
    return Key(tonic=_pitch_class(match[1], match[2]), mode=mode)


def parse_chord(word: str) -> Chord:
    """The chord that `read_chord` finds, whether it is exact or only near."""
    return read_chord(word).chord


def read_chord(word: str) -> ReadChord:
    """A chord as musicians and .lab files write it: `Am`, `F#m7b5`, `D/F#`, `Bb:maj7/3`, `Co7`; `N` is none.

    Raises:
        ConfigError: it is no chord; the message tells the name that looks most like it.
    """
    if word in _NO_CHORD:
        return ReadChord(NO_CHORD, is_exact=True)
    plain = word.translate(_SIGNS)
    if match := _NAME.fullmatch(plain):
        root, above, bass = _pitch_class(match[1], match[2]), match[3].removeprefix(":"), None
        is_label = match[3] != above
        if slash := _BASS.fullmatch(above):
            above, bass = slash[1], _pitch_class(slash[2], slash[3])
        elif (slash := _BASS_DEGREE.fullmatch(above)) and (is_label or _is_bass(slash)):
            above, bass = slash[1], (root + _interval(slash[3], slash[2])) % 12
        if tones := _tones(above, is_label=is_label):
            chord = Chord(root=root, quality=nearest_quality(tones), bass=bass)
            return ReadChord(chord, is_exact=set(chord.form.intervals) == tones)
    raise ConfigError("chord", f"{word!r} is no chord", f"the nearest name is {_nearest_name(plain)}; N is no chord")


def _is_bass(slash: re.Match[str]) -> bool:
    """Whether a number after a slash is the bass, as in `C/3`, and no tension, as in `C7/9`."""
    return int(slash[3]) < 7 and not any(sign.isdigit() for sign in slash[1])


def _tones(above: str, *, is_label: bool) -> set[int]:
    """Semitones above the root as in `CHORD_FORMS`; none where it cannot be read.

    Args:
        above: what is written between the root and the bass.
        is_label: whether it is from a .lab file, where `(1,3,5)` lists all tones, and 7 among them is the large one.
    """
    if is_label and above == "1":
        return {0}
    tones: set[int] = set()
    if not (is_label and above.startswith("(")):
        triad, written, tones = next(
            (name, match[0], tones) for name, (form, tones) in _TRIADS.items() if (match := form.match(above))
        )
        number = match[0] if (match := _NUMBER.match(above, len(written))) else ""
        tones = _stacked(triad, tones, number or ("7" if written == "^" else ""))
        above = above[len(written) + len(number) :]
    changes = list(_CHANGE.finditer(above))
    if "".join(change[0] for change in changes) != above:
        return set()
    for change in changes:
        tones = _changed(tones, change, is_label=is_label)
    return {tone + 12 if tone in (2, 5) and tones & {3, 4} else tone for tone in tones}


def _stacked(triad: str, tones: set[int], number: str) -> set[int]:
    """A triad and what its number stacks on it; `4`, `2` and `5` alone are suspended or have no third."""
    if number == "5":
        return set() if triad else {0, 7}
    if number in ("2", "4"):
        return (tones if triad else tones - {4}) | _SUSPENDED[number]
    if number in _ABOVE_SEVENTH:
        seventh = 11 if triad == "major" or number == "7M" else 9 if triad == "dim" else 10
        return tones | {seventh} | _ABOVE_SEVENTH[number]
    return tones | _SIXTHS.get(number, set())


def _changed(tones: set[int], change: re.Match[str], *, is_label: bool) -> set[int]:
    if change["sus"] is not None:
        return tones - {3, 4} | _SUSPENDED[change["sus"]]
    if change["seventh"]:
        return tones | {11} | _ABOVE_SEVENTH[change["seventh"]]
    if change["altered"]:
        return tones - {7} | {8, 10, 13, 15}
    degree, signs = change["degree"], change["signs"]
    tone = _interval(degree, signs) - (degree == "7" and not signs and not is_label)
    if change["verb"] in ("no", "omit", "*"):
        return tones - ({3, 4} if degree == "3" and not signs else {tone})
    if degree == "5" and signs:
        tones = tones - {7}
    return tones | {tone}


def _interval(degree: str, signs: str) -> int:
    return _DEGREES[int(degree)] + _sharps(signs)


def _sharps(signs: str) -> int:
    return sum(1 if sign in "#+" else -1 for sign in signs)


def counted(beats_per_bar: int, beat_division: int) -> str:
    """A metre in words: `3 beats a bar`, or `2 beats a bar, three to a beat` in 6/8."""
    return f"{beats_per_bar} beats a bar" + ", three to a beat" * (beat_division == 3)


def _pitch_class(letter: str, accidentals: str) -> int:
    return (_STEPS[letter] + _sharps(accidentals)) % 12


def _nearest_name(word: str) -> str:
    """The name of a chord that looks most like a word; who writes H means B."""
    names = [str(Chord(root=root, quality=quality)) for root in range(12) for quality in CHORD_FORMS]
    return get_close_matches(word[:1].upper().replace("H", "B") + word[1:] or "C", names, 1, 0.0)[0]
