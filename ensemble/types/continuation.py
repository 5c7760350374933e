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
    """One thing measured at a join.

    value in `unit`; percentile: of the value among the leader's own transitions (0..100, lower is smoother), None where
    the leader has none to compare with.
    """

    value: float
    unit: str
    percentile: float | None = None

    def __post_init__(self) -> None:
        if not (isfinite(self.value) and isfinite(self.percentile or 0.0)):
            raise ValueError(f"{self} was not measured")


@dataclass(frozen=True, slots=True, kw_only=True)
class SeamScore:
    """How well one piece of sound follows another: 1 is best for relevance, seam and total.

    terms: every measure by name (`pitch_step_cents`, `level_step_db`, `spectral_distance`, `chroma`, `beat_phase_ms`).
    vetoes: why it may not be used, one short reason each; empty for what is chosen.
    """

    relevance: float
    seam: float
    total: float
    terms: dict[str, Term]
    vetoes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Hop:
    """One stretch of one recording, as it was joined to what came before it.

    path, recording_sha256, title, licence: of the recording's file. start_s, stop_s: of the recording, in its own time.
    semitones: how far it was transposed. tempo_ratio: 1.03 is played 3 % faster than recorded. gain_db: level match.
    aligned_ms: how far cross-correlation moved the join. fade_ms: length of the cross-fade. begins_s: where in the
    extended leader the cross-fade begins. score: of this join.
    """

    path: str
    recording_sha256: str
    title: str
    licence: str
    start_s: float
    stop_s: float
    semitones: float
    tempo_ratio: float
    gain_db: float
    aligned_ms: float
    fade_ms: float
    begins_s: float
    score: SeamScore


@dataclass(frozen=True, slots=True, kw_only=True)
class Continuation:
    """Sound that takes over from the leader.

    The extended leader is the leader up to `begin_sample`, then `clip`, which has the leader's rate and channels and
    begins with the cross-fade out of the leader. beats_s: beats of the new sound, in seconds of the extended leader,
    rising and later than the cross-fade's beginning; empty where it has no beat. total: of the whole chain of hops,
    1 is best.
    """

    begin_sample: int
    clip: AudioClip
    beats_s: NDArray[np.float64]
    hops: tuple[Hop, ...]
    total: float

    def __post_init__(self) -> None:
        check_array(self.beats_s, (None,), "beats_s", np.float64)
        if self.begin_sample < 0 or not self.hops:
            raise ValueError(
                f"a continuation of {len(self.hops)} hops from sample {self.begin_sample} continues nothing"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class ContinuationQuery:
    """What is asked of a retriever.

    leader: the whole leader as it is listened to (mono, 16 kHz). tail: its last seconds as they are kept (all channels,
    the plan's rate), from absolute sample `tail_start_sample` on. extend_s: how long the leader goes on. top_k: how
    many ways of going on, best first; fewer is an answer. source_sha256: of the leader's file, empty if unknown.
    """

    leader: AudioClip
    tail: AudioClip
    tail_start_sample: int
    extend_s: float
    top_k: int
    source_sha256: str = ""
