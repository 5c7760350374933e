"""How far the partials of a recorded string lie above whole multiples of its fundamental, by pitch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ensemble.clock import hop_samples
from ensemble.play.inharmonicity import Inharmonicity
from ensemble.train.player.analysis import VOICED_DB
from ensemble.train.recordings import TrainingRecording
from ensemble.types.music import FloatArray

Array = NDArray[np.float64]

LEAST = 4e-5
"""Where most notes have a smaller B, nothing is stretched: it moves the twentieth partial by less than 14 cents."""
_NONE = 1e-7
"""B of a key whose partials are whole multiples on an instrument that has others."""
FEWEST_PARTIALS, MOST_PARTIALS = 8, 40
"""So many must be found in a note, and no more are looked for."""
_ONSET_FRAMES, _SHORTEST_FRAMES, _LONGEST_FRAMES = 5, 25, 60
"""What is left out at a note's onset, and what is looked at."""
_STEADY_CENTS = 20.0
_TRANSFORM = 1 << 16
_REACH = 0.2
"""Of f0: a partial lies no farther from where those below foretell it."""
_PROMINENT_DB, _AUDIBLE_DB = 15.0, 75.0
"""A peak rises so far above the median around it, and lies no further below the note's highest."""
_MISSES = 4
_TRUE_CENTS = 6.0
"""Spread of the partials around the law in a note that follows it."""


def measure_inharmonicity(recordings: Sequence[TrainingRecording]) -> Inharmonicity | None:
    """Measure B of every key that is held long enough.

    Args:
        recordings: of one instrument.

    Returns:
        The median B of each key; None where most notes have no stretched partials, or where no note tells.

    In each note the partials are looked for one after another, each where those below foretell it. Since
    (f_k / k)^2 = f0^2 (1 + B k^2), a straight line through these over k^2 gives B.

    Source: Rauhala, Lehtonen and Valimaki, Fast automatic inharmonicity estimation algorithm, JASA 121 (2007), for the
    course; the law is Fletcher's (see `Inharmonicity`).
    """
    by_key: dict[int, list[float]] = {}
    for recording in recordings:
        for f0_hz, samples in _held_notes(recording):
            found = stiffness(samples, recording.sample_rate, f0_hz)
            if found is not None:
                by_key.setdefault(round(69 + 12 * np.log2(f0_hz / 440)), []).append(found)
    everything = np.array([one for found in by_key.values() for one in found])
    if not len(everything) or np.mean(everything > LEAST) < 0.5:
        return None
    known = {key: max(float(np.median(by_key[key])), _NONE) for key in sorted(by_key)}
    return Inharmonicity(
        pitch_midi=tuple(map(float, known)), coefficient=tuple(float(f"{one:.3g}") for one in known.values())
    )


def _held_notes(recording: TrainingRecording) -> Iterator[tuple[float, FloatArray]]:
    """Pitch and sound of the notes that are held, without their onsets."""
    hop = hop_samples(recording.sample_rate)
    sounds = recording.is_voiced & (recording.loudness_db > VOICED_DB)
    with np.errstate(divide="ignore", invalid="ignore"):
        leap = np.abs(np.diff(1200 * np.log2(recording.f0_hz), prepend=0.0))
    edges = np.flatnonzero(np.concatenate([[True], ~(leap[1:] < _STEADY_CENTS) | ~sounds[1:], [True]]))
    for start, stop in pairwise(edges.tolist()):
        if stop - start >= _SHORTEST_FRAMES + _ONSET_FRAMES and sounds[start:stop].all():
            at = slice(start + _ONSET_FRAMES, min(stop, start + _ONSET_FRAMES + _LONGEST_FRAMES))
            yield float(np.median(recording.f0_hz[at])), recording.samples[at.start * hop : at.stop * hop]


def stiffness(samples: FloatArray, sample_rate: int, f0_hz: float) -> float | None:
    """B of one held note, 0 where its partials are not stretched; None where too few are found to tell.

    Args:
        samples: a quarter of a second or more.
        sample_rate: in Hz.
        f0_hz: about where its first partial lies.
    """
    power = np.square(np.abs(np.fft.rfft(samples * np.hanning(len(samples)), _TRANSFORM)))
    level_db, bin_hz = 10 * np.log10(power + 1e-20), sample_rate / _TRANSFORM
    lowest_db = float(level_db.max()) - _AUDIBLE_DB
    numbers: list[int] = []
    found_hz: list[float] = []
    base, slope, missed = f0_hz**2, 0.0, 0
    for number in range(1, MOST_PARTIALS + 1):
        expected_hz = number * float(np.sqrt(max(base + slope * number**2, 1.0)))
        if expected_hz > 0.45 * sample_rate or missed == _MISSES:
            break
        peak_hz = _peak_hz(level_db, bin_hz, expected_hz, f0_hz, lowest_db)
        if peak_hz is None:
            missed += 1
            continue
        missed = 0
        numbers.append(number)
        found_hz.append(peak_hz)
        if len(numbers) >= 3:
            base, slope = _line(numbers, found_hz)
    if len(numbers) < FEWEST_PARTIALS or base <= 0:
        return None
    square = np.square(numbers, dtype=np.float64)
    off_cents = 600 * np.log2((np.array(found_hz) ** 2 / square) / np.maximum(base + slope * square, 1.0))
    return max(slope / base, 0.0) if np.median(np.abs(off_cents)) < _TRUE_CENTS else None


def _peak_hz(level_db: Array, bin_hz: float, expected_hz: float, f0_hz: float, lowest_db: float) -> float | None:
    """The highest peak near a place, between the bins; None where nothing stands out."""
    centre, reach, around = (round(hz / bin_hz) for hz in (expected_hz, _REACH * f0_hz, 0.5 * f0_hz))
    first = max(centre - reach, 1)
    at = first + int(np.argmax(level_db[first : centre + reach + 1]))
    floor_db = float(np.median(level_db[max(centre - around, 0) : centre + around + 1]))
    before, here, after = level_db[at - 1 : at + 2]
    if here < max(floor_db + _PROMINENT_DB, lowest_db) or here < max(before, after):
        return None
    return float((at + 0.5 * (before - after) / min(before - 2 * here + after, -1e-9)) * bin_hz)


def _line(numbers: Sequence[int], found_hz: Sequence[float]) -> tuple[float, float]:
    """Intercept and slope of (f_k / k)^2 over k^2; high partials tell more."""
    number = np.array(numbers, np.float64)
    slope, base = np.polyfit(np.square(number), np.square(np.array(found_hz) / number), 1, w=number)
    return float(base), float(slope)
