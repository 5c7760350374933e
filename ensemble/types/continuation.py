"""What can come next: a continuation of the leader, where its sound comes from, and what was measured at its seams."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite

import numpy as np
from numpy.typing import NDArray

from ensemble.types.arrays import check_array
from ensemble.types.music import AudioClip


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """One thing measured at a join."""

    value: float
    """In `unit`."""
    unit: str
    """As it is shown to people."""
    percentile: float | None = None
    """Of the value among the leader's own transitions, 0..100, lower is smoother; None without any to compare with."""

    def __post_init__(self) -> None:
        if not (isfinite(self.value) and isfinite(self.percentile or 0.0)):
            raise ValueError(f"{self} was not measured")


@dataclass(frozen=True, slots=True, kw_only=True)
class SeamScore:
    """How well one piece of sound follows another."""

    relevance: float
    """How alike what came before is, 1 is best."""
    seam: float
    """How smooth the join is, 1 is best."""
    total: float
    """Both together, less what transposing and changing the tempo cost; 1 is best."""
    terms: dict[str, Term]
    """Every measure by name (`pitch_step_cents`, `level_step_db`, `spectral_distance`, `chroma`, `beat_phase_ms`)."""
    vetoes: tuple[str, ...] = ()
    """Why it may not be used, one short reason each; empty for what is chosen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hop:
    """One stretch of one recording, as it was joined to what came before it."""

    path: str
    """Of the recording's file."""
    recording_sha256: str
    """Of the file's content."""
    title: str
    """Of the recording."""
    licence: str
    """Of the recording."""
    start_s: float
    """Where the stretch begins, in the recording's time."""
    stop_s: float
    """Where it ends, in the recording's time."""
    semitones: float
    """How far it was transposed."""
    tempo_ratio: float
    """1.03 is played 3 % faster than recorded."""
    gain_db: float
    """What it was raised by, to match the level before it."""
    aligned_ms: float
    """How far cross-correlation moved the join."""
    fade_ms: float
    """Length of the cross-fade."""
    begins_s: float
    """Where in the extended leader the cross-fade begins."""
    score: SeamScore
    """Of this join."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Continuation:
    """Sound that takes over from the leader: the extended leader is the leader up to `begin_sample`, then `clip`."""

    begin_sample: int
    """Where the cross-fade out of the leader begins."""
    clip: AudioClip
    """The cross-fade and the new sound, at the leader's rate and with its channels."""
    beats_s: NDArray[np.float64]
    """Beats of the new sound in seconds of the extended leader, rising; empty where it has no beat.  [beats]"""
    hops: tuple[Hop, ...]
    """Where the new sound comes from, at least one."""
    total: float
    """Score of all hops together, 1 is best."""

    def __post_init__(self) -> None:
        check_array(self.beats_s, (None,), "beats_s", np.float64)
        if self.begin_sample < 0 or not self.hops:
            raise ValueError(
                f"a continuation of {len(self.hops)} hops from sample {self.begin_sample} continues nothing"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class ContinuationQuery:
    """What is asked of a retriever."""

    leader: AudioClip
    """The whole leader as it is listened to: mono, 16 kHz."""
    tail: AudioClip
    """Its last seconds as they are rendered: all channels, the plan's rate."""
    tail_start_sample: int
    """Where the tail begins in the leader, at the tail's rate."""
    extend_s: float
    """By how much the leader is to be extended."""
    top_k: int
    """How many continuations; fewer may be found."""
    source_sha256: str = ""
    """Of the leader's file, empty if unknown."""
