"""What is left of a stroke beside its modes, as noise in bands whose levels are given at knots."""

from __future__ import annotations

import numpy as np
import scipy.fft
import scipy.optimize
from numpy.typing import NDArray

from ensemble.play.fitted_kit import band_masks, knot_samples
from ensemble.play.kit_file import NUM_KNOTS, NUM_NOISE_BANDS

Array = NDArray[np.float64]
FLOOR_DB = -120.0
_ROUNDS = 6


def noise_levels_db(residual: Array, num_samples: int) -> Array:
    """The level of every band at every knot; a band never grows again after it was loudest.

    The knots' levels are found by rounds: expected power under the interpolated levels against the power heard, both
    averaged around every knot.

    Args:
        residual: what the modes leave of a stroke, at 48 kHz.  [samples]
        num_samples: length of the drum's sound; beyond the recording the last decay goes on.

    Returns:
        [NUM_NOISE_BANDS, NUM_KNOTS], in dB.
    """
    size = scipy.fft.next_fast_len(2 * len(residual), real=True)
    spectrum = scipy.fft.rfft(residual, size)
    knots = knot_samples(num_samples)
    recorded = int((knots < len(residual)).sum())
    around = _hats(knots[: recorded + 1], len(residual))
    levels_db = np.full((NUM_NOISE_BANDS, NUM_KNOTS), FLOOR_DB)
    for band, (first, mask) in enumerate(band_masks(size)):
        if not mask.any():
            continue
        inside = np.zeros(len(spectrum), complex)
        share = mask / mask.max()
        inside[first : first + len(mask)] = spectrum[first : first + len(mask)] * share
        heard = np.square(scipy.fft.irfft(inside, size)[: len(residual)])
        power = around @ heard
        found = 10.0 * np.log10(power + 1e-12)
        for _ in range(_ROUNDS):
            expected = around @ 10.0 ** (np.interp(np.arange(len(residual)), knots[:recorded], found) / 10.0)
            found += 10.0 * np.log10((power + 1e-12) / (expected + 1e-12))
        levels_db[band, :recorded] = found
    return falling(levels_db, knots, recorded)


def falling(levels_db: Array, knots: NDArray[np.int64], recorded: int) -> Array:
    """Let bands only fall after they were loudest, and fall on as they did when the recording ends, or faster.

    Where a band grows again, its power is evened out over the knots that disagree: the energy stays.
    """
    after = levels_db.copy()
    lasting = np.gradient(knots[:recorded].astype(np.float64))
    for band in after:
        top = int(np.argmax(band[:recorded]))
        power = 10.0 ** (band[top:recorded] / 10.0)
        only_falls = scipy.optimize.isotonic_regression(power, weights=lasting[top:], increasing=False)
        band[top:recorded] = 10.0 * np.log10(only_falls.x)
        if recorded < len(band):
            since = [min(top, recorded - 2), max(recorded - 4, min(top, recorded - 2))]
            slope = min((band[recorded - 1] - band[k]) / (knots[recorded - 1] - knots[k]) for k in since)
            ahead = band[recorded - 1] + min(slope, 0.0) * (knots[recorded:] - knots[recorded - 1])
            band[recorded:] = np.maximum(ahead, FLOOR_DB)
    return np.maximum(after, FLOOR_DB)


def _hats(knots: NDArray[np.int64], num_samples: int) -> Array:
    """Averages around every knot, weighted by how near it is.  [knots - 1, num_samples]"""
    time = np.arange(num_samples)
    ends = np.minimum(knots, num_samples - 1)
    hats = np.array([np.interp(time, ends, np.eye(len(knots))[k]) for k in range(len(knots) - 1)])
    means: Array = hats / np.maximum(hats.sum(axis=1, keepdims=True), 1e-12)
    return means
