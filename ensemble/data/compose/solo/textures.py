"""Textures under a tune: what the right hand does on a guitar's strings, what the left does on a piano, bass lines.

A pattern is one bar, a sign per eighth, or per sixteenth where there are twice as many. For a guitar B is the bass
string, b another of the low strings, 1 to 4 a string from the highest; D and d are strokes down over all strings, U is
one up over the high ones, X and x are high strings struck and damped at once. `-` rests.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ensemble.data.compose.harmony import ComposedChord
from ensemble.data.compose.solo.fretboard import next_shape
from ensemble.data.compose.solo.order import BARS_PER_PHRASE, TuneOutline

EIGHTH = 0.5
TUNE_VOICE = 7
"""Voices 0 to 5 are the strings."""
PATTERNS: dict[str, dict[str, tuple[str, ...]]] = {
    "arpeggio": {
        "4/4": ("B3213123", "B321b232", "B4321234", "B312b312"), "3/4": ("B32132", "B23123", "B31323"),
        "6/8": ("B32123", "B31213"), "5/4": ("B321b23212", "B3213b3213"),
    },
    "picking": {
        "4/4": ("B-b2B3b2", "B2b3B2b1", "B-b3B2b3", "B3b2b3b2"), "3/4": ("B-3232", "B2b3b2", "B32b23"),
        "6/8": ("B-2b-2", "B32b32"), "5/4": ("B-2b3B-2b3", "B3b2b3B2b2"),
    },
    "calm": {
        "4/4": ("B-3-2-3-", "B-2-b-2-", "B-3-2---"), "3/4": ("B-3-2-", "B-2---"), "6/8": ("B--3--", "B-32--"),
        "5/4": ("B-3-2-b-2-",),
    },
    "strum": {
        "4/4": ("D-DU-UDU", "D-D-DUDU", "D-dUDUdU", "D---D-DU", "DUDU-UDU"), "3/4": ("D-DUDU", "D-D-DU", "D--UDU"),
        "6/8": ("D-UD-U", "DUdDUd"), "5/4": ("D-DUD-D-DU", "D-DU-UD-DU"),
    },
    "funk": {
        "4/4": ("X-xxX-X-x-xXX-x-", "X--xX-x-X-xxX-X-", "X-x-X-xXx-x-X-x-"), "3/4": ("X-xxX-X-x-X-",),
        "6/8": ("X-xX-x",), "5/4": ("X-xxX-X-x-xXX-x-X-x-",),
    },
}  # fmt: skip
DAMPED_QUARTERS = {"x": 0.1, "X": 0.22}
_STRUM_SPREAD_QUARTERS = 0.008
"""From one string to the next, per stroke down; the pick is faster coming up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SoloNote:
    """A note of the score: in quarters from the start; accent_db against the dynamics; voice: what rings on what."""

    onset_quarters: float
    length_quarters: float
    pitch_midi: int
    accent_db: float
    voice: int


def pattern_of(outline: TuneOutline, letter: str, kind: str) -> str:
    """The pattern that phrases of a letter share."""
    ways = PATTERNS[kind][str(outline.metre)]
    return ways[int(outline.order.rng("pattern", letter, kind).integers(len(ways)))]


