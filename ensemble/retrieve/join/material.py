"""The sound of a candidate: only the span that is needed, at the leader's rate and channels, in its key and tempo."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr

from ensemble.audio.files import printable, read_clip
from ensemble.audio.stretch import stretch
from ensemble.errors import AudioError, RetrieveError
from ensemble.files.digest import file_digest
from ensemble.types.described import IndexedRecording
from ensemble.types.music import AudioClip, FloatArray

LEAD_IN_S = 1.3
"""Sound kept from before the join: for the level, the cross-fade, the alignment, and the stretcher's first block."""
RUN_OUT_S = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinMaterial:
    """Sound ready to be joined. samples [channels, samples]; the join lies at sample `at_sample`."""

    samples: FloatArray
    sample_rate: int
    at_sample: int

    @property
    def num_after(self) -> int:
        """Samples from the join on."""
        return int(self.samples.shape[1]) - self.at_sample


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What material is brought to: rate and channels, and how far it is transposed and its tempo bent."""

    sample_rate: int
    num_channels: int
    semitones: float = 0.0
    tempo_ratio: float = 1.0


def check_unchanged(recording: IndexedRecording) -> None:
    """Refuse a recording whose file is no longer what was indexed.

    Raises:
        RetrieveError: it has moved, cannot be read, or holds something else now.
    """
    path = Path(recording.path)
    try:
        digest = file_digest(path)
    except FileNotFoundError as error:
        raise RetrieveError(printable(path), "has moved since it was indexed", "index it where it is now") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a path"
        raise RetrieveError(printable(path), f"cannot be opened ({reason})", "check its permissions") from error
    if digest != recording.sha256:
        raise RetrieveError(printable(path), "has changed since it was indexed", "index it again")


def read_material(recording: IndexedRecording, start_s: float, lasts_s: float, shape: Shape) -> JoinMaterial:
    """Read a stretch of a recording and shape it.

    Args:
        recording: the file.
        start_s: where the join lies in it.
        lasts_s: how long it shall sound from there; less where the file ends.
        shape: what it is brought to.

    Raises:
        RetrieveError: the file is damaged there, or is no longer a recording.
    """
    wanted_from_s = max(start_s - LEAD_IN_S, 0.0)
    wanted_to_s = start_s + lasts_s * shape.tempo_ratio + RUN_OUT_S
    clip, from_s = _read_span(Path(recording.path), wanted_from_s, wanted_to_s)
    samples = _with_channels(clip.samples, shape.num_channels)
    if clip.sample_rate != shape.sample_rate:
        channels = [soxr.resample(channel, clip.sample_rate, shape.sample_rate, quality="HQ") for channel in samples]
        samples = np.stack(channels)
    samples = stretch(samples, shape.sample_rate, semitones=shape.semitones, tempo_ratio=shape.tempo_ratio)
    at_sample = round((start_s - from_s) / shape.tempo_ratio * shape.sample_rate)
    if at_sample >= samples.shape[1]:
        raise RetrieveError(printable(Path(recording.path)), f"ends before {start_s:.1f} s", "index it again")
    return JoinMaterial(samples=samples, sample_rate=shape.sample_rate, at_sample=at_sample)


def _read_span(path: Path, from_s: float, to_s: float) -> tuple[AudioClip, float]:
    """A span of a file, and where it really begins; the whole file only where libsndfile cannot seek in it."""
    try:
        with soundfile.SoundFile(path) as sound:
            rate = int(sound.samplerate)
            start, stop = round(from_s * rate), min(round(to_s * rate), int(sound.frames))
            sound.seek(min(start, stop))
            samples = np.ascontiguousarray(sound.read(max(stop - start, 0), dtype="float32", always_2d=True).T)
    except (OSError, soundfile.LibsndfileError):
        return _read_whole(path, from_s, to_s)
    if not samples.shape[1] or not np.isfinite(samples).all():
        problem = f"is damaged between {from_s:.1f} s and {to_s:.1f} s"
        raise RetrieveError(printable(path), problem, "export it and index it again")
    return AudioClip(samples=samples, sample_rate=rate), start / rate


def _read_whole(path: Path, from_s: float, to_s: float) -> tuple[AudioClip, float]:
    try:
        clip = read_clip(path)
    except AudioError as error:
        raise RetrieveError(error.what, error.problem, "index it again") from error
    start, stop = round(from_s * clip.sample_rate), round(to_s * clip.sample_rate)
    span = np.ascontiguousarray(clip.samples[:, start:stop])
    return AudioClip(samples=span, sample_rate=clip.sample_rate), start / clip.sample_rate


def _with_channels(samples: FloatArray, num_channels: int) -> FloatArray:
    """As many channels as the leader has; a mixdown keeps the mean, so that what is in both stays as loud."""
    if len(samples) == num_channels:
        return samples
    mean = samples.mean(axis=0, keepdims=True, dtype=np.float32)
    return np.repeat(mean, num_channels, axis=0)
