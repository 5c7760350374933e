"""How near a voice comes to the recordings it was taught by, on pieces that it never heard.

Conventions: sounds are mono at one rate and of one length. Frames sound where the true loudness exceeds `SOUNDING_DB`.
Spectral distances are those of `train.player.losses`, unweighted, its logarithmic floor at 1e-4. An error over
frames is the mean of its magnitude. A ratio to a baseline is of means over the same sound.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import mir_eval.melody
import numpy as np
import soundfile
import soxr
import torch
from numpy.typing import NDArray

from ensemble.audio.clicks import SURROUND_S, JoinMeter, click_ratio
from ensemble.clock import FRAME_RATE_HZ, hop_samples, seams
from ensemble.listen.loudness import loudness_db
from ensemble.train.player.losses import log_mel_distance, multi_scale_distance
from ensemble.train.recordings import TrainingRecording
from ensemble.types.music import FloatArray

SOUNDING_DB = -60.0
STRETCH_S = 5.0
"""Length of the stretches over which distances are averaged and intervals are drawn."""
EDGE_FRAMES = 6
"""Around a rest or a leap a tracker's window holds two pitches: frames so near to one are not counted."""
OUTLIER_CENTS = 50.0
LEAP_CENTS = 80.0
SILENT_RMS_S = 0.05
BOOTSTRAPS = 1000

