"""A recording's spectral outline, 25 times a second: what chunks are described from and joins are scored on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from ensemble.audio.spectra import bin_frequencies_hz, mel_bands, pitch_class_bands, power_spectra
from ensemble.clock import FRAME_RATE_HZ
from ensemble.types.arrays import FloatArray
from ensemble.types.music import SILENCE_DB, AudioClip, Heard

RATE_HZ = 25
NUM_CEPSTRA = 12
LISTENING_RATE_HZ = 16_000
TIMBRE_WINDOW_SAMPLES = 1024
CHROMA_WINDOW_SAMPLES = 4096
"""A quarter of a second: half the listener's, since what comes after a join must not colour what came before it."""
BASS_HZ = (35.0, 160.0)
MEL_RANGE_DB = 50.0
PEAK_RANGE = 10 ** (-45 / 10)
_NUM_MEL = 26
_FLOOR_POWER = 1e-10
_INAUDIBLE_DB = -70.0
_GROUP = FRAME_RATE_HZ // RATE_HZ
_HOP = LISTENING_RATE_HZ // RATE_HZ


@dataclass(frozen=True, slots=True, kw_only=True)
class SpectralOutline:
    """Frame i describes i / 25 s to (i + 1) / 25 s."""

    chroma: FloatArray
    """Amplitude by pitch class from C; each frame's maximum is 1, or 0 in silence.  [12, frames]"""
    cepstra: FloatArray
    """Of mel bands in dB, without the zeroth, so that the level does not matter.  [12, frames]"""
    level_db: FloatArray
    """A-weighted.  [frames]"""
    low_db: FloatArray
    """Level of the bass band.  [frames]"""
    onset: FloatArray
    """Onset strength.  [frames]"""
    pitch_midi: FloatArray
    """0 where unvoiced.  [frames]"""

    @property
    def num_frames(self) -> int:
        """Number of frames."""
        return len(self.level_db)

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.num_frames / RATE_HZ

    @classmethod
    def of(cls, arrays: Mapping[str, np.ndarray]) -> SpectralOutline:
        """The inverse of `arrays`; other names in it are ignored."""
        return cls(**{field.name: arrays[field.name] for field in fields(cls)})

    def part(self, start_frame: int, stop_frame: int) -> SpectralOutline:
        """Frames start..stop."""
        return SpectralOutline(**{name: values[..., start_frame:stop_frame] for name, values in self.arrays().items()})

    def arrays(self) -> dict[str, np.ndarray]:
        """Everything by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


def spectral_outline(clip: AudioClip, heard: Heard) -> SpectralOutline:
    """Measure the outline of a clip.

    Args:
        clip: as it is listened to: mono, 16 kHz.
        heard: what was understood of the same clip, or of a longer one that begins with it.
    """
    samples = clip.samples[0]
    num_frames = max(clip.num_samples // _HOP, 1)
    centred = samples[_HOP // 2 :]  # frame i is centred in its stretch
    level_db = power_db(
        _grouped(np.power(np.float32(10), heard.frames.loudness_db / 10, dtype=np.float32), num_frames).mean(axis=1)
    )
    chroma, low_db = _tones(centred, num_frames, heard.tuning_cents)
    return SpectralOutline(
        chroma=chroma * (level_db > _INAUDIBLE_DB),
        cepstra=_cepstra(centred, num_frames),
        level_db=level_db,
        low_db=low_db,
        onset=_grouped(heard.frames.onset, num_frames).max(axis=1),
        pitch_midi=_pitch(_grouped(heard.frames.f0_hz, num_frames)),
    )


def _grouped(values: FloatArray, num_frames: int) -> FloatArray:
    """Control frames by outline frame; what is missing at the end repeats the last one.  [frames, 4]"""
    padded = np.pad(values, (0, max(num_frames * _GROUP - len(values), 0)), mode="edge")
    return np.asarray(padded[: num_frames * _GROUP].reshape(num_frames, _GROUP), dtype=np.float32)


def power_db(power: NDArray[np.floating], lowest_db: float = SILENCE_DB) -> FloatArray:
    """Power in dB, at least `lowest_db`."""
    level_db: FloatArray = np.maximum(10 * np.log10(np.maximum(power, _FLOOR_POWER)), lowest_db).astype(np.float32)
    return level_db


def transposed(chroma: FloatArray, semitones: NDArray[np.int64], axis: int) -> FloatArray:
    """Chroma as it is when each moment sounds so many semitones higher.

    Args:
        chroma: [moments, ...], of which `axis` holds the twelve pitch classes.
        semitones: [moments]
        axis: of the pitch classes.
    """
    turn = (np.arange(12) - semitones[:, None]) % 12
    shape = [len(semitones) if at == 0 else 12 if at == axis else 1 for at in range(chroma.ndim)]
    return np.take_along_axis(chroma, turn.reshape(shape), axis=axis)


def _pitch(f0_hz: FloatArray) -> FloatArray:
    """The mean pitch of the voiced frames of each group.  [frames]"""
    voiced = f0_hz > 0
    midi = np.where(voiced, 69 + 12 * np.log2(np.where(voiced, f0_hz, 440.0) / 440), 0.0)
    mean: FloatArray = (midi.sum(axis=1) / np.maximum(voiced.sum(axis=1), 1)).astype(np.float32)
    return mean


def _tones(samples: FloatArray, num_frames: int, tuning_cents: float) -> tuple[FloatArray, FloatArray]:
    """Chroma of the spectrum's peaks, and the level of the bass band.  [12, frames], [frames]"""
    bands = pitch_class_bands(CHROMA_WINDOW_SAMPLES, LISTENING_RATE_HZ, tuning_cents)
    frequency_hz = bin_frequencies_hz(CHROMA_WINDOW_SAMPLES, LISTENING_RATE_HZ)
    is_bass = (frequency_hz >= BASS_HZ[0]) & (frequency_hz < BASS_HZ[1])
    chroma, low = np.zeros((num_frames, 12), dtype=np.float32), np.zeros(num_frames, dtype=np.float32)
    for at, power in power_spectra(samples, num_frames, _HOP, CHROMA_WINDOW_SAMPLES):
        inner = power[:, 1:-1]
        is_peak = (inner > power[:, :-2]) & (inner >= power[:, 2:])
        is_peak &= inner > np.maximum(PEAK_RANGE * inner.max(axis=1, keepdims=True), 1e-10)
        chroma[at] = (np.sqrt(inner) * is_peak) @ bands[1:-1]
        low[at] = power[:, is_bass].sum(axis=1)
    chroma /= np.maximum(chroma.max(axis=1, keepdims=True), np.float32(1e-9))
    return np.ascontiguousarray(chroma.T), power_db(low)


