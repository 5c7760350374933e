"""Takes in memory: their samples, and the pitch and loudness that a network is asked with."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soxr

from ensemble.audio.files import read_clip
from ensemble.clock import FRAME_RATE_HZ, hop_samples
from ensemble.data.takes import RecordedPart, Skip
from ensemble.errors import AudioError
from ensemble.types.music import SILENCE_DB, FloatArray


class Curves(NamedTuple):
    """What a network is asked with; see `Recording`."""

    f0_hz: FloatArray
    loudness_db: FloatArray
    is_voiced: np.ndarray


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingRecording:
    """One take.

    name: piece and part. samples [frames * hop]. f0_hz [frames]: the last pitch through every rest, 0 before the first.
    loudness_db [frames], A-weighted. is_voiced [frames]: where the labels know a pitch. licence: of the take.
    """

    name: str
    samples: FloatArray
    sample_rate: int
    f0_hz: FloatArray
    loudness_db: FloatArray
    is_voiced: np.ndarray
    licence: str

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


def read_recordings(takes: Iterable[RecordedPart], sample_rate: int) -> tuple[list[TrainingRecording], list[Skip]]:
    """Read takes whole, at one rate; what cannot be used is skipped by name.

    A take without labels is listened to: pitch by swift-f0, loudness as everywhere.
    """
    recordings: list[TrainingRecording] = []
    skips: list[Skip] = []
    for take in takes:
        try:
            recordings.append(read_recording(take, sample_rate))
        except AudioError as error:
            skips.append(Skip(path=Path(error.what), reason=error.problem))
    return recordings, skips


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
        samples = soxr.resample(samples, clip.sample_rate, sample_rate, quality="HQ").astype(np.float32)
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
    slow = samples if sample_rate == 16_000 else soxr.resample(samples, sample_rate, 16_000, quality="HQ")
    return track_pitch(slow.astype(np.float32), num_frames).f0_hz, loudness_db(samples, sample_rate, num_frames)
