"""Together or not: how far a follower's onsets lie from the leader's, and whether the distance grows.

Conventions: onsets are heard in the sound of both, by one detector, so that what it hears late it hears late twice; a
follower's onset counts where the leader has one within `TOGETHER_MS`, for only there can anybody hear a difference.
Positive is late. Onsets that have nothing to do with each other are 35 ms apart in the median.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ensemble.audio.later import maximum_filter1d, percentile_filter
from ensemble.audio.spectra import band_rise_db, mel_bands, peak_offset, power_spectra
from ensemble.types.music import FloatArray

Array = NDArray[np.float64]
TOGETHER_MS = 70.0
MIN_TOGETHER = 8
"""With fewer common onsets nothing is said."""
MIN_SPAN_S = 15.0
"""A slope over less is chance: onsets are played and heard with 10 ms of freedom."""
HOP_S = 0.005
_WINDOW_S, _LAG_S = 0.032, 0.02
_NUM_BANDS, _RANGE_DB = 40, 60.0
_APART_S, _SURROUND_S = 0.05, 1.5
_LEAST_RISE = 0.12
"""In 10 dB, mean over the bands."""


class Together(NamedTuple):
    """Of one follower against one leader; None where too few onsets are shared."""

    offset_ms: float | None
    """Median distance of the onsets, either way."""
    lag_ms: float | None
    """The same with its sign: positive is late."""
    drift_ms_per_min: float | None
    """Slope of the signed distance."""


def onset_times(samples: FloatArray, sample_rate: int) -> Array:
    """When notes begin to be heard, in seconds, rising.

    Args:
        samples: [samples], mono.
        sample_rate: 16 kHz or more.

    Source: spectral flux on log bands, with maximum filtering: Boeck and Widmer, SuperFlux, DAFx 2013.
    """
    hop, window = round(HOP_S * sample_rate), 2 * round(_WINDOW_S * sample_rate / 2)
    num_frames = len(samples) // hop + 1
    bands = mel_bands(_NUM_BANDS, window, sample_rate, low_hz=40.0, high_hz=7000.0)
    level = np.empty((num_frames, _NUM_BANDS), np.float32)
    for at, power in power_spectra(samples, num_frames, hop, window):
        level[at] = power @ bands
    if not level.max(initial=0.0) > 0:
        return np.empty(0)
    rise = band_rise_db(level, _RANGE_DB, round(_LAG_S / HOP_S)).astype(np.float64) / 10
    usual = percentile_filter(rise, 70, size=2 * round(_SURROUND_S / HOP_S / 2) + 1)
    apart = 2 * round(_APART_S / HOP_S) + 1
    is_peak = (rise == maximum_filter1d(rise, apart)) & (rise > np.maximum(1.5 * usual, _LEAST_RISE))
    peaks = np.flatnonzero(is_peak)
    peaks = peaks[np.diff(peaks, prepend=-apart) > 1]
    padded = np.pad(rise, 1)
    return np.asarray((peaks + peak_offset(padded[peaks], padded[peaks + 1], padded[peaks + 2])) * HOP_S)


def together(leader_s: Array, follower_s: Array) -> Together:
    """Compare the onsets of two sounds.

    Args:
        leader_s: rising, in seconds.
        follower_s: rising, in seconds.
    """
    at_s, away_s = matched(leader_s, follower_s)
    if len(at_s) < MIN_TOGETHER:
        return Together(None, None, None)
    offset_ms, lag_ms = 1000 * float(np.median(np.abs(away_s))), 1000 * float(np.median(away_s))
    return Together(offset_ms, lag_ms, _drift_ms_per_min(at_s, away_s))


def matched(leader_s: Array, follower_s: Array) -> tuple[Array, Array]:
    """When a follower begins something together with the leader, and how much later than the leader, in seconds."""
    if not len(leader_s) or not len(follower_s):
        return np.empty(0), np.empty(0)
    middles = (leader_s[:-1] + leader_s[1:]) / 2
    away_s = follower_s - leader_s[np.searchsorted(middles, follower_s)]
    is_near = np.abs(away_s) <= TOGETHER_MS / 1000
    return follower_s[is_near], away_s[is_near]


def _drift_ms_per_min(at_s: Array, away_s: Array) -> float | None:
    """The median slope between the onsets of the first half and those of the second.

    Source: a Theil-Sen estimator on pairs half the piece apart, where the slope is least uncertain.
    """
    half = len(at_s) // 2
    span_s = at_s[-half:][:, None] - at_s[:half][None, :]
    if at_s[-1] - at_s[0] < MIN_SPAN_S:
        return None
    rise_s = away_s[-half:][:, None] - away_s[:half][None, :]
    is_far = span_s > 0.25 * (at_s[-1] - at_s[0])
    return 60_000 * float(np.median(rise_s[is_far] / span_s[is_far]))
