"""Filtered noise: white noise that depends on the sample's number alone, through one linear-phase filter per frame."""

from __future__ import annotations

import hashlib
from functools import cache

import numpy as np
from numpy.typing import NDArray

from ensemble.clock import hop_samples
from ensemble.play.kernels import kernel
from ensemble.play.sizes import NUM_BANDS
from ensemble.types.music import FloatArray

BAND_HZ = 375.0
"""Spacing of the bands: band b lies at b * 375 Hz at every sample rate, from 0 to 24 kHz."""
REFERENCE_RATE_HZ = 48_000
WHITE_POWER = 1.0 / 3.0
"""Mean square of white noise, uniform in -1..1, after a filter of magnitude 1 at 48 kHz."""

_HISTORY = 4096
"""Number of sample 0 in the generator's sequence, since filters need noise from before it."""


def noise_key(seed: int, part: str) -> NDArray[np.uint64]:
    """The generator's key for one part of one render.  [2]"""
    name = hashlib.sha256(part.encode()).digest()[:8]
    return np.array([seed % 2**64, int.from_bytes(name, "little")], np.uint64)


def white_noise(key: NDArray[np.uint64], start_sample: int, num_samples: int) -> FloatArray:
    """White noise, uniform in -1..1, from `start_sample` on; a sample depends on its number alone.  [num_samples]

    Source: Philox, a counter-based generator: Salmon et al., Parallel random numbers: as easy as 1, 2, 3 (SC 2011).
    """
    address = start_sample + _HISTORY
    counter, skipped = divmod(address, 8)  # each count gives four words of two samples
    words = np.random.Philox(key=key, counter=counter).random_raw(-(-(skipped + num_samples) // 2))
    bits = words.view(np.uint32)[skipped : skipped + num_samples] >> np.uint32(8)
    noise: FloatArray = bits.astype(np.float32) * np.float32(2.0**-23) - np.float32(1.0)
    return noise


def reach_samples(sample_rate: int) -> int:
    """Length of the filters to either side: 1/750 s, shorter than half a hop."""
    return -(-sample_rate // 750) - 1


@cache
def cosine_table(sample_rate: int) -> FloatArray:
    """The matrix that turns magnitudes into one half of a symmetric impulse response.  [bands, reach + 1]

    The filter is defined in continuous time, under a Hann window of 1/375 s, and sampled at `sample_rate`: its bands
    and its level per hertz are the same at every rate, except that bands above Nyquist are left out.
    """
    time_s = np.arange(reach_samples(sample_rate) + 1) / sample_rate
    centre_hz = BAND_HZ * np.arange(NUM_BANDS)
    share = np.full(NUM_BANDS, 2.0)  # a band includes its negative frequencies
    share[[0, -1]] = 1.0
    share[centre_hz > sample_rate / 2] = 0.0
    density = np.sqrt(sample_rate / REFERENCE_RATE_HZ)
    window = 0.5 + 0.5 * np.cos(2.0 * np.pi * BAND_HZ * time_s)
    table = share[:, None] * np.cos(2.0 * np.pi * centre_hz[:, None] * time_s) * window
    return np.ascontiguousarray(table * density * BAND_HZ / sample_rate, dtype=np.float32)


def filtered_noise(magnitudes: FloatArray, key: NDArray[np.uint64], start_sample: int, sample_rate: int) -> FloatArray:
    """Noise between consecutive frames, cross-faded from each frame's filter to the next one's.

    Each interval depends only on the two frames around it and on the samples' numbers, so there is no state.

    Args:
        magnitudes: of each band, 0 or more.  [intervals + 1, 65]
        key: of the part; see `noise_key`.
        start_sample: the sample of the performance at which the first frame lies.
        sample_rate: in Hz.

    Returns:
        samples [intervals * hop].

    Source: Engel et al., DDSP, ICLR 2020 (arXiv:2001.04643), section 3.3, with the filters fixed in Hz.
    """
    hop, reach = hop_samples(sample_rate), reach_samples(sample_rate)
    num_samples = (len(magnitudes) - 1) * hop
    samples = np.zeros(num_samples, np.float32)
    if magnitudes.any():
        white = white_noise(key, start_sample - reach, num_samples + 2 * reach)
        add_noise(samples, magnitudes, white, cosine_table(sample_rate))
    return samples


@kernel
def add_noise(samples: FloatArray, magnitudes: FloatArray, white: FloatArray, table: FloatArray) -> None:
    """Filter white noise with the frames at both ends of each interval, and add their cross-fade to `samples`.

    Args:
        samples: changed in place.  [intervals * hop]
        magnitudes: of each band.  [intervals + 1, bands]
        white: from `reach` before the first sample to `reach` after the last.  [intervals * hop + 2 * reach]
        table: `cosine_table`.  [bands, reach + 1]
    """
    num_intervals, reach = len(magnitudes) - 1, table.shape[1] - 1
    hop = len(samples) // num_intervals
    source = np.zeros(len(white) + 8, np.float32)  # taps go in groups of four, and the last group may reach further
    source[4:-4] = white
    here, there = np.zeros(reach + 5, np.float32), np.zeros(reach + 5, np.float32)
    level, rise = np.empty(hop, np.float32), np.empty(hop, np.float32)
    ramp = (np.arange(hop) / hop).astype(np.float32)

    _design(here, magnitudes[0], table)
    for interval in range(num_intervals):
        _design(there, magnitudes[interval + 1], table)
        centre = 4 + reach + interval * hop
        for j in range(hop):
            level[j] = here[0] * source[centre + j]
            rise[j] = (there[0] - here[0]) * source[centre + j]
        for tap in range(1, reach + 1, 4):
            h0, h1, h2, h3 = here[tap], here[tap + 1], here[tap + 2], here[tap + 3]
            d0, d1, d2, d3 = there[tap] - h0, there[tap + 1] - h1, there[tap + 2] - h2, there[tap + 3] - h3
            past = source[centre - tap - 3 : centre - tap + hop]
            future = source[centre + tap : centre + tap + hop + 3]
            for j in range(hop):  # the response is symmetric, so both sides share one product
                x0, x1 = past[j + 3] + future[j], past[j + 2] + future[j + 1]
                x2, x3 = past[j + 1] + future[j + 2], past[j] + future[j + 3]
                level[j] += h0 * x0 + h1 * x1 + h2 * x2 + h3 * x3
                rise[j] += d0 * x0 + d1 * x1 + d2 * x2 + d3 * x3
        out = samples[interval * hop : (interval + 1) * hop]
        for j in range(hop):
            out[j] += level[j] + ramp[j] * rise[j]
        here, there = there, here


@kernel
def _design(half: FloatArray, magnitudes: FloatArray, table: FloatArray) -> None:
    """Compute one half of a frame's impulse response, from its centre on; entries beyond the table's reach stay 0."""
    num_bands, num_taps = table.shape
    half[:num_taps] = 0.0
    for band in range(num_bands):
        magnitude = magnitudes[band]
        for tap in range(num_taps):
            half[tap] += magnitude * table[band, tap]
