"""Melodies: a rhythm that comes back, chord notes where it counts, an arch per phrase, a breath at its end."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ensemble.data.compose.harmony import ComposedChord, scale_pitches
from ensemble.data.compose.solo.order import BARS_PER_PHRASE, TuneOutline

_BARS: dict[str, tuple[tuple[float, ...], ...]] = {
    "4/4": (
        (2, 1, 1), (1, 1, 2), (1.5, 0.5, 1, 1), (1, 1, 1, 1), (1, 0.5, 0.5, 1.5, 0.5), (0.5, 0.5, 1, 1, 1),
        (1.5, 0.5, 1.5, 0.5), (0.5, 0.5, 0.5, 0.5, 1, 1), (1, 0.5, 0.5, 0.5, 0.5, 1), (0.5,) * 8,
    ),
    "3/4": (
        (2, 1), (1, 2), (1.5, 0.5, 1), (1, 1, 1), (1, 0.5, 0.5, 1), (0.5, 0.5, 1, 1), (1, 1, 0.5, 0.5), (0.5,) * 6,
    ),
    "6/8": (
        (1.5, 1.5), (1, 0.5, 1.5), (1.5, 1, 0.5), (1, 0.5, 1, 0.5), (1.5, 0.5, 0.5, 0.5), (0.5, 0.5, 0.5, 1, 0.5),
        (0.5,) * 6,
    ),
    "5/4": (
        (3, 2), (2, 1, 2), (1.5, 1.5, 1, 1), (1, 1, 1, 2), (1.5, 0.5, 1, 1, 1), (1, 0.5, 0.5, 1, 1, 1),
        (0.5, 0.5, 0.5, 0.5, 1, 1, 1),
    ),
}  # fmt: skip
"""Ways to fill a bar, in quarters, calm ones first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TuneNote:
    """A note of a melody: when and how long in quarters from the phrase's beginning, which pitch."""

    onset_quarters: float
    length_quarters: float
    pitch_midi: int


def write_tune(outline: TuneOutline, low: int, high: int, busyness: float) -> list[TuneNote]:
    """A melody over the whole piece: phrases of one letter share theirs, their later turns vary it.

    Args:
        outline: the piece.
        low: lowest pitch, MIDI.
        high: highest.
        busyness: 0 long notes, 1 eighths.

    Returns:
        Notes in order; onsets from the beginning of the piece.
    """
    known: dict[str, list[TuneNote]] = {}
    notes: list[TuneNote] = []
    phrase_quarters = BARS_PER_PHRASE * outline.metre.bar_quarters
    for turn, letter in enumerate(outline.letters):
        chords = outline.chords[turn * BARS_PER_PHRASE : (turn + 1) * BARS_PER_PHRASE]
        if letter not in known:
            known[letter] = _Pen(outline, letter, low, high).phrase(chords, busyness, is_last=letter == "Z")
            phrase = known[letter]
        else:
            phrase = _varied(outline.order.rng("variation", turn), outline, known[letter], chords)
        notes += [
            TuneNote(
                onset_quarters=note.onset_quarters + turn * phrase_quarters, length_quarters=note.length_quarters,
                pitch_midi=note.pitch_midi,
            )
            for note in phrase
        ]  # fmt: skip
    return notes


def _varied(
    rng: np.random.Generator, outline: TuneOutline, phrase: list[TuneNote], chords: tuple[ComposedChord, ...]
) -> list[TuneNote]:
    """The phrase again: some long notes become two, by way of a neighbour in the key, and chord notes follow chords."""
    varied = []
    for note in phrase:
        chord = chords[min(int(note.onset_quarters / outline.metre.bar_quarters), len(chords) - 1)]
        if note.length_quarters >= 1.0 and rng.random() < 0.25 and note.pitch_midi % 12 in chord.pitch_classes:
            inside = scale_pitches(outline.order.tonic, outline.order.mode, note.pitch_midi - 3, note.pitch_midi + 3)
            neighbours = [pitch for pitch in inside if pitch != note.pitch_midi]
            second = neighbours[int(rng.integers(len(neighbours)))]
            half = note.length_quarters / 2
            varied.append(
                TuneNote(onset_quarters=note.onset_quarters, length_quarters=half, pitch_midi=note.pitch_midi)
            )
            varied.append(TuneNote(onset_quarters=note.onset_quarters + half, length_quarters=half, pitch_midi=second))
        else:
            varied.append(note)
    return varied


