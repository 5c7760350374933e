"""Filtered noise: white noise that is a function of the sample's number, through one linear-phase filter per frame."""

from __future__ import annotations

import hashlib
from functools import cache

import numpy as np
from numpy.typing import NDArray

from ensemble.clock import hop_samples
from ensemble.play.kernels import kernel
from ensemble.types import FloatArray

NUM_BANDS = 65
BAND_HZ = 375.0
"""Band b lies at b * 375 Hz at every sample rate: 0 to 24 kHz."""
REFERENCE_RATE_HZ = 48_000
WHITE_POWER = 1.0 / 3.0
"""Mean square of white noise, uniform in -1..1, that passes a filter of magnitude 1 at 48 kHz."""

_HISTORY = 4096
"""The generator's address of sample 0: filters reach back before it."""


def noise_key(seed: int, part: str) -> NDArray[np.uint64]:
    """The generator's key for one part of one render.  [2]"""
    name = hashlib.sha256(part.encode()).digest()[:8]
    return np.array([seed % 2**64, int.from_bytes(name, "little")], np.uint64)


def white_noise(key: NDArray[np.uint64], start_sample: int, num_samples: int) -> FloatArray:
    """White noise of samples `start_sample` on, uniform in -1..1: any stretch, in any order, the same.  [num_samples]

    Source: Salmon et al., Parallel random numbers: as easy as 1, 2, 3 (SC 2011): Philox, a counter-based generator.
    """
    address = start_sample + _HISTORY
    counter, skipped = divmod(address, 8)  # four words of two samples at every count
    words = np.random.Philox(key=key, counter=counter).random_raw(-(-(skipped + num_samples) // 2))
    bits = words.view(np.uint32)[skipped : skipped + num_samples] >> np.uint32(8)
    noise: FloatArray = bits.astype(np.float32) * np.float32(2.0**-23) - np.float32(1.0)
    return noise


def reach_samples(sample_rate: int) -> int:
    """How far the filters reach to either side: 1/750 s, shorter than half a hop."""
    return -(-sample_rate // 750) - 1


@cache
def cosine_table(sample_rate: int) -> FloatArray:
    """From magnitudes to one half of a symmetric impulse response, `magnitudes @ table`.  [bands, reach + 1]

    One filter in continuous time, under a Hann window of 1/375 s, sampled at whichever rate: so are its bands, except
    that those above Nyquist are left out, and its level per hertz.
    """
    time_s = np.arange(reach_samples(sample_rate) + 1) / sample_rate
    centre_hz = BAND_HZ * np.arange(NUM_BANDS)
    share = np.full(NUM_BANDS, 2.0)  # a band stands for its negative frequencies too
    share[[0, -1]] = 1.0
    share[centre_hz > sample_rate / 2] = 0.0
    density = np.sqrt(sample_rate / REFERENCE_RATE_HZ)
    window = 0.5 + 0.5 * np.cos(2.0 * np.pi * BAND_HZ * time_s)
    table = share[:, None] * np.cos(2.0 * np.pi * centre_hz[:, None] * time_s) * window
    return np.ascontiguousarray(table * density * BAND_HZ / sample_rate, dtype=np.float32)


@cache
def grain_window(sample_rate: int) -> FloatArray:
    """The stretch of noise that one frame filters, centred on the frame.  [2 * (hop - reach)]

    Neighbours cross-fade, and their windows add up to 1; for one filter's reach around a frame no other one sounds,
    so that the sound between two frames depends on these two alone and nothing is carried over.
    """
    hop, reach = hop_samples(sample_rate), reach_samples(sample_rate)
    distance = np.abs(np.arange(reach - hop, hop - reach) + 0.5)
    fade = (hop - reach - distance) / (hop - 2 * reach)
    return np.asarray(np.clip(fade, 0.0, 1.0), np.float32)


def filtered_noise(magnitudes: FloatArray, key: NDArray[np.uint64], start_sample: int, sample_rate: int) -> FloatArray:
    """Noise between consecutive frames, its spectrum following theirs.

    Args:
        magnitudes: 0 or more, of each band.  [intervals + 1, 65]
        key: of the part.
        start_sample: the absolute sample on which the first frame sits.
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
        add_noise(samples, magnitudes, white, cosine_table(sample_rate), grain_window(sample_rate))
    return samples


@kernel
def add_noise(
    samples: FloatArray, magnitudes: FloatArray, white: FloatArray, table: FloatArray, window: FloatArray
) -> None:
    """Filter and overlap-add every frame's grain.

    Args:
        samples: is added to.  [intervals * hop]
        magnitudes: of each band.  [intervals + 1, bands]
        white: from `reach` before the first sample to `reach` after the last.  [intervals * hop + 2 * reach]
        table: `cosine_table`.  [bands, reach + 1]
        window: `grain_window`.  [grain]
    """
    num_frames, num_bands = magnitudes.shape
    reach = table.shape[1] - 1
    hop = len(samples) // (num_frames - 1)
    num_taps = 2 * reach + 1
    padded_taps = num_taps + (-num_taps) % 4  # taps are taken four at a time
    half = np.empty(reach + 1, np.float32)
    taps = np.zeros(padded_taps, np.float32)
    margin = padded_taps - 1
    grain = np.zeros(len(window) + 2 * margin, np.float32)

    for frame in range(num_frames):
        half[:] = 0.0
        for band in range(num_bands):
            magnitude = magnitudes[frame, band]
            for tap in range(reach + 1):
                half[tap] += magnitude * table[band, tap]
        for tap in range(reach + 1):
            taps[reach + tap] = half[tap]
            taps[reach - tap] = half[tap]

        first = frame * hop + 2 * reach - hop  # the grain's first sample, counted in `white`
        begin, end = max(0, -first), min(len(window), len(white) - first)
        grain[:] = 0.0
        for j in range(begin, end):
            grain[margin + j] = window[j] * white[first + j]

        left = first - 2 * reach  # output sample of the grain's first sample through the first tap
        out_begin, out_end = max(0, left + begin), min(len(samples), left + end + 2 * reach)
        out = samples[out_begin:out_end]
        offset = out_begin - left + margin
        for tap in range(0, padded_taps, 4):
            h0, h1, h2, h3 = taps[tap], taps[tap + 1], taps[tap + 2], taps[tap + 3]
            source = grain[offset - tap - 3 : offset - tap + len(out)]
            for j in range(len(out)):
                out[j] += h0 * source[j + 3] + h1 * source[j + 2] + h2 * source[j + 1] + h3 * source[j]
