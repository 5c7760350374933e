"""Measures a seam: whether it clicks, and how far level, timbre and pitch step, compared with natural transitions.

A seam is the region [start, stop) in which one sound fades into another; it ends where the next note is struck.
`click_ratio` is the largest second difference within it over the 99.9th percentile of the 50 ms on either side
(see `ensemble.audio.clicks`): 1 or less cannot be heard. The steps compare the 100 ms before it with the 100 ms after.
A recording's own transitions are measured in the same way, in regions of the same length before its beats: the
percentile of a value among them says whether it would stand out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from ensemble.audio.attacks import attack_near
from ensemble.audio.clicks import PERCENTILE, REACH_SAMPLES, ROUNDING, SURROUND_S
from ensemble.audio.spectra import mel_bands
from ensemble.types.music import FloatArray

Array = NDArray[np.float64]
SIDE_S = 0.1
"""Length of the sound on either side that is compared."""
NUM_BANDS = 40
LOW_HZ, HIGH_HZ = 60.0, 7600.0
FLOOR_DB = -80.0
"""Lowest level that is told apart from silence."""
BAND_RANGE_DB = 50.0
"""Bands further below the loudest one are masked by it, and count as equal."""
ATTACK_REACH_S = 0.045
"""How far from a beat its attack is searched for."""
LOWEST_F0_HZ, HIGHEST_F0_HZ = 40.0, 1600.0
MIN_CLARITY = 0.8
"""Least normalised autocorrelation at which a sound has one pitch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeamFacts:
    """Measures of one seam."""

    click_ratio: float
    """Largest second difference over what is usual around the seam; 0 in silence."""
    level_step_db: float
    """Level after the seam minus level before it."""
    spectral_distance_db: float | None
    """Root mean square difference of the two sides' mel spectra at equal level; None where a side is silent."""
    pitch_step_cents: float | None
    """Pitch after the seam minus pitch before it; None where either side has no one pitch."""


def seam_facts(sound: FloatArray, sample_rate: int, start: int, stop: int) -> SeamFacts:
    """Measure one seam.

    Args:
        sound: [channels, samples].
        sample_rate: in Hz.
        start: first sample of the seam.
        stop: first sample after it.

    Raises:
        ValueError: the seam does not lie inside the sound.
    """
    if not 0 < start < stop < sound.shape[1]:
        raise ValueError(f"a seam from {start} to {stop} in {sound.shape[1]} samples joins nothing")
    side = round(SIDE_S * sample_rate)
    before, after = sound[:, max(start - side, 0) : start], sound[:, stop : stop + side]
    levels = [_level_db(piece) for piece in (before, after)]
    pitches = [f0_hz(piece.mean(axis=0), sample_rate) for piece in (before, after)]
    return SeamFacts(
        click_ratio=click_ratio(sound, sample_rate, start, stop),
        level_step_db=levels[1] - levels[0],
        spectral_distance_db=_spectral_distance_db(before, after, sample_rate),
        pitch_step_cents=float(1200 * np.log2(pitches[1] / pitches[0])) if all(pitches) else None,
    )


def click_ratio(sound: FloatArray, sample_rate: int, start: int, stop: int) -> float:
    """The largest second difference from `start` to `stop` over what is usual on either side; 0 in silence."""
    surround = round(SURROUND_S * sample_rate)
    first = max(start - REACH_SAMPLES - surround - 1, 0)
    rough = _roughness(sound[:, first : stop + REACH_SAMPLES + surround + 1])
    inside = slice(max(start - REACH_SAMPLES - 1 - first, 0), stop + REACH_SAMPLES - first)
    at_seam = float(rough[inside].max(initial=0.0))
    around = np.delete(rough, inside)
    if at_seam <= ROUNDING:
        return 0.0
    return at_seam / max(float(np.percentile(around, PERCENTILE)) if len(around) else 0.0, ROUNDING)


def natural_transitions(
    sound: FloatArray, sample_rate: int, at_samples: Iterable[int], seam_samples: int
) -> tuple[SeamFacts, ...]:
    """Measure a recording's own transitions, as seams of the given length just before each of its beats.

    Args:
        sound: [channels, samples].
        sample_rate: in Hz.
        at_samples: beats or onsets of the recording; those too near its ends are skipped.
        seam_samples: length of the seam that will be compared with them.
    """
    margin = round((SURROUND_S + SIDE_S) * sample_rate)
    facts = []
    for at in at_samples:
        struck = attack_near(sound, at, sample_rate, ATTACK_REACH_S)
        stop = at if struck is None else struck
        start = stop - seam_samples
        if start >= margin and stop + margin <= sound.shape[1]:
            facts.append(seam_facts(sound, sample_rate, start, stop))
    return tuple(facts)


