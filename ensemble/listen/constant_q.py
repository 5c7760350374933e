"""A constant-Q transform: every filter is as many periods of its pitch long, an octave at a time at half the rate.

Filters that are short beside a hop hear through a window of two hops instead, so that nothing between hops is missed.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ensemble.audio.sound import gathered, resampled
from ensemble.audio.spectra import power_spectra
from ensemble.types.music import FloatArray

Array = NDArray[np.float64]


def constant_q(
    samples: FloatArray, sample_rate: int, hop: int, lowest_hz: float, num_bins: int, bins_per_octave: int
) -> FloatArray:
    """Magnitudes around every hop; outside the sound there is silence.

    Args:
        samples: mono.  [samples]
        sample_rate: in Hz; must stay whole when it is halved for each octave.
        hop: samples from one column to the next, likewise.
        lowest_hz: the pitch of the first bin.
        num_bins: how many.
        bins_per_octave: how dense they are.

    Returns:
        The magnitude of each filter's answer, in proportion to the root of the filter's length.  [hops, bins]

    Source: Schoerkhuber and Klapuri, Constant-Q Transform Toolbox for Music Processing, SMC 2010; which filters look
    through the window is decided as in librosa's hybrid transform (McFee et al., librosa, SciPy 2015).
    """
    frequency_hz = lowest_hz * 2.0 ** (np.arange(num_bins) / bins_per_octave)
    two_steps = 2.0 ** (2 / bins_per_octave)
    periods = (two_steps + 1) / (two_steps - 1)
    length = periods * sample_rate / frequency_hz
    is_short = np.exp2(np.ceil(np.log2(length))) < 2 * hop
    heard = [_through_window(samples, sample_rate, hop, frequency_hz[is_short], periods)]
    num_hops, waiting = len(heard[0]), frequency_hz[~is_short]
    while len(waiting):
        sample_rate, hop = sample_rate // 2, hop // 2
        samples = gathered(resampled([samples[None]], 2, 1), 1, len(samples) // 2)[0]
        octave, waiting = waiting[-bins_per_octave:], waiting[:-bins_per_octave]
        heard.insert(0, _octave(samples, hop, num_hops, _filters(octave, periods, sample_rate)))
    magnitude: FloatArray = np.concatenate(heard, axis=1) * np.sqrt(length).astype(np.float32)
    return magnitude


def _octave(samples: FloatArray, hop: int, num_hops: int, filters: NDArray[np.complex64]) -> FloatArray:
    """The filters' answers around every hop.  [hops, bins]"""
    reach = len(filters) // 2
    frames = np.lib.stride_tricks.sliding_window_view(np.pad(samples, (reach, reach + hop)), 2 * reach)
    frames = np.ascontiguousarray(frames[: hop * num_hops : hop])
    magnitude: FloatArray = np.hypot(frames @ filters.real, frames @ filters.imag)
    return magnitude


def _filters(frequency_hz: Array, periods: float, sample_rate: int) -> NDArray[np.complex64]:
    """Oscillations under a Hann window of so many periods, which sums to 1.  [samples, bins]"""
    length = periods * sample_rate / frequency_hz
    reach = int(np.ceil(length.max() / 2))
    at = np.arange(-reach, reach)[:, None]
    window = np.where(np.abs(at) < length / 2, np.square(np.cos(np.pi * at / length)), 0.0)
    filters: NDArray[np.complex128] = window / window.sum(axis=0) * np.exp(2j * np.pi * at * frequency_hz / sample_rate)
    return filters.astype(np.complex64)


def _through_window(samples: FloatArray, sample_rate: int, hop: int, frequency_hz: Array, periods: float) -> FloatArray:
    """What the filters' spectra have in common with that of a Hann window of two hops or more.  [hops, bins]"""
    size = 2 ** int(np.ceil(np.log2(2 * hop)))
    shares = np.abs(np.fft.fft(_filters(frequency_hz, periods, sample_rate), size, axis=0)[: size // 2 + 1])
    shares *= np.sqrt(periods * sample_rate / frequency_hz * 3 / 16 / size)  # root of the length; a Hann window's power
    spectra = power_spectra(samples, 1 + len(samples) // hop, hop, size)
    return np.concatenate([np.sqrt(power) @ shares.astype(np.float32) for _, power in spectra])
