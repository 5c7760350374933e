"""Textures under a tune: what the right hand does on a guitar's strings, what the left does on a piano, bass lines.

A pattern is one bar, a sign per eighth, or per sixteenth where there are twice as many. For a guitar B is the bass
string, b another of the low strings, 1 to 4 a string from the highest; D and d are strokes down over all strings, U is
one up over the high ones, X and x are high strings struck and damped at once. `-` rests.
"""

from __future__ import annotations

import numpy as np

from ensemble.data.compose.fretboard import next_shape
from ensemble.data.compose.harmony import ComposedChord
from ensemble.data.compose.piece import Piece, ScoreNote, Section

EIGHTH = 0.5
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
_SPREAD_QUARTERS = {"D": 0.008, "d": 0.008, "U": 0.0056, "X": 0.004, "x": 0.004}
"""From one string to the next; the pick is faster coming up."""


def answers(bar: int) -> bool:
    """Whether a bar belongs to the tune where chords and tune take turns."""
    return bar % 2 == 1


def write_guitar(piece: Piece) -> list[ScoreNote]:
    """Chord shapes and what the right hand does with them, to the last chord, which rings; a string is a voice."""
    notes: list[ScoreNote] = []
    shape: tuple[int | None, ...] | None = None
    for bar, section, chord in _bars(piece):
        shape = next_shape(chord, shape)
        kind = section.texture if section.texture in PATTERNS else "calm"
        ways = PATTERNS[kind][str(piece.metre)]
        pattern = ways[int(piece.rng("pattern", section.letter, kind).integers(len(ways)))]
        if bar == len(piece.bar_chords) - 1:
            pattern = "D" + "-" * (len(pattern) - 1)
        elif kind == "funk" and answers(bar):
            continue
        rng = piece.rng("hand", section.letter, bar - section.first_bar)
        start, bar_quarters = bar * piece.metre.bar_quarters, piece.metre.bar_quarters
        strings = [string for string, pitch in enumerate(shape) if pitch is not None]
        for step, sign in enumerate(pattern):
            at = step * bar_quarters / len(pattern)
            length = DAMPED_QUARTERS.get(sign, bar_quarters - at)
            for place, (string, accent_db) in enumerate(_struck(rng, strings, sign, 1.5 if step == 0 else 0.0)):
                onset = start + at + place * _SPREAD_QUARTERS.get(sign, 0.0)
                notes.append(_note(onset, length, shape[string] or 0, accent_db, string))
    return notes


