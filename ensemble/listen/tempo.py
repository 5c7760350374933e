"""How the tempo wanders: followed through the recording before it is known which pulse is the beat.

Halves and doubles of a tempo wander alike, so that the local tempo is followed on a circle of one octave: what ties its
ends together is that a change costs. Given the course, time is stretched until the tempo is even, and the beats are
found there.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ensemble.audio.later import maximum_filter1d
from ensemble.clock import FRAME_RATE_HZ

Array = NDArray[np.float64]
STEP_FRAMES = FRAME_RATE_HZ // 2
REACH_FRAMES = 4 * FRAME_RATE_HZ
"""The local tempo is measured within so much on either side."""
LONGEST_LAG = REACH_FRAMES
SHORTEST_PERIOD = 25.0
"""In frames; the circle begins here."""
BINS = 36
"""Of one octave; 2 % each."""
OCTAVES = 3
"""So far may the tempo wander, from the middle one."""
DRIFT_BINS, DRIFT_COST = 2, 0.35
"""A drift of so many bins in a step costs this for each, in units of a perfect recurrence."""
LEAP_COST, LEAP_COST_PER_BIN = 3.0, 0.03
"""For any larger change."""


def tempo_course(accents: Array) -> Array:
    """The local period, in units of its geometric mean; all 1 where the tempo is steady.  [frames]

    Args:
        accents: onset strength above its surroundings.  [frames]

    Source: the tempo as a path through local autocorrelations (a tempogram), cyclic in octaves: Grosche, Mueller and
    Kurth, Cyclic Tempogram, ICASSP 2010; Peeters, Template-Based Estimation of Time-Varying Tempo, EURASIP 2007.
    """
    centres = np.arange(0, len(accents), STEP_FRAMES)
    recurs = _cyclic_tempogram(accents, centres)
    bins = _best_path(recurs)
    octaves = np.interp(np.arange(len(accents)), centres, (bins - bins.mean()) / BINS)
    course: Array = 2.0**octaves
    return course


def even_time(course: Array) -> Array:
    """Where each edge between frames lies once the tempo is even, in frames as recorded.  [even frames + 1]"""
    passed = np.concatenate([[0.0], np.cumsum(1.0 / course)])
    even: Array = np.interp(np.arange(int(passed[-1] + 1e-6) + 1), passed, np.arange(len(passed)))
    return even


def _cyclic_tempogram(accents: Array, centres: NDArray[np.int64]) -> Array:
    """How much recurs around each centre, -1..1, by the period's place in its octave.  [centres, BINS]"""
    window = np.hanning(2 * REACH_FRAMES + 1)
    size = 1 << (len(window) + LONGEST_LAG).bit_length()
    shared = _autocorrelation(window, size)
    shared = np.maximum(shared, 0.3 * shared[0])  # long lags have few products
    padded = np.pad(accents, REACH_FRAMES)
    inside = np.pad(np.ones(len(accents)), REACH_FRAMES)
    periods = SHORTEST_PERIOD * 2.0 ** (np.arange(3 * BINS) / BINS).reshape(3, BINS)
    levels = periods[:, None] * np.array([[1], [2]])  # every period with its double
    cyclic = np.zeros((len(centres), BINS))
    for row, centre in enumerate(centres.tolist()):
        around = slice(centre, centre + len(window))
        weight = window * inside[around]
        mean = (weight * padded[around]).sum() / weight.sum()
        raw = _autocorrelation(weight * (padded[around] - mean), size)
        recurrence = maximum_filter1d(raw / max(raw[0], 1e-9) * shared[0] / shared, 3)
        combs = [np.interp(level, np.arange(len(recurrence)), recurrence).mean(axis=0) for level in levels]
        cyclic[row] = np.max(combs, axis=0)
    return cyclic


def _autocorrelation(values: Array, size: int) -> Array:
    """By lag, up to `LONGEST_LAG`.  [lags]"""
    spectrum = np.fft.rfft(values, size)
    return np.fft.irfft(np.square(np.abs(spectrum)), size)[: LONGEST_LAG + 1]


def _best_path(recurs: Array) -> NDArray[np.int64]:
    """Where on the unrolled circle the tempo lies at each centre: it gathers most, less what its changes cost."""
    place = np.arange(OCTAVES * BINS)
    away = np.abs(place[:, None] - place[None, :])
    cost = np.where(away <= DRIFT_BINS, DRIFT_COST * away, LEAP_COST + LEAP_COST_PER_BIN * away)
    gathered = np.where(place // BINS == OCTAVES // 2, recurs[0][place % BINS], -np.inf)
    before = []
    for heard in recurs[1:]:
        reached = gathered[:, None] - cost
        before.append(reached.argmax(axis=0))
        gathered = reached[before[-1], place] + heard[place % BINS]
    path = [int(gathered.argmax())]
    for choice in reversed(before):
        path.append(int(choice[path[-1]]))
    return np.array(path[::-1])
