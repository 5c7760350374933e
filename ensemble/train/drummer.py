"""Measures in MIDI files how far a drummer's strokes stray; see `conduct.drummer`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ensemble.errors import DataError
from ensemble.files.midi import DRUM_CHANNEL
from ensemble.scores.midi_reader import MidiScore, read_midi
from ensemble.scores.midi_time import USUAL_TEMPO, labels_of
from ensemble.scores.score_bytes import read_score_bytes
from ensemble.settings.style import DrummerTraits

Floats = NDArray[np.float64]

_DIVISIONS = (4, 3)
"""Parts of a quarter on which strokes are meant to be: sixteenths or triplets, whichever are nearer."""
_LEAST_STROKES = 60
_LEAST_ALIKE = 3
"""So many strokes of one drum on one place of the bar say what is usual there."""
_USUAL_BAR = Fraction(4)


class _Usual(NamedTuple):
    """What strokes are alike."""

    file: int
    key: int
    place: int


class _PlayedStroke(NamedTuple):
    """One stroke against the grid."""

    file: int
    grid: int
    usual: _Usual
    late_ms: float
    force_db: float


def measure_drummer(paths: Sequence[Path]) -> DrummerTraits:
    """Measure how far strokes stray from what their drum does as a rule on their place in the bar.

    Args:
        paths: MIDI files with drums on channel 10, played to their own grid.

    Raises:
        DataError: one cannot be read, or they hold too few strokes.
    """
    strokes = [one for number, path in enumerate(paths) for one in _strokes(number, path)]
    alike: dict[_Usual, list[_PlayedStroke]] = defaultdict(list)
    for stroke in strokes:
        alike[stroke.usual].append(stroke)
    known = {usual: ones for usual, ones in alike.items() if len(ones) >= _LEAST_ALIKE}
    told = [one for ones in known.values() for one in ones]
    if len(told) < _LEAST_STROKES:
        problem = f"hold {len(told)} strokes that are played again on the same place of a bar"
        raise DataError(", ".join(map(str, paths)), problem, f"name files with {_LEAST_STROKES} or more")
    usual = {which: np.mean([one[3:] for one in ones], axis=0) for which, ones in known.items()}
    told = sorted(told, key=lambda one: (one.file, one.grid, one.usual))
    off = np.array([np.array(one[3:]) - usual[one.usual] for one in told])
    variance = (off**2).sum(axis=0) / max(len(told) - len(known), 1)
    near = np.array([a.file == b.file and b.grid - a.grid <= 1 for a, b in pairwise(told)])
    common = (off[:-1] * off[1:])[near].mean(axis=0) if near.any() else np.zeros(2)
    shares = np.clip(common / np.maximum(variance, 1e-9), 0.0, 1.0).round(2).tolist()
    timing_ms, force_db = np.sqrt(variance).round(2).tolist()
    return DrummerTraits(
        timing_ms=min(timing_ms, 30.0), timing_drift_share=shares[0], force_db=min(force_db, 6.0),
        force_drift_share=shares[1],
    )  # fmt: skip


def _strokes(number: int, path: Path) -> Iterator[_PlayedStroke]:
    """Every stroke of a file on channel 10."""
    score = read_midi(read_score_bytes(path), str(path))
    struck = [
        (event.tick, event.first, event.second)
        for track in score.tracks
        for event in track.events
        if event.kind == "note_on" and event.channel == DRUM_CHANNEL and event.second
    ]
    if not struck:
        raise DataError(str(path), "holds no drums", "name a MIDI file with drums on channel 10")
    quarters = np.array([tick for tick, *_ in struck]) / score.ticks_per_quarter
    parts = min(_DIVISIONS, key=lambda each: float(np.abs(quarters * each - np.round(quarters * each)).mean()))
    grid = np.round(quarters * parts).astype(np.int64)
    late_ms = (quarters - grid / parts) * _quarter_ms(score, quarters)
    period = max(round(_bar(score) * parts), 1)
    for (_, key, velocity), at, late in zip(struck, grid.tolist(), late_ms.tolist(), strict=True):
        usual = _Usual(number, key, at % period)
        yield _PlayedStroke(number, at, usual, late, 20.0 * float(np.log10(velocity / 127)))


def _quarter_ms(score: MidiScore, quarters: Floats) -> Floats:
    """How long a quarter is at each of some places."""
    marks = labels_of(score).tempos or [USUAL_TEMPO]
    at = np.searchsorted([float(mark.at) for mark in marks], quarters, side="right") - 1
    return 60_000.0 / np.array([float(mark.quarter_bpm) for mark in marks])[np.maximum(at, 0)]


def _bar(score: MidiScore) -> Fraction:
    """The length of a bar in quarters, where the file begins."""
    metres = labels_of(score).metres
    return (metres[0].bar if metres else None) or _USUAL_BAR
