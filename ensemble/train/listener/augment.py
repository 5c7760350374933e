"""The many sounds of one piece: who plays, how loud, how fast and high; in which room, through what, in what noise."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import scipy.signal
import soxr

from ensemble.audio.recording import opened
from ensemble.listen.causal_features import SAMPLE_RATE_HZ
from ensemble.train.listener.material import ComposedPiece
from ensemble.train.listener.settings import ListenerAugmentation
from ensemble.types.music import FloatArray

SPREAD_SEMITONES = 0.5
"""Of the crops, this half only is out of tune; the rest is transposed as well."""


class HeardCrop(NamedTuple):
    """A moment of a piece as it is heard."""

    samples: FloatArray
    """[samples] at 16 kHz."""
    start_s: float
    """Where in the piece it begins."""
    speed: float
    """Seconds of the piece in one of its own."""
    semitones: int
    """How far its chords are transposed; what is left of `speed` is its tuning."""
    has_chords: bool
    """Whether more than one voice is heard."""


def heard_crop(
    piece: ComposedPiece, num_samples: int, changes: ListenerAugmentation, rng: np.random.Generator
) -> HeardCrop:
    """Cut a moment out of a piece, and let it sound in one of many ways.

    Args:
        piece: to cut from.
        num_samples: how long, at 16 kHz.
        changes: what may happen.
        rng: decides.
    """
    reach = changes.shift_semitones if rng.random() < 0.5 else min(SPREAD_SEMITONES, changes.shift_semitones)
    shift = float(rng.uniform(-reach, reach))
    speed = 2.0 ** (shift / 12)
    length_s = num_samples / SAMPLE_RATE_HZ * speed
    start_s = float(rng.uniform(0.0, max(piece.duration_s - length_s, 0.0)))
    dry = np.zeros(num_samples, np.float32)
    has_chords = rng.random() >= changes.alone_share
    gains_db = _gains_db(piece, changes, rng) if has_chords else _alone(piece, rng)
    for path, gain_db in zip(piece.stems, gains_db, strict=True):
        if gain_db is not None:
            part = _read(path, start_s, length_s, speed)[:num_samples]
            dry[: len(part)] += part * np.float32(10 ** (gain_db / 20))
    wet = _noisy(_through(_in_room(dry, changes, rng), changes, rng), changes, rng)
    peak, wanted_db = float(np.abs(wet).max()), rng.uniform(changes.quietest_db, 0.0)
    samples: FloatArray = (wet * (10 ** (wanted_db / 20) / max(peak, 1e-6))).astype(np.float32)
    return HeardCrop(samples, start_s, speed, round(shift), has_chords)


def _read(path: Path, start_s: float, length_s: float, speed: float) -> FloatArray:
    with opened(path) as recording:
        rate = recording.sample_rate
        part = recording.span(round(start_s * rate), round((start_s + length_s) * rate)).mean(axis=0)
    resampled: FloatArray = soxr.resample(part, rate * speed, SAMPLE_RATE_HZ, quality="MQ")
    return resampled


def _gains_db(piece: ComposedPiece, changes: ListenerAugmentation, rng: np.random.Generator) -> list[float | None]:
    """How much louder each part is; None where it is left out."""
    gains = rng.uniform(-changes.gain_db, changes.gain_db, len(piece.stems)).tolist()
    is_out = rng.random(len(piece.stems)) < changes.drop_share * (1.0 if any(piece.sounds_chords) else 0.3)
    chordal = [at for at, sounds in enumerate(piece.sounds_chords) if sounds] or list(range(len(piece.stems)))
    is_out[chordal[int(rng.integers(len(chordal)))]] = False
    return [None if out else float(gain) for gain, out in zip(gains, is_out, strict=True)]


def _alone(piece: ComposedPiece, rng: np.random.Generator) -> list[float | None]:
    """One line or the kit by itself, or nobody."""
    lines = [at for at, sounds in enumerate(piece.sounds_chords) if not sounds]
    alone = int(rng.choice([-1, *lines]))
    return [0.0 if at == alone else None for at in range(len(piece.stems))]


def _in_room(dry: FloatArray, changes: ListenerAugmentation, rng: np.random.Generator) -> FloatArray:
    """Beside what is played, its echoes: noise that decays exponentially."""
    if rng.random() >= changes.room_share:
        return dry
    reverberation_s = float(np.exp(rng.uniform(np.log(0.12), np.log(max(changes.longest_room_s, 0.13)))))
    time_s = np.arange(round(reverberation_s * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    echoes = rng.standard_normal(len(time_s)) * 10 ** (-3.0 * time_s / reverberation_s)
    echoes = scipy.signal.lfilter([1.0], [1.0, -rng.uniform(0.0, 0.8)], echoes)  # air and walls swallow the highs
    echoes *= 10 ** (rng.uniform(-18.0, 3.0) / 20) / np.sqrt(np.square(echoes).sum())
    wet: FloatArray = dry + scipy.signal.oaconvolve(dry, echoes)[: len(dry)].astype(np.float32)
    return wet


def _through(wet: FloatArray, changes: ListenerAugmentation, rng: np.random.Generator) -> FloatArray:
    """Driven amplifiers and narrow bands."""
    if rng.random() < changes.drive_share:
        rms = float(np.sqrt(np.square(wet).mean())) + 1e-6
        wet = np.tanh(wet * np.float32(10 ** (rng.uniform(-6.0, 18.0) / 20) / rms)).astype(np.float32)
    if rng.random() < changes.band_share:
        low_hz, high_hz = np.exp(rng.uniform(np.log([50.0, 2500.0]), np.log([300.0, 7500.0])))
        band = scipy.signal.butter(2, [low_hz, high_hz], "bandpass", fs=SAMPLE_RATE_HZ, output="sos")
        wet = scipy.signal.sosfilt(band, wet).astype(np.float32)
    return wet


def _noisy(wet: FloatArray, changes: ListenerAugmentation, rng: np.random.Generator) -> FloatArray:
    """Noise of some colour, from white to one that falls by 6 dB an octave."""
    if rng.random() >= changes.noise_share:
        return wet
    spectrum = np.fft.rfft(rng.standard_normal(len(wet)))
    spectrum *= np.maximum(np.arange(len(spectrum)), 1.0) ** -rng.uniform(0.0, 1.0)
    noise = np.fft.irfft(spectrum, len(wet))
    level = float(np.sqrt(np.square(wet).mean())) * 10 ** (-rng.uniform(changes.least_snr_db, 45.0) / 20)
    noisy: FloatArray = wet + (noise * (level / np.sqrt(np.square(noise).mean()))).astype(np.float32)
    return noisy
