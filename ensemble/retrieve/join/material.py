"""The sound of a candidate: only the span that is needed, at the leader's rate and channels, in its key and tempo."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np
import soxr

from ensemble.audio.files import printable
from ensemble.audio.recording import opened
from ensemble.audio.stretch import stretch
from ensemble.errors import AudioError
from ensemble.files.digest import recording_digest
from ensemble.types.described import IndexedRecording
from ensemble.types.music import FloatArray

LEAD_IN_S = 1.3
"""Sound kept from before the join: for the level, the cross-fade, the alignment, and the stretcher's first block."""
RUN_OUT_S = 0.25


class UnusableReason(StrEnum):
    """Why a candidate that was chosen cannot be played; the value is what a person reads."""

    MOVED = "has moved since it was indexed"
    CHANGED = "has changed since it was indexed"
    DAMAGED = "cannot be read"
    CLICKS = "clicks at the seam"

    @property
    def is_of_recording(self) -> bool:
        """Whether the whole recording is unusable, and not this join only."""
        return self is not UnusableReason.CLICKS


class UnusableError(Exception):
    """A candidate cannot be played; the retriever tries the next one.

    Args:
        what: the recording.
        reason: why, for deciding and counting.
        detail: more words for people.
    """

    def __init__(self, what: str, reason: UnusableReason, detail: str = "") -> None:
        super().__init__(f"{what}: {reason}" + (f" ({detail})" if detail else ""))
        self.reason = reason
        self.number = 0
        """Of the step in its chain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinMaterial:
    """Sound ready to be joined."""

    samples: FloatArray
    """[channels, samples]"""
    sample_rate: int
    """In Hz."""
    at_sample: int
    """Where the join lies; what stands before it is the recording's own past."""


def check_unchanged(recording: IndexedRecording) -> None:
    """Refuse a recording whose file is no longer what was indexed.

    Raises:
        UnusableError: it has moved, cannot be read, or holds something else now.
    """
    path = Path(recording.path)
    try:
        sha256 = recording_digest(path)
    except AudioError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            raise UnusableError(error.what, UnusableReason.MOVED) from error
        raise UnusableError(error.what, UnusableReason.DAMAGED, error.problem) from error
    if sha256 != recording.sha256:
        raise UnusableError(printable(path), UnusableReason.CHANGED)


def read_material(
    recording: IndexedRecording,
    start_s: float,
    lasts_s: float,
    *,
    sample_rate: int,
    num_channels: int,
    semitones: float,
    tempo_ratio: float,
) -> JoinMaterial:
    """Read a span of a recording and bring it to the leader's rate, channels, key and tempo.

    Args:
        recording: the file.
        start_s: where the join lies in it.
        lasts_s: how long it shall sound from there; less where the file ends.
        sample_rate: of the leader.
        num_channels: of the leader.
        semitones: how far to transpose it.
        tempo_ratio: how much faster to play it.

    Raises:
        UnusableError: the file is damaged there, or is no longer a recording.
    """
    path = Path(recording.path)
    from_s, to_s = max(start_s - LEAD_IN_S, 0.0), start_s + lasts_s * tempo_ratio + RUN_OUT_S
    try:
        with opened(path) as sound:
            first = round(from_s * sound.sample_rate)
            samples, rate = sound.span(first, round(to_s * sound.sample_rate)), sound.sample_rate
    except AudioError as error:
        raise UnusableError(error.what, UnusableReason.DAMAGED, error.problem) from error
    at_sample = round((start_s - first / rate) / tempo_ratio * sample_rate)
    if samples.shape[1]:
        samples = _with_channels(samples, num_channels)
        if rate != sample_rate:
            samples = np.stack([soxr.resample(channel, rate, sample_rate, quality="HQ") for channel in samples])
        samples = stretch(samples, sample_rate, semitones=semitones, tempo_ratio=tempo_ratio)
    if at_sample >= samples.shape[1]:
        raise UnusableError(printable(path), UnusableReason.DAMAGED, f"it ends before {start_s:.1f} s")
    return JoinMaterial(samples=samples, sample_rate=sample_rate, at_sample=at_sample)


def _with_channels(samples: FloatArray, num_channels: int) -> FloatArray:
    """As many channels as the leader has; a mixdown keeps the mean, so that what is in both stays as loud."""
    if len(samples) == num_channels:
        return samples
    mean = samples.mean(axis=0, keepdims=True, dtype=np.float32)
    return np.repeat(mean, num_channels, axis=0)