def _struck(rng: np.random.Generator, strings: list[int], sign: str, on_bar_db: float) -> list[tuple[int, float]]:
    """The strings that a sign stands for, in the order of the stroke, and each one's accent in dB."""
    if sign == "B":
        return [(strings[0], on_bar_db - 1.0)]
    if sign == "b":
        return [(strings[1 + int(rng.random() < 0.3)], -3.0)]
    if sign.isdigit():
        return [(strings[-int(sign)], -4.5)]
    if sign in "Dd":
        swept, first_db = (strings, on_bar_db - 2.0) if sign == "D" else (strings[len(strings) // 3 :], -6.0)
        return [(string, first_db - 0.3 * place) for place, string in enumerate(swept)]
    if sign == "U":
        return [(string, -4.5 - 0.5 * place) for place, string in enumerate(reversed(strings[-4:]))]
    return [(string, -2.0 * (sign == "x")) for string in strings[-3:]] if sign in DAMPED_QUARTERS else []


def write_left_hand(piece: Piece) -> list[ScoreNote]:
    """A pianist's left hand: a low root, then the chord broken above it, or blocks where the texture is `block`."""
    notes: list[ScoreNote] = []
    bar_quarters = piece.metre.bar_quarters
    for bar, section, chord in _bars(piece):
        root = 36 + chord.root if chord.root >= 4 else 48 + chord.root
        low, middle, high = sorted(root + 7 + (tone - root - 7) % 12 for tone in chord.pitch_classes[:3])
        if bar == len(piece.bar_chords) - 1:
            steps: list[tuple[float, int]] = [(0.0, pitch) for pitch in (root, low, middle, high)]
        elif section.texture == "block":
            beats = np.arange(0.0, bar_quarters - 1e-6, piece.metre.beat_quarters).tolist()[1:]
            steps = [(0.0, root), *((beat, pitch) for beat in beats for pitch in (low, middle, high))]
        else:
            turn = (root, low, middle, high, middle, high, low, middle, high, middle)
            steps = [(step * EIGHTH, turn[step]) for step in range(round(bar_quarters / EIGHTH))]
        for index, (at, pitch) in enumerate(steps):
            accent_db = -3.0 if at == 0.0 else -6.0
            notes.append(_note(bar * bar_quarters + at, bar_quarters - at, pitch, accent_db, index % 6))
    return notes


def write_keys(piece: Piece, low: int) -> list[ScoreNote]:
    """A keyboard's chords, every tone of them, close together from a pitch on: held, struck, off the beat or broken."""
    notes: list[ScoreNote] = []
    bar_quarters, beat = piece.metre.bar_quarters, piece.metre.beat_quarters
    for bar, section, chord in _bars(piece):
        pitches = sorted(low + (tone - low) % 12 for tone in chord.pitch_classes)
        beats = np.arange(0.0, bar_quarters - 1e-6, beat).tolist()
        if section.texture in ("arpeggio", "picking"):
            turn = [*range(len(pitches)), *range(len(pitches) - 2, 0, -1)]
            steps = np.arange(0.0, bar_quarters - 1e-6, EIGHTH).tolist()
            struck = [(at, bar_quarters, turn[step % len(turn)]) for step, at in enumerate(steps)]
        else:
            onsets = {"calm": [0.0], "funk": [at + beat / 2 for at in beats]}.get(section.texture, beats)
            length = bar_quarters if section.texture == "calm" else 0.9 * beat
            struck = [(at, length, tone) for at in onsets for tone in range(len(pitches))]
        notes += [
            _note(bar * bar_quarters + at, min(length, bar_quarters - at), pitches[tone], -3.0, tone)
            for at, length, tone in struck
        ]
    return notes


def write_bass(piece: Piece, low: int) -> list[ScoreNote]:
    """A bass line: the root where the bar begins, chord notes on beats and eighths, a step towards the next root."""
    notes: list[ScoreNote] = []
    bar_quarters, last = piece.metre.bar_quarters, len(piece.bar_chords) - 1
    for bar, section, chord in _bars(piece):
        rng = piece.rng("bass", section.letter, bar - section.first_bar)
        root, next_root = (low + (one.root - low) % 12 for one in (chord, piece.bar_chords[min(bar + 1, last)]))
        is_busy = section.texture == "running"
        length = EIGHTH if is_busy else piece.metre.beat_quarters
        onsets = np.arange(0.0, bar_quarters - 1e-6, length).tolist() if bar < last else [0.0]
        for index, at in enumerate(onsets):
            pitch = root + (0 if index == 0 else int(rng.choice([0, 12, *chord.intervals[1:3]])))
            if index and index == len(onsets) - 1:
                pitch = next_root + (1 if rng.random() < 0.3 else -2 if next_root - 2 >= low else 2)
            is_rest = index and rng.random() < (0.15 if is_busy else 0.1)
            if not is_rest:
                held = 0.92 * length if bar < last else bar_quarters
                notes.append(_note(bar * bar_quarters + at, held, pitch, -2.5 if index else 0.0, 0))
    return notes


def _bars(piece: Piece) -> list[tuple[int, Section, ComposedChord]]:
    """Every bar with its number, its phrase and its chord."""
    return [
        (bar, section, piece.bar_chords[bar])
        for section in piece.sections
        for bar in range(section.first_bar, section.last_bar)
    ]


def _note(onset: float, length: float, pitch: int, accent_db: float, voice: int) -> ScoreNote:
    return ScoreNote(onset_quarters=onset, length_quarters=length, pitch_midi=pitch, accent_db=accent_db, voice=voice)