def _cepstra(samples: FloatArray, num_frames: int) -> FloatArray:
    """Cosine transform of the mel bands in dB, bands far below the frame's loudest raised.  [12, frames]"""
    bands = mel_bands(_NUM_MEL, TIMBRE_WINDOW_SAMPLES, LISTENING_RATE_HZ, low_hz=60.0, high_hz=7000.0)
    cepstra = np.zeros((num_frames, NUM_CEPSTRA), dtype=np.float32)
    for at, power in power_spectra(samples, num_frames, _HOP, TIMBRE_WINDOW_SAMPLES):
        level_db = 10 * np.log10(np.maximum(power @ bands, _FLOOR_POWER))
        level_db = np.maximum(level_db, level_db.max(axis=1, keepdims=True) - MEL_RANGE_DB)
        cepstra[at] = scipy.fft.dct(level_db, axis=1, norm="ortho")[:, 1 : NUM_CEPSTRA + 1]
    return np.ascontiguousarray(cepstra.T)


class RunningMeans:
    """Means of an outline's rows over any stretches of time, from running sums; outside the outline there is nothing.

    Args:
        rows: [rows, frames].
    """

    def __init__(self, rows: FloatArray) -> None:
        self._sums = np.zeros((len(rows), rows.shape[1] + 1))
        np.cumsum(rows, axis=1, dtype=np.float64, out=self._sums[:, 1:])

    def over(self, start_s: NDArray[np.float64], stop_s: NDArray[np.float64]) -> FloatArray:
        """Mean over each stretch, of the part of it that lies inside; 0 where none does.  [rows, *stretches]"""
        last = self._sums.shape[1] - 1
        start, stop = np.clip(start_s * RATE_HZ, 0, last), np.clip(stop_s * RATE_HZ, 0, last)
        length = stop - start
        total = np.where(length > 0, self._at(stop) - self._at(start), 0.0)
        mean: FloatArray = (total / np.where(length > 0, length, 1.0)).astype(np.float32)
        return mean

    def _at(self, frame: NDArray[np.float64]) -> NDArray[np.float64]:
        left = np.minimum(frame.astype(np.int64), self._sums.shape[1] - 2)
        share = frame - left
        at: NDArray[np.float64] = self._sums[:, left] * (1 - share) + self._sums[:, left + 1] * share
        return at
