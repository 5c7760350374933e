"""Continuations of the leader: the new sound, the recordings that it comes from, and what was measured at its joins."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ensemble.types.arrays import check_array
from ensemble.types.music import AudioClip

QualityWord = Literal["good", "fair", "poor"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """One thing measured at a join."""

    value: float
    """What was measured, in `unit`."""
    unit: str
    """The unit, as it is shown to people."""
    percentile: float | None = None
    """Where the value lies among the leader's own transitions: 0..100, lower is smoother; None without any of those."""

    def __post_init__(self) -> None:
        if not (isfinite(self.value) and isfinite(self.percentile or 0.0)):
            raise ValueError(f"{self} was not measured")


@dataclass(frozen=True, slots=True, kw_only=True)
class SeamScore:
    """How well one piece of sound follows another."""

    relevance: float
    """How alike the sound before the new piece, in its own recording, and the leader's end are; 1 is best."""
    seam: float
    """How smooth the join is; 1 is best."""
    total: float
    """Relevance and seam together, less the penalties for transposing and changing the tempo; 1 is best."""
    terms: dict[str, Term]
    """Every measure by name (`pitch_step_cents`, `level_step_db`, `spectral_distance`, `chroma`, `beat_phase_ms`)."""
    vetoes: tuple[str, ...] = ()
    """Why the piece may not be used, one short reason each; empty for a piece that is chosen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JoinQuality:
    """How good a join is among joins whose worth is known."""

    word: QualityWord
    """Good: better than half of the joins within songs; fair: than a quarter of them; else poor."""
    within_songs: float
    """Percentile among joins from one place of a song to another place of it, 0..100; higher is better."""
    among_random: float
    """Percentile among joins to any place of any other recording, in its best transposition; higher is better."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hop:
    """One segment of one recording, as it was joined to the sound before it."""

    path: str
    """Path of the recording's file."""
    recording_sha256: str
    """sha256 of that file."""
    title: str
    """Title of the recording."""
    licence: str
    """Licence of the recording."""
    start_s: float
    """Where the segment begins, in the recording's time."""
    stop_s: float
    """Where the segment ends, in the recording's time."""
    semitones: float
    """How far the segment was transposed, up where positive."""
    tempo_ratio: float
    """How much faster it is played: 1.03 is 3 % faster than recorded."""
    gain_db: float
    """Gain that matches its level to the sound before it."""
    aligned_ms: float
    """How far cross-correlation moved the join."""
    fade_ms: float
    """Length of the cross-fade."""
    begins_s: float
    """Where in the extended leader the cross-fade begins."""
    score: SeamScore
    """Score of this join."""


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
    """The segments that the new sound is made of, in order; at least one."""
    total: float
    """Score of all hops together; 1 is best."""
    quality: JoinQuality | None = None
    """How good its weakest join is; None where the weights of the search are not those that were calibrated."""

    def __post_init__(self) -> None:
        check_array(self.beats_s, (None,), "beats_s", np.float64)
        if self.begin_sample < 0 or not self.hops:
            raise ValueError(
                f"a continuation of {len(self.hops)} hops from sample {self.begin_sample} continues nothing"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class ContinuationQuery:
    """What a retriever is asked for: continuations of this leader."""

    leader: AudioClip
    """The whole leader at the rate of analysis: mono, 16 kHz."""
    tail: AudioClip
    """The leader's last seconds at the rate of the render, with all channels."""
    tail_start_sample: int
    """Where the tail begins in the leader, in samples at the tail's rate."""
    extend_s: float
    """How long each continuation is to be, in seconds."""
    top_k: int
    """How many continuations are wanted; fewer may be found."""
    another: tuple[int, ...] = ()
    """Numbers of the continuations, from 1, in whose place the next best one is wanted, one after the other."""
    source_sha256: str = ""
    """sha256 of the leader's file; empty if unknown."""