def percentiles(facts: SeamFacts, natural: Sequence[SeamFacts]) -> dict[str, float | None]:
    """The percentile of each measure, by absolute value, among natural transitions: 0 is smoothest, 100 roughest.

    Returns:
        Percentiles by the measure's name; None where there is nothing to compare with.
    """
    placed: dict[str, float | None] = {}
    for field in fields(SeamFacts):
        value = getattr(facts, field.name)
        among = np.array([abs(one) for other in natural if (one := getattr(other, field.name)) is not None])
        placed[field.name] = _percentile(abs(value), among) if value is not None and len(among) else None
    return placed


def f0_hz(samples: FloatArray, sample_rate: int) -> float:
    """Fundamental frequency of a short steady mono sound; 0 where it has no one pitch.

    Source: the normalised square difference and its first key maximum are McLeod and Wyvill, A Smarter Way to Find
    Pitch, ICMC 2005.
    """
    centred = samples.astype(np.float64) - samples.mean(dtype=np.float64)
    longest = min(round(sample_rate / LOWEST_F0_HZ), len(centred) // 2)
    shortest = max(round(sample_rate / HIGHEST_F0_HZ), 1)
    if longest <= shortest + 2 or float(np.square(centred).mean()) <= 10 ** (FLOOR_DB / 10):
        return 0.0
    size = 1 << (2 * len(centred) - 1).bit_length()
    products = np.fft.irfft(np.square(np.abs(np.fft.rfft(centred, size))), size)[: longest + 2]
    running = np.concatenate([[0.0], np.cumsum(np.square(centred))])
    lags = np.arange(longest + 2)
    powers = running[len(centred) - lags] + running[-1] - running[lags]
    clarity = 2 * products / np.maximum(powers, 1e-12)
    inside = np.arange(shortest, longest + 1)
    is_peak = (clarity[inside] >= clarity[inside - 1]) & (clarity[inside] > clarity[inside + 1])
    peaks = inside[is_peak & (clarity[inside] > MIN_CLARITY)]
    if not len(peaks):
        return 0.0
    lag = int(peaks[np.argmax(clarity[peaks] >= 0.95 * clarity[peaks].max())])
    left, middle, right = clarity[lag - 1 : lag + 2]
    return float(sample_rate / (lag + 0.5 * (left - right) / min(left - 2 * middle + right, -1e-12)))


def _roughness(sound: FloatArray) -> Array:
    """Absolute second difference, the larger of the channels; value i is centred on sample i + 1.  [samples - 2]"""
    rough: Array = np.abs(np.diff(sound.astype(np.float64), 2, axis=1)).max(axis=0)
    return rough


def _level_db(piece: FloatArray) -> float:
    """Root mean square in dB, at least `FLOOR_DB`."""
    return max(10 * float(np.log10(np.square(piece, dtype=np.float64).mean() + 1e-20)), FLOOR_DB)


def _spectral_distance_db(before: FloatArray, after: FloatArray, sample_rate: int) -> float | None:
    """Root mean square difference of two mel spectra at equal level; None where either side is silent."""
    spectra_db = [_mel_db(piece, sample_rate) for piece in (before, after)]
    if min(spectrum.max() for spectrum in spectra_db) <= FLOOR_DB:
        return None
    shown = [np.maximum(spectrum - spectrum.max(), -BAND_RANGE_DB) for spectrum in spectra_db]
    difference = shown[1] - shown[0]
    return float(np.sqrt(np.square(difference - difference.mean()).mean()))


def _mel_db(piece: FloatArray, sample_rate: int) -> Array:
    """Level of each mel band over a whole piece.  [NUM_BANDS]"""
    size = 2 * (round(SIDE_S * sample_rate) // 2)
    padded = np.zeros((len(piece), size))
    padded[:, : piece.shape[1]] = piece[:, :size] * np.hanning(min(piece.shape[1], size))
    power = np.square(np.abs(np.fft.rfft(padded, axis=1))).mean(axis=0) / (size * 0.375 * size / 2)
    bands = mel_bands(NUM_BANDS, size, sample_rate, LOW_HZ, min(HIGH_HZ, sample_rate / 2))
    level_db: Array = 10 * np.log10(np.maximum(power @ bands, 10 ** (FLOOR_DB / 10)))
    return level_db


def _percentile(value: float, among: Array) -> float:
    """Percentage of `among` that is smaller than `value`; equal values count half."""
    return float(100 * ((among < value).mean() + 0.5 * (among == value).mean()))
