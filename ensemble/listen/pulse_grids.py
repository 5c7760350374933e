"""Pulses that may be the beat, laid through a recording, and how much speaks for each.

Everything here is decided from all the accents that there are: the candidates for the tempo, the path of the beats and
the grid in rests.

Source: the dynamic programming is Ellis, Beat Tracking by Dynamic Programming, JNMR 2007.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ensemble.audio.later import maximum_filter1d
from ensemble.audio.spectra import peak_offset
from ensemble.clock import FRAME_RATE_HZ
from ensemble.listen.onsets import HEARD_LATE_S
from ensemble.types.music import FloatArray

Array = NDArray[np.float64]
SLOWEST_BPM, FASTEST_BPM = 50.0, 220.0
USUAL_BPM = 112.0
SPREAD_OCTAVES = 0.7
"""Of the log-normal prior around the usual tempo."""
TIGHTNESS = 80.0
"""Cost of a beat that comes early or late, against onsets in units of their own deviation."""
NUM_CANDIDATES = 5
RECURRENCE_WEIGHT, PRIOR_WEIGHT, LOOSENESS_WEIGHT, PULSE_WEIGHT = 2.0, 0.8, 0.1, 0.05
SOFT_SHARE, SOFT_SPREADS, SURELY_SOFT_SPREADS, SOFT_WEIGHT = 0.65, 2.5, 4.0, 1.5
"""Off-beats have at most this share of the accent of beats, and lie so many standard deviations below. Measured: soft
off-beats of a strum 2.5 to 7; weak beats of songs with a backbeat 1.6 to 2.9, of (2, 1, 1) below 2."""
LEAST_PROBABILITY = 1e-3
PULSE_STEP = 2
"""The network says something every second frame."""
BESIDE_BEAT = 3
"""So many steps of the network on either side of a beat are neither on it nor between."""
STEADY_LOG = 0.05
"""Mean deviation of a played beat from its period, as a logarithm: steady players stay within a few percent."""
SUPPORT = 0.5
"""A beat was played where the accent, in standard deviations, exceeds this."""
FEWEST_BEATS = 4


class PulseGrid(NamedTuple):
    """A pulse that may be the beat."""

    times_s: Array
    """Its beats, in seconds, rising.  [beats]"""
    recurrence: float
    """How much of the accents recurs in its family, 0..1."""
    value: float
    """How much speaks for it."""

    @property
    def tempo_bpm(self) -> float:
        """Beats a minute, within the limits."""
        return float(np.clip(60.0 / mean_period(self.times_s), SLOWEST_BPM, FASTEST_BPM))


def lay_grids(
    accents: Array, candidates: Sequence[tuple[float, float]], duration_s: float, even: Array, pulse: FloatArray | None
) -> list[PulseGrid]:
    """Lay every candidate through the recording, and add up what speaks for it.

    Args:
        accents: onset strength above its surroundings, in its own standard deviations, at even tempo.  [frames]
        candidates: from `candidates_of`.
        duration_s: length of the recording.
        even: where each edge between these frames lies as recorded; see `even_time`.  [frames + 1]
        pulse: as in `Frames`, where a network listened.

    Returns:
        Those candidates that have four beats or more.
    """
    grids = [
        PulseGrid(times_s, recurrence, _worth(accents, beats, period) + RECURRENCE_WEIGHT * recurrence)
        for period, recurrence in candidates
        if len(beats := _dynamic_programme(accents, period)) >= FEWEST_BEATS
        and len(times_s := _as_recorded(_whole_grid(accents, beats, duration_s, even), even, duration_s)) > 1
    ]
    if pulse is not None and pulse.size:
        grids = [grid._replace(value=grid.value + PULSE_WEIGHT * _likelihood(pulse, grid.times_s)) for grid in grids]
    return grids


def candidates_of(accents: Array) -> list[tuple[float, float]]:
    """Periods in frames, each with how much recurs in its family (0..1): the best few, their halves and their doubles.

    A family shares one figure, because a slower level always gathers more: `_worth` decides between its members.
    """
    shortest, longest = 60.0 * FRAME_RATE_HZ / FASTEST_BPM, 60.0 * FRAME_RATE_HZ / SLOWEST_BPM
    longest = min(longest, len(accents) / 2.5)
    if longest <= shortest:
        return []
    # Tempo wavers: of each multiple the best within a frame counts.
    recurrence = maximum_filter1d(_recurrence(accents), 3)
    periods = np.geomspace(shortest, longest, 400)
    multiples = np.outer((1, 2, 3, 4), periods)
    heard = np.interp(multiples, np.arange(len(recurrence)), recurrence, right=0.0)
    comb = np.array((1.0, 1.0, 0.5, 0.5)) @ heard / 3
    score = np.maximum(comb, 0.0) * _prior(periods)
    is_peak = (score >= np.roll(score, 1)) & (score >= np.roll(score, -1))
    peaks = sorted(np.flatnonzero(is_peak).tolist(), key=lambda index: -score[index])[:NUM_CANDIDATES]
    found: list[tuple[float, float]] = []
    for period in periods[peaks]:
        family = [level for level in (period, period / 2, period * 2) if shortest <= level <= longest]
        shared = float(np.clip(np.interp(family, periods, comb).max(), 0.0, 1.0))
        new = [level for level in family if all(abs(np.log(level / other)) > 0.04 for other, _ in found)]
        found += [(float(level), shared) for level in new]
    return found


def _recurrence(accents: Array) -> Array:
    """Autocorrelation by lag, 1 at lag zero; each lag by as many products as it has.  [lags]"""
    centred = accents - accents.mean()
    size = 1 << (2 * len(centred) - 1).bit_length()
    spectrum = np.fft.rfft(centred, size)
    raw = np.fft.irfft(np.square(np.abs(spectrum)), size)[: len(centred)]
    # Long lags have few products: never divided by less than half the frames.
    products = np.maximum(len(centred) - np.arange(len(centred)), len(centred) / 2)
    power = raw[0] / len(centred)
    return raw / products / power if power > 0 else np.zeros_like(raw)


def _prior(period: Array) -> Array:
    octaves = np.log2(60.0 * FRAME_RATE_HZ / period / USUAL_BPM)
    return np.exp(-0.5 * np.square(octaves / SPREAD_OCTAVES))


def _dynamic_programme(accents: Array, period: float) -> NDArray[np.int64]:
    """The beats, in frames, that gather the most accents at nearly even distance."""
    lags = np.arange(max(1, round(0.6 * period)), round(1.6 * period) + 1)[::-1]
    cost = TIGHTNESS * np.square(np.log(lags / period))
    reach = int(lags[0])
    total = np.zeros(len(accents) + reach)  # before the recording every start is free
    previous = np.full(len(accents), -1, dtype=np.int64)
    first, last = int(lags[0]), int(lags[-1])
    for frame in range(len(accents)):
        scores = total[frame + reach - first : frame + reach - last + 1] - cost
        choice = int(np.argmax(scores))
        if scores[choice] > 0.0:
            total[frame + reach] = accents[frame] + scores[choice]
            previous[frame] = frame - int(lags[choice])
        else:
            total[frame + reach] = accents[frame]
    end = len(accents) - 1 - int(np.argmax(total[reach:][::-1][: max(1, round(period))]))
    beats = []
    while end >= 0:
        beats.append(end)
        end = int(previous[end])
    return np.array(beats[::-1], dtype=np.int64)


def _worth(accents: Array, beats: NDArray[np.int64], period: float) -> float:
    """Which of several grids is the pulse: strong on every beat, weak between, near the usual tempo.

    Half the true tempo leaves strong accents in the middle between its beats, a third of it on both inner thirds;
    double the true tempo puts every second beat on nothing.
    """
    if len(beats) < 3:
        return -np.inf
    nearby = maximum_filter1d(accents, 5)
    capped, steps = np.minimum(nearby, 3.0), np.diff(beats)
    on_beat, middle = float(capped[beats].mean()), float(capped[beats[:-1] + steps // 2].mean())
    thirds = [float(capped[beats[:-1] + steps * part // 3].mean()) for part in (1, 2)]
    # Music rests on some beats; a grid at double (three times) the tempo rests on nearly all but each second (third).
    unevenness = max(_emptiness(nearby[beats], 2, 0.6), _emptiness(nearby[beats], 3, 0.75), _softness(nearby[beats]))
    looseness = min(float(np.abs(np.log(steps / period)).mean()) / STEADY_LOG, 3.0)
    prior = float(np.log(_prior(np.array(period))))
    strength = (on_beat - 0.5 * middle - 0.7 * min(thirds)) / 3.0
    return strength - unevenness - LOOSENESS_WEIGHT * looseness + PRIOR_WEIGHT * prior


def _emptiness(accents: Array, every: int, full: float) -> float:
    """How far the second strongest of `every` interleaved sets of beats falls below `full` of the strongest, 0 or more.

    Three is judged harder than two: chords of two seconds are four beats at 120, not three at 90.
    """
    if len(accents) < every:
        return 0.0
    means = sorted(float(accents[phase::every].mean()) for phase in range(every))
    return max(0.0, full - means[-2] / max(means[-1], 1e-9))


def _softness(accents: Array) -> float:
    """How surely every second beat is softer than the others, as off-beats are; 0 to `SOFT_WEIGHT`."""
    quartiles = [np.quantile(accents[phase::2], (0.25, 0.5, 0.75)) for phase in (0, 1)]
    soft, loud = sorted(float(three[1]) for three in quartiles)
    if soft > SOFT_SHARE * loud:
        return 0.0
    deviation = float(sum(three[2] - three[0] for three in quartiles)) / 2 / 1.35  # as of a normal distribution
    spreads = (loud - soft) / max(deviation, 0.1 * loud, 1e-9)
    sure = (spreads - SOFT_SPREADS) / (SURELY_SOFT_SPREADS - SOFT_SPREADS)
    return SOFT_WEIGHT * min(max(sure, 0.0), 1.0)


def _likelihood(pulse: FloatArray, times_s: Array) -> float:
    """Logarithm of the probability that the network gives to beats at these times and none between, a second."""
    beat = np.clip(pulse.sum(axis=0, dtype=np.float64)[::PULSE_STEP], LEAST_PROBABILITY, 1.0 - LEAST_PROBABILITY)
    at = np.minimum(np.rint(times_s * FRAME_RATE_HZ / PULSE_STEP).astype(np.int64), len(beat) - 1)
    is_beside = np.zeros(len(beat), np.bool_)
    is_beside[at] = True
    is_beside = maximum_filter1d(is_beside, 2 * BESIDE_BEAT + 1)
    gathered = np.log(maximum_filter1d(beat, 5)[at]).sum() + np.log(1.0 - beat[~is_beside]).sum()
    return float(gathered) / (len(beat) * PULSE_STEP / FRAME_RATE_HZ)


def _whole_grid(accents: Array, beats: NDArray[np.int64], duration_s: float, even: Array) -> Array:
    """From the first frame to the end: played beats are kept, beats in rests divide the time between them evenly."""
    stop = float(np.interp(duration_s * FRAME_RATE_HZ, even, np.arange(len(even))))
    refined = beats + _peak_offset(accents, beats)
    supported = np.flatnonzero(maximum_filter1d(accents, 5)[beats] > SUPPORT)
    if len(supported) < 2:
        supported = np.arange(len(beats))
    number = np.arange(supported[0], supported[-1] + 1)
    grid = np.interp(number, supported, refined[supported])
    head, tail = mean_period(grid[:9]), mean_period(grid[-9:])
    num_before, num_after = int(grid[0] / head), int(np.ceil((stop - grid[-1]) / tail)) - 1
    before = grid[0] - head * np.arange(num_before, 0, -1)
    after = grid[-1] + tail * np.arange(1, max(num_after, 0) + 1)
    return np.concatenate([before, grid, after])


def _as_recorded(grid: Array, even: Array, duration_s: float) -> Array:
    """Seconds of what lies at these frames of even tempo; what falls outside the recording or together is left out."""
    times_s = np.maximum(np.interp(grid, np.arange(len(even)), even) / FRAME_RATE_HZ - HEARD_LATE_S, 0.0)
    return np.asarray(times_s[(times_s < duration_s) & (np.diff(times_s, prepend=-1.0) > 0.0)])


def mean_period(times: Array) -> float:
    """Slope of the straight line through the times."""
    number = np.arange(len(times)) - (len(times) - 1) / 2
    return float((number * times).sum() / np.square(number).sum())


def _peak_offset(accents: Array, beats: NDArray[np.int64]) -> Array:
    """Where between the frames the accent peaks, -0.5..0.5, by the parabola through three frames."""
    inside = np.clip(beats, 1, len(accents) - 2)
    left, middle, right = accents[inside - 1], accents[inside], accents[inside + 1]
    is_peak = (middle >= left) & (middle >= right) & (inside == beats)
    return np.where(is_peak, peak_offset(left, middle, right), 0.0)