def write_guitar(outline: TuneOutline) -> list[SoloNote]:
    """Chord shapes and what the right hand does with them, to the last chord, which rings."""
    notes: list[SoloNote] = []
    shape: tuple[int | None, ...] | None = None
    bar_quarters = outline.metre.bar_quarters
    for bar, chord in enumerate(outline.chords):
        letter = outline.letters[bar // BARS_PER_PHRASE]
        kind = outline.texture[letter]
        shape = next_shape(chord, shape)
        pattern = pattern_of(outline, letter, kind if kind in PATTERNS else "calm")
        is_last = bar == outline.num_bars - 1
        if kind == "funk" and answers(bar) and not is_last:
            continue
        if is_last:
            pattern = "D" + "-" * (len(pattern) - 1)
        chance = outline.order.rng("hand", letter, bar % BARS_PER_PHRASE)
        notes += _bar(chance, shape, pattern, bar * bar_quarters, bar_quarters)
    return notes


def answers(bar: int) -> bool:
    """Whether a bar belongs to the tune where chords and tune take turns."""
    return bar % 2 == 1


def _bar(
    rng: np.random.Generator, shape: tuple[int | None, ...], pattern: str, start: float, bar_quarters: float
) -> list[SoloNote]:
    strings = [string for string, pitch in enumerate(shape) if pitch is not None]
    notes: list[SoloNote] = []

    def pluck(string: int, onset: float, accent_db: float, length: float) -> None:
        pitch = shape[string]
        assert pitch is not None  # noqa: S101 - only sounding strings are chosen
        notes.append(
            SoloNote(onset_quarters=onset, length_quarters=length, pitch_midi=pitch, accent_db=accent_db, voice=string)
        )

    for step, sign in enumerate(pattern):
        onset = start + step * bar_quarters / len(pattern)
        left = start + bar_quarters - onset
        on_bar = 1.5 if step == 0 else 0.0
        if sign == "B":
            pluck(strings[0], onset, -1.0 + on_bar, left)
        elif sign == "b":
            pluck(strings[min(1 + int(rng.random() < 0.3), len(strings) - 1)], onset, -3.0, left)
        elif sign.isdigit():
            pluck(strings[-int(sign)] if int(sign) <= len(strings) else strings[0], onset, -4.5, left)
        elif sign in "Dd":
            swept = strings if sign == "D" else strings[len(strings) // 3 :]
            for place, string in enumerate(swept):
                accent_db = (on_bar if sign == "D" else -4.0) - 2.0 - 0.3 * place
                pluck(string, onset + place * _STRUM_SPREAD_QUARTERS, accent_db, left)
        elif sign in DAMPED_QUARTERS:
            for place, string in enumerate(strings[-3:]):
                pluck(string, onset + 0.5 * place * _STRUM_SPREAD_QUARTERS, -2.0 * (sign == "x"), DAMPED_QUARTERS[sign])
        elif sign == "U":
            for place, string in enumerate(reversed(strings[-4:])):
                pluck(string, onset + 0.7 * place * _STRUM_SPREAD_QUARTERS, -4.5 - 0.5 * place, left)
    return notes


def write_left_hand(outline: TuneOutline) -> list[SoloNote]:
    """A pianist's left hand: a low root, then the chord broken above it, or blocks where the texture is `block`."""
    notes: list[SoloNote] = []
    bar_quarters = outline.metre.bar_quarters
    for bar, chord in enumerate(outline.chords):
        letter = outline.letters[bar // BARS_PER_PHRASE]
        start, root = bar * bar_quarters, 36 + chord.root if chord.root >= 4 else 48 + chord.root
        upper = _close_position(chord, root + 7)
        if bar == outline.num_bars - 1:
            steps: list[tuple[float, int]] = [(0.0, pitch) for pitch in (root, *upper)]
        elif outline.texture[letter] == "block":
            beats = np.arange(0.0, bar_quarters - 1e-6, outline.metre.beat_quarters)[1:]
            steps = [(0.0, root), *((float(beat), pitch) for beat in beats for pitch in upper)]
        else:
            turn = (root, upper[0], upper[1], upper[2], upper[1], upper[2], upper[0], upper[1], upper[2], upper[1])
            steps = [(step * EIGHTH, turn[step]) for step in range(round(bar_quarters / EIGHTH))]
        notes += [
            SoloNote(
                onset_quarters=start + onset, length_quarters=bar_quarters - onset, pitch_midi=pitch,
                accent_db=-3.0 if onset == 0.0 else -6.0, voice=index % 6,
            )
            for index, (onset, pitch) in enumerate(steps)
        ]  # fmt: skip
    return notes


def _close_position(chord: ComposedChord, above: int) -> tuple[int, int, int]:
    first, second, third = sorted(above + (pitch_class - above) % 12 for pitch_class in chord.pitch_classes[:3])
    return first, second, third


def write_bass(outline: TuneOutline, low: int) -> list[SoloNote]:
    """A bass line: the root where the bar begins, chord notes on beats and eighths, a step towards the next root."""
    notes: list[SoloNote] = []
    bar_quarters, beat = outline.metre.bar_quarters, outline.metre.beat_quarters
    for bar, chord in enumerate(outline.chords):
        letter = outline.letters[bar // BARS_PER_PHRASE]
        rng = outline.order.rng("bass", letter, bar % BARS_PER_PHRASE)
        root = low + (chord.root - low) % 12
        after = outline.chords[min(bar + 1, outline.num_bars - 1)]
        next_root = low + (after.root - low) % 12
        is_busy = outline.texture[letter] == "running"
        length = EIGHTH if is_busy else beat
        onsets = np.arange(0.0, bar_quarters - 1e-6, length) if bar < outline.num_bars - 1 else np.zeros(1)
        for index, onset in enumerate(onsets.tolist()):
            pitch = root + (0 if index == 0 else int(rng.choice([0, 12, *chord.intervals[1:3]])))
            if index and index == len(onsets) - 1:
                pitch = next_root + (1 if rng.random() < 0.3 else -2 if next_root - 2 >= low else 2)
            is_rest = index and rng.random() < (0.15 if is_busy else 0.1)
            if not is_rest:
                held = bar_quarters if len(onsets) == 1 else 0.92 * length
                notes.append(
                    SoloNote(
                        onset_quarters=bar * bar_quarters + onset, length_quarters=held, pitch_midi=pitch,
                        accent_db=0.0 if index == 0 else -2.5, voice=0,
                    )
                )  # fmt: skip
    return notes
