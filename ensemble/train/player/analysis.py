"""What a recording's harmonics and noise are, frame by frame: what stage one is taught, and how noisy a sound is.

Each bin of a short-time spectrum belongs to the nearest partial of the known fundamental. The middle of the gaps
between harmonics is noise; near a harmonic, whatever exceeds the noise is harmonic. Powers only, so that neither
vibrato nor the stereo samples' mixed phases get in the way.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ensemble.audio.spectra import power_spectra
from ensemble.clock import hop_samples
from ensemble.play.inharmonicity import Inharmonicity
from ensemble.play.noise import BAND_HZ, WHITE_POWER
from ensemble.play.sizes import NUM_BANDS, NUM_HARMONICS
from ensemble.train.gradients import fast_kernel
from ensemble.train.recordings import TrainingRecording
from ensemble.types.music import FloatArray

ANALYSIS_VERSION = 3
NEAR_HARMONIC = 0.3
"""Of f0: closer to a multiple than this is the harmonic, farther is noise."""
_WINDOW_PERIODS = 11
"""Periods of the lowest note in a window: what a Hann window spills beyond a harmonic's reach is 40 dB below it."""
_SHORTEST_WINDOW_S, _LONGEST_WINDOW_S = 0.02, 0.18
VOICED_DB = -60.0
"""Below this loudness nothing is taught about harmonics."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """Of one recording."""

    harmonics: np.ndarray
    """Amplitudes, float16.  [frames, num_harmonics]"""
    noise: np.ndarray
    """Magnitudes, float16.  [frames, bands]"""
    is_known: np.ndarray
    """Where a pitch sounded.  [frames]"""


def window_samples(f0_hz: FloatArray, sample_rate: int) -> int:
    """A window long enough for the lowest notes of a recording, even."""
    sounding = f0_hz[f0_hz > 0]
    lowest_hz = float(np.percentile(sounding, 2)) if len(sounding) else 440.0
    wanted_s = min(_WINDOW_PERIODS / lowest_hz, _LONGEST_WINDOW_S)
    return 2 * round(max(wanted_s, _SHORTEST_WINDOW_S) * sample_rate / 2)


def analyse(recording: TrainingRecording, inharmonicity: Inharmonicity | None = None) -> Analysis:
    """Measure every frame of a recording.

    Args:
        recording: one line.
        inharmonicity: where its partials lie; at whole multiples where absent.
    """
    rate, num_frames = recording.sample_rate, recording.num_frames
    size = window_samples(recording.f0_hz[recording.is_voiced], rate)
    harmonics = np.zeros((num_frames, NUM_HARMONICS), np.float32)
    noise = np.zeros((num_frames, NUM_BANDS), np.float32)
    known = recording.is_voiced & (recording.loudness_db > VOICED_DB)
    f0_hz = np.where(known, recording.f0_hz, np.float32(0.0))
    stiffness = np.zeros(num_frames) if inharmonicity is None else inharmonicity.at(f0_hz)
    for at, power in power_spectra(recording.samples, num_frames, hop_samples(rate), size):
        split_power(power, f0_hz[at], stiffness[at], rate / size, BAND_HZ, NEAR_HARMONIC, harmonics[at], noise[at])
    amplitude = np.sqrt(2.0 * harmonics)
    magnitude = np.sqrt(noise * (BAND_HZ * (NUM_BANDS - 1) / WHITE_POWER))
    limit = np.float16(6e4)
    as_half = [np.minimum(levels, limit).astype(np.float16) for levels in (amplitude, magnitude)]
    return Analysis(harmonics=as_half[0], noise=as_half[1], is_known=known)


@fast_kernel
def split_power(
    power: FloatArray,
    f0_hz: FloatArray,
    stiffness: NDArray[np.float64],
    bin_hz: float,
    band_hz: float,
    near: float,
    harmonics: FloatArray,
    noise: FloatArray,
) -> None:
    """Share out power spectra.

    Args:
        power: of every bin.  [frames, bins]
        f0_hz: 0 where there is no pitch: all is noise.  [frames]
        stiffness: the coefficient B of the partials.  [frames]
        bin_hz: from one bin to the next.
        band_hz: from one noise band to the next.
        near: of f0, how far a harmonic reaches.
        harmonics: is filled with power.  [frames, num_harmonics]
        noise: is filled with power per hertz.  [frames, bands]
    """
    num_frames, num_bins = power.shape
    num_harmonics, num_bands = harmonics.shape[1], noise.shape[1]
    for frame in range(num_frames):
        f0, stiff = f0_hz[frame], stiffness[frame]
        count = np.zeros(num_bands)
        found = np.zeros(num_bands)
        for j in range(1, num_bins):
            hz = j * bin_hz
            number = partial_number(hz / f0, stiff) if f0 > 0 else 0
            if number == 0 or abs(hz - partial_hz(number, f0, stiff)) > near * f0:
                if f0 > 0 and number == 0:
                    continue  # below the first harmonic: rumble says nothing about breath
                band = min(math_round(hz / band_hz), num_bands - 1)
                count[band] += 1.0
                found[band] += power[frame, j]
        level = 0.0
        for band in range(num_bands):  # a band without a gap of its own is like the one below it
            if count[band] > 0:
                level = found[band] / count[band] / bin_hz
            elif level == 0.0:
                above = band
                while above < num_bands - 1 and count[above] == 0:
                    above += 1
                level = found[above] / max(count[above], 1.0) / bin_hz
            noise[frame, band] = level
        if f0 <= 0:
            continue
        for j in range(1, num_bins):
            hz = j * bin_hz
            number = partial_number(hz / f0, stiff)
            if 0 < number <= num_harmonics and abs(hz - partial_hz(number, f0, stiff)) <= near * f0:
                band = min(math_round(hz / band_hz), num_bands - 1)
                harmonics[frame, number - 1] += power[frame, j] - noise[frame, band] * bin_hz
        for k in range(num_harmonics):
            harmonics[frame, k] = max(harmonics[frame, k], 0.0)


@fast_kernel
def math_round(value: float) -> int:
    """The nearest whole number of one that is not negative."""
    return int(value + 0.5)


@fast_kernel
def partial_hz(number: int, f0_hz: float, stiffness: float) -> float:
    """Where a partial lies."""
    return number * f0_hz * math.sqrt(1.0 + stiffness * number * number) if stiffness > 0 else number * f0_hz


@fast_kernel
def partial_number(height: float, stiffness: float) -> int:
    """The partial nearest to a height in multiples of f0."""
    if stiffness > 0:
        height = math.sqrt((math.sqrt(1.0 + 4.0 * stiffness * height * height) - 1.0) / (2.0 * stiffness))
    return math_round(height)


def harmonic_to_noise_db(analysis: Analysis, sample_rate: int) -> FloatArray:
    """Power of the harmonics over that of the noise, where a pitch sounds.  [known frames]"""
    bands = int(sample_rate / 2 // BAND_HZ) + 1
    harmonic = 0.5 * np.square(analysis.harmonics[analysis.is_known].astype(np.float32)).sum(axis=1)
    noise = np.square(analysis.noise[analysis.is_known, :bands].astype(np.float32)).sum(axis=1)
    noise *= WHITE_POWER / (NUM_BANDS - 1)
    ratio: FloatArray = 10.0 * np.log10((harmonic + 1e-12) / (noise + 1e-12))
    return ratio


def frame_hnr_db(sound: FloatArray, truth: TrainingRecording, inharmonicity: Inharmonicity | None = None) -> FloatArray:
    """Harmonics over noise of a sound at a recording's pitch; NaN where none sounds.  [frames]"""
    analysis = analyse(replace(truth, samples=sound), inharmonicity)
    ratios = np.full(truth.num_frames, np.nan, np.float32)
    ratios[analysis.is_known] = harmonic_to_noise_db(analysis, truth.sample_rate)
    return ratios


def median_hnr_db(sound: FloatArray, truth: TrainingRecording, inharmonicity: Inharmonicity | None = None) -> float:
    """Harmonics over noise of a sound at a recording's pitch, the median of the frames where one sounds."""
    return known_median(frame_hnr_db(sound, truth, inharmonicity))


def known_median(values: FloatArray) -> float:
    """The median of what is not NaN; NaN where nothing is."""
    known = values[~np.isnan(values)]
    return float(np.median(known)) if len(known) else float("nan")
