"""Takes in memory: their samples, and the pitch and loudness that a network is asked with."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ensemble.audio.files import read_clip
from ensemble.audio.recording import opened
from ensemble.clock import FRAME_RATE_HZ, hop_samples
from ensemble.data.takes import RecordedPart
from ensemble.errors import AudioError
from ensemble.types.music import SILENCE_DB, FloatArray


class Curves(NamedTuple):
    """What a network is asked with, by control frame."""

    f0_hz: FloatArray
    """The last pitch through every rest, 0 before the first.  [frames]"""
    loudness_db: FloatArray
    """A-weighted.  [frames]"""
    is_voiced: np.ndarray
    """Where the labels know a pitch.  [frames]"""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingRecording:
    """One take and its curves."""

    name: str
    """Piece and part."""
    samples: FloatArray
    """[frames * hop]"""
    sample_rate: int
    """In Hz."""
    f0_hz: FloatArray
    """See `Curves`, as the next two.  [frames]"""
    loudness_db: FloatArray
    """[frames]"""
    is_voiced: np.ndarray
    """[frames]"""
    licence: str
    """Of the take."""

    @property
    def num_frames(self) -> int:
        """Control frames."""
        return len(self.f0_hz)

    @property
    def digest(self) -> str:
        """sha256 of what an analysis depends on."""
        digest = hashlib.sha256(str(self.sample_rate).encode())
        for array in (self.samples, self.f0_hz, self.loudness_db, self.is_voiced):
            digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()


def read_recording(take: RecordedPart, sample_rate: int, curves: Curves | None = None) -> TrainingRecording:
    """Read one take.

    Args:
        take: with a sound file.
        sample_rate: in Hz; a take at another one is resampled.
        curves: of this very take at this rate, where they are known; else its labels are read, or it is listened to.

    Raises:
        AudioError: its sound or its labels cannot be used, or it is shorter than a second.
    """
    if take.audio is None:
        raise AudioError(f"{take.piece}/{take.part}", "has no sound")
    labels = _labels(take.labels) if take.labels is not None and curves is None else None
    clip = read_clip(take.audio)
    samples = clip.mono()
    if clip.sample_rate != sample_rate:
        samples = resampled(samples, clip.sample_rate, sample_rate)
    if curves is None:
        curves = _cut(*(labels or _listened(samples, sample_rate)), len(samples) // hop_samples(sample_rate))
    num_frames = len(curves.f0_hz)
    if num_frames < FRAME_RATE_HZ:
        raise AudioError(str(take.audio), "is shorter than a second")
    return TrainingRecording(
        name=f"{take.piece}/{take.part}",
        samples=np.ascontiguousarray(samples[: num_frames * hop_samples(sample_rate)]),
        sample_rate=sample_rate,
        licence=take.licence,
        **curves._asdict(),
    )


def check_recording(take: RecordedPart) -> None:
    """Look at a take's labels and at its sound file's beginning, without decoding it.

    Raises:
        AudioError: it cannot be used, or is shorter than a second.
    """
    if take.audio is None:
        raise AudioError(f"{take.piece}/{take.part}", "has no sound")
    if take.labels is not None:
        _labels(take.labels)
    with opened(take.audio) as recording:
        if 0 < recording.num_samples < recording.sample_rate:  # 0 where no header tells
            raise AudioError(str(take.audio), "is shorter than a second")


def resampled(samples: FloatArray, from_hz: int, to_hz: int) -> FloatArray:
    """Bring a sound to another rate; flat up to 0.93 of the lower Nyquist frequency, nothing above it.  [samples]

    Source: the filter is resampy's `kaiser_best`, as torchaudio's documentation gives it.
    """
    import torch
    from torchaudio.functional import resample  # type: ignore[import-untyped]

    sound = resample(
        torch.from_numpy(samples), from_hz, to_hz, lowpass_filter_width=64, rolloff=0.9475937167399596,
        resampling_method="sinc_interp_kaiser", beta=14.769656459379492,
    )  # fmt: skip
    return np.asarray(sound.numpy(), np.float32)


def _cut(f0_hz: FloatArray, loudness_db: FloatArray, most_frames: int) -> Curves:
    """Curves as long as the shortest of everything, the pitch held."""
    num_frames = min(len(f0_hz), len(loudness_db), most_frames)
    f0_hz, loudness_db = f0_hz[:num_frames], loudness_db[:num_frames]
    return Curves(held_pitch(f0_hz), np.maximum(loudness_db, np.float32(SILENCE_DB)), f0_hz > 0)


def held_pitch(f0_hz: FloatArray) -> FloatArray:
    """The last pitch through every rest, as players hold it.  [frames]"""
    newest = np.maximum.accumulate(np.where(f0_hz > 0, np.arange(len(f0_hz)), 0))
    held: FloatArray = np.maximum(f0_hz, np.float32(0.0))[newest]
    return held


def _labels(path: Path) -> tuple[FloatArray, FloatArray]:
    """f0_hz and loudness_db of a label file, checked."""
    try:
        with np.load(path, allow_pickle=False) as labels:
            f0_hz, loudness_db = (np.asarray(labels[name], np.float32) for name in ("f0_hz", "loudness_db"))
    except (OSError, KeyError, ValueError, EOFError) as error:
        raise AudioError(str(path), f"is not a label file ({error})") from error
    if f0_hz.ndim != 1 or loudness_db.ndim != 1:
        raise AudioError(str(path), "holds the curves of more than one voice; a voice is trained on lines")
    if not (np.isfinite(f0_hz).all() and np.isfinite(loudness_db).all()):
        raise AudioError(str(path), "has values that are not finite")
    return f0_hz, loudness_db


def _listened(samples: FloatArray, sample_rate: int) -> tuple[FloatArray, FloatArray]:
    from ensemble.listen.loudness import loudness_db
    from ensemble.listen.pitch import track_pitch

    num_frames = len(samples) // hop_samples(sample_rate)
    slow = resampled(samples, sample_rate, 16_000)
    return track_pitch(slow, num_frames).f0_hz, loudness_db(samples, sample_rate, num_frames)