class _Pen:
    """Writes one phrase: remembers where the line is and what its first bar did."""

    def __init__(self, outline: TuneOutline, letter: str, low: int, high: int) -> None:
        self._outline = outline
        self._rng = outline.order.rng("tune", letter)
        self._pitches = np.array(scale_pitches(outline.order.tonic, outline.order.mode, low, high))
        self._last = float(self._rng.uniform(0.3, 0.6) * (high - low) + low)
        self._summit = float(self._rng.uniform(0.35, 0.7))
        self._low, self._high = low, high
        self._leap = 0.0

    def phrase(self, chords: tuple[ComposedChord, ...], busyness: float, *, is_last: bool) -> list[TuneNote]:
        """Rhythm a b a and a cadence; the last phrase of a piece ends on its tonic."""
        bar_quarters = self._outline.metre.bar_quarters
        first, second = self._rhythm(busyness), self._rhythm(busyness)
        cadence = (bar_quarters,) if is_last else self._cadence(bar_quarters)
        notes: list[TuneNote] = []
        for bar, (chord, rhythm) in enumerate(zip(chords, (first, second, first, cadence), strict=True)):
            onset = bar * bar_quarters
            for index, length in enumerate(rhythm):
                ends = bar == BARS_PER_PHRASE - 1
                is_strong = index == 0 or length >= 1.0 or ends
                target_class = chord.root if ends and is_last else None
                pitch = self._next(chord, onset / (bar_quarters * BARS_PER_PHRASE), target_class, is_strong=is_strong)
                held = length - (0.5 if ends and not is_last and index == len(rhythm) - 1 and length > 1 else 0.0)
                notes.append(TuneNote(onset_quarters=onset, length_quarters=held, pitch_midi=pitch))
                onset += length
        return notes

    def _rhythm(self, busyness: float) -> tuple[float, ...]:
        ways = _BARS[str(self._outline.metre)]
        place = busyness * (len(ways) - 1) + self._rng.normal(0, 1.2)
        return tuple(float(length) for length in ways[int(np.clip(round(place), 0, len(ways) - 1))])

    def _cadence(self, bar_quarters: float) -> tuple[float, ...]:
        beat = self._outline.metre.beat_quarters
        return (bar_quarters,) if self._rng.random() < 0.4 else (beat, bar_quarters - beat)

    def _next(self, chord: ComposedChord, at: float, target_class: int | None, *, is_strong: bool) -> int:
        """The pitch that suits chord, contour and what came before; at: how far into the phrase, 0..1."""
        height = np.interp(at, [0.0, self._summit, 1.0], [0.35, 0.85, 0.25])
        wanted = self._low + height * (self._high - self._low)
        pitches = self._pitches
        step = pitches - self._last
        cost = 0.22 * np.abs(pitches - wanted) + 0.35 * np.abs(step) + 0.5 * np.maximum(np.abs(step) - 4, 0)
        cost = cost + 1.0 * (step == 0) + self._rng.gumbel(0, 0.7, len(pitches))
        if abs(self._leap) > 4:
            cost = cost + 2.0 * (np.sign(step) == np.sign(self._leap))
        belongs = np.isin(pitches % 12, chord.pitch_classes)
        cost = cost + (6.0 if is_strong else 0.8) * ~belongs
        third = (chord.root + chord.intervals[1]) % 12
        if third not in pitches % 12:  # a raised leading note: its plain form would rub against it
            cost = cost + 4.0 * ((pitches + 1) % 12 == third)
        if target_class is not None:
            cost = cost + 50.0 * (pitches % 12 != target_class)
        chosen = int(pitches[np.argmin(cost)])
        self._leap, self._last = chosen - self._last, float(chosen)
        return chosen