Array = NDArray[np.float64]
COMFORTABLE_HZ = 110.0
"""CREPE's small model loses tones much below this: lower parts are played to it an octave or two up."""
Tracker = Callable[[FloatArray, int, int], FloatArray]
"""From mono samples, their rate and a number of frames to f0 at 100 Hz, 0 where unvoiced. A rate of 8000 Hz or less
asks for a low register."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Distances:
    """Of one sound from the true one, one value for every `STRETCH_S` in which something sounds."""

    mss: Array
    """Multi-scale spectral distance, linear and logarithmic added up."""
    log_mel: Array
    """Distance of the logarithmic mel spectra."""
    loudness_error_db: Array
    """Mean absolute error of the loudness."""


def distances(sound: FloatArray, truth: TrainingRecording) -> Distances:
    """Compare a sound with a recording, stretch by stretch; stretches in which nothing sounds are passed over."""
    rate = truth.sample_rate
    stretch, hop = round(STRETCH_S * rate), hop_samples(rate)
    levels = [loudness_db(one, rate, truth.num_frames) for one in (sound, truth.samples)]
    sounding = truth.loudness_db > SOUNDING_DB
    mss, log_mel, errors = [], [], []
    for start in range(0, max(len(truth.samples) - stretch // 2, 1), stretch):
        frames = slice(start // hop, (start + stretch) // hop)
        if not sounding[frames].any():
            continue
        pair = [torch.from_numpy(one[None, start : start + stretch]) for one in (sound, truth.samples)]
        distance = multi_scale_distance(pair[0], pair[1], rate, corner_hz=None)
        mss.append(float(distance.linear + distance.logarithmic))
        log_mel.append(float(log_mel_distance(pair[0], pair[1], rate)))
        errors.append(float(np.abs(levels[0] - levels[1])[frames][sounding[frames]].mean()))
    return Distances(mss=np.array(mss), log_mel=np.array(log_mel), loudness_error_db=np.array(errors))


def brightness_slope(sound: FloatArray, truth: TrainingRecording) -> float:
    """Octaves of spectral centroid per dB of loudness, at equal pitch: a regression on loudness and pitch."""
    import librosa

    rate = truth.sample_rate
    centroid_hz = librosa.feature.spectral_centroid(y=sound, sr=rate, n_fft=2048, hop_length=hop_samples(rate))[0]
    centroid_hz = centroid_hz[: truth.num_frames]
    inside = truth.is_voiced & (truth.loudness_db > SOUNDING_DB + 20.0) & (centroid_hz > 0)
    if inside.sum() < FRAME_RATE_HZ:
        return float("nan")
    pitch, loudness = np.log2(truth.f0_hz[inside]), truth.loudness_db[inside]
    known = np.stack([loudness, pitch, np.ones_like(pitch)], axis=1).astype(np.float64)
    solution = np.linalg.lstsq(known, np.log2(centroid_hz[inside]), rcond=None)[0]
    return float(solution[0])


def loudest_silence_db(sound: FloatArray, sample_rate: int, is_silent: NDArray[np.bool_]) -> float:
    """The loudest 50 ms that lie wholly in frames that should be silent, as RMS in dBFS; -120 where nothing sounds.

    Args:
        sound: [frames * hop].
        sample_rate: in Hz.
        is_silent: [frames].
    """
    hop = hop_samples(sample_rate)
    power = np.square(sound[: len(is_silent) * hop], dtype=np.float64).reshape(-1, hop).mean(axis=1)
    width = round(SILENT_RMS_S * FRAME_RATE_HZ)
    if len(power) < width:
        return -120.0
    means = np.lib.stride_tricks.sliding_window_view(power, width).mean(axis=1)
    silent = np.lib.stride_tricks.sliding_window_view(is_silent, width).all(axis=1)
    worst = float(means[silent].max()) if silent.any() else 0.0
    return max(10.0 * float(np.log10(worst + 1e-30)), -120.0)


def worst_click(sound: FloatArray, sample_rate: int) -> float:
    """The click ratio at the joins of the quanta that the sound was made in; see `audio.clicks`."""
    file = io.BytesIO()
    soundfile.write(file, sound, sample_rate, format="WAV", subtype="FLOAT")
    file.seek(0)
    with soundfile.SoundFile(file) as opened:
        return click_ratio(opened, seams(len(sound) // hop_samples(sample_rate), sample_rate)) or 0.0


def worst_seam(sound: FloatArray, elsewhere: FloatArray, sample_rate: int) -> float:
    """The click ratio at the joins of quanta, against the same moments of the same sound made in other quanta.

    Harmonics that begin together give a pulse in each period, and the first of a bright attack may be the sharpest one
    around: where it falls on a join it is no click, for it is as sharp where nothing is joined.

    Args:
        sound: in quanta from its first sample on.  [samples]
        elsewhere: the same sound, in quanta that are joined at other places.  [samples]
        sample_rate: in Hz.
    """
    reach = 2 * round(SURROUND_S * sample_rate)
    worst = 0.0
    for join in seams(len(sound) // hop_samples(sample_rate), sample_rate):
        around, at = slice(max(join - reach, 0), join + reach), min(join, reach)
        here, there = (_join_ratio(one[around], at, sample_rate) for one in (sound, elsewhere))
        worst = max(worst, here / max(there, 1.0))
    return worst


def _join_ratio(sound: FloatArray, join: int, sample_rate: int) -> float:
    meter = JoinMeter(sample_rate, [join])
    meter.push(sound[:, None].astype(np.float64))
    return meter.worst() or 0.0


def steady_frames(truth: TrainingRecording, edge_frames: int = EDGE_FRAMES) -> NDArray[np.bool_]:
    """Voiced frames that sound, so far away from rests and leaps.  [frames]"""
    f0_hz = np.where(truth.is_voiced & (truth.loudness_db > SOUNDING_DB + 10.0), truth.f0_hz, 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        leap = np.abs(1200.0 * np.diff(np.log2(f0_hz), prepend=0.0))
    broken = ~(leap < LEAP_CENTS)
    around = np.convolve(broken, np.ones(2 * edge_frames + 1), mode="same") > 0
    steady: NDArray[np.bool_] = (f0_hz > 0) & ~around
    return steady


def outlier_rate(sound: FloatArray, truth: TrainingRecording, tracker: Tracker, max_seconds: float) -> float:
    """Share of steady voiced frames whose pitch, tracked again, is not heard or off by more than 50 cents."""
    num_frames = min(truth.num_frames, round(max_seconds * FRAME_RATE_HZ))
    samples = sound[: num_frames * hop_samples(truth.sample_rate)]
    steady = steady_frames(truth)[:num_frames]
    if not steady.any():
        return float("nan")
    lowest_hz = float(np.percentile(truth.f0_hz[:num_frames][steady], 5))
    octaves = math.ceil(math.log2(max(COMFORTABLE_HZ / lowest_hz, 1.0)))
    rate = 16_000 >> min(octaves, 2)
    resampled = soxr.resample(samples, truth.sample_rate, rate, quality="HQ").astype(np.float32)
    tracked = tracker(resampled, rate, num_frames)
    true_cents, cents = (mir_eval.melody.hz2cents(one[steady]) for one in (truth.f0_hz[:num_frames], tracked))
    voiced = np.ones(len(true_cents))
    right = mir_eval.melody.raw_pitch_accuracy(voiced, true_cents, voiced, cents, cent_tolerance=OUTLIER_CENTS)
    return 1.0 - float(right)


def swift_tracker(samples: FloatArray, sample_rate: int, num_frames: int) -> FloatArray:
    """swift-f0, as leaders are heard; it reaches down by itself."""
    from ensemble.listen.pitch import track_pitch

    at_16k = samples if sample_rate == 16_000 else soxr.resample(samples, sample_rate, 16_000, quality="HQ")
    return track_pitch(at_16k, num_frames).f0_hz


def crepe_tracker(samples: FloatArray, sample_rate: int, num_frames: int) -> FloatArray:
    """CREPE, its small model; sound at 8 or 4 kHz is played to it one or two octaves up.

    Source: Kim et al., ICASSP 2018 (arXiv:1802.06182), by torchcrepe.
    """
    import torchcrepe

    speed = 16_000 // sample_rate
    with torch.inference_mode():
        pitch = torchcrepe.predict(
            torch.from_numpy(samples[None]), 16_000, hop_length=160 // speed, fmin=32.7, fmax=2000.0, model="tiny",
            decoder=torchcrepe.decode.weighted_argmax, batch_size=512, device="cpu",
        )  # fmt: skip
    f0_hz = np.zeros(num_frames, np.float32)
    found = pitch[0].numpy()[:num_frames] / speed
    f0_hz[: len(found)] = np.nan_to_num(found)
    return f0_hz


def ratio_interval(values: Sequence[Array], baselines: Sequence[Array], seed: int = 0) -> tuple[float, float]:
    """95 % bootstrap interval of a ratio of means; stretches are drawn, pairs kept together.

    Args:
        values: by piece, of every stretch.
        baselines: the same of the baseline.
        seed: of the draws.
    """
    above, below = np.concatenate(values), np.concatenate(baselines)
    draw = np.random.Generator(np.random.Philox(seed))
    chosen = draw.integers(len(above), size=(BOOTSTRAPS, len(above)))
    ratios = above[chosen].mean(axis=1) / below[chosen].mean(axis=1)
    low, high = np.percentile(ratios, [2.5, 97.5])
    return float(low), float(high)
