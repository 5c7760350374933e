"""Exact scores, every term kept, of each candidate in the context that it would follow; and why one may not be used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ensemble.retrieve.search import feature_layout, pulse, relevance, transition
from ensemble.retrieve.search.context import JoinContext
from ensemble.retrieve.search.gather import Gathered, Pair, gather
from ensemble.retrieve.search.outline import transposed
from ensemble.retrieve.search.query import shares
from ensemble.retrieve.settings import RetrieveSettings
from ensemble.types.arrays import FloatArray
from ensemble.types.continuation import SeamScore, Term

Array = NDArray[np.float64]
SEAM_COST = 2.0
"""At this cost a seam scores 1/e. True continuations in another take cost 0.4 (median), others 0.6 and more."""
EASE_SHARE = 0.4
"""Share of the seam's score that says how usual the steps at the join are among the context's own transitions."""
SUITS_SHARE = 0.15
"""Share of harmony and of timbre that says whether what follows the candidate suits the context."""
MAX_LEVEL_STEP_DB = 20.0
"""After a larger gain the quieter recording's noise would be heard."""
MAX_BASS_STEP_DB = 20.0
"""Step of the bass band against the whole: a bass that appears from nowhere, or is gone."""
SILENT_DB = -60.0
COST_PER_SEMITONE = 0.004
COST_PER_STRETCH = 0.3
"""At 8 % this is 0.024."""
UNITS = transition.UNITS | {
    "harmony": "0..1",
    "loudness": "0..1",
    "rhythm": "0..1",
    "timbre": "0..1",
    "articulation": "0..1",
    "tempo": "0..1",
    "seam_cost": "mean square",
    "beat_phase_ms": "ms",
    "transposition": "semitones",
    "stretch": "%",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What was measured of some pairs.  [pairs]"""

    relevance: FloatArray
    """1 is best."""
    seam: FloatArray
    """1 is best."""
    total: FloatArray
    """1 is best."""
    tempo_ratio: Array
    """How much faster each would be played."""
    terms: dict[str, FloatArray]
    """By name, NaN where a pair has none."""
    percentiles: dict[str, FloatArray]
    """Of those terms that the context's own transitions have."""
    gathered: Gathered
    """What was measured on."""

    def score(self, place: int, vetoes: tuple[str, ...]) -> SeamScore:
        """The score of one pair, with all its terms."""
        terms = {}
        for name, values in self.terms.items():
            if np.isfinite(values[place]):
                among = self.percentiles.get(name)
                percentile = None if among is None else float(among[place])
                terms[name] = Term(value=float(values[place]), unit=UNITS[name], percentile=percentile)
        return SeamScore(
            relevance=float(self.relevance[place]),
            seam=float(self.seam[place]),
            total=float(self.total[place]),
            terms=terms,
            vetoes=vetoes,
        )


def measure(context: JoinContext, pairs: Sequence[Pair], settings: RetrieveSettings) -> Measured:
    """Score every pair.

    Args:
        context: what came before the join.
        pairs: at least one.
        settings: alpha, beta, the weights by kind, how far a tempo may be changed.
    """
    gathered = gather(pairs, context.tempo_bpm, settings.max_stretch)
    semitones = np.array([pair.semitones for pair in pairs])
    ratio = gathered.ratio
    likeness = _likeness(context, gathered, semitones)
    steps = transition.steps(context.edge, gathered.head.transposed(semitones))
    if context.off_beat_ms is not None:
        steps["beat_phase_ms"] = np.where(gathered.has_beat, abs(context.off_beat_ms), np.nan).astype(np.float32)
    percentiles = {
        name: among
        for name, values in steps.items()
        if (among := transition.percentiles(np.abs(np.nan_to_num(values)), context.own[name])) is not None
    }
    apart = _transposed_seams(context.seam, semitones) - gathered.seam
    seam_cost = np.square(feature_layout.without_colour(apart)).sum(axis=1)
    seam = (1 - EASE_SHARE) * np.exp(-seam_cost / SEAM_COST) + EASE_SHARE * transition.ease(steps, percentiles)
    relevant = _relevance(likeness, settings)
    alpha, beta = shares(settings)
    cost = COST_PER_SEMITONE * np.abs(semitones) + COST_PER_STRETCH * np.abs(np.log(ratio))
    measured = {
        **steps,
        **likeness,
        "seam_cost": seam_cost,
        "transposition": semitones,
        "stretch": 100 * (ratio - 1),
    }
    return Measured(
        relevance=relevant,
        seam=seam.astype(np.float32),
        total=(alpha * relevant + beta * seam - cost).astype(np.float32),
        tempo_ratio=ratio,
        terms={name: np.asarray(values, dtype=np.float32) for name, values in measured.items()},
        percentiles=percentiles,
        gathered=gathered,
    )


def vetoes(
    context: JoinContext, pair: Pair, measured: Measured, place: int, settings: RetrieveSettings
) -> tuple[str, ...]:
    """The reasons against one pair, short ones; none for most.

    Args:
        context: what came before the join.
        pair: the candidate.
        measured: of all pairs.
        place: of this pair among them.
        settings: whether its own recording may continue a leader.
    """
    level_db = float(measured.gathered.level_db[place])
    reasons = []
    if level_db < SILENT_DB:
        reasons.append("silence")
    elif not context.is_silent and abs(level_db - context.level_db) > MAX_LEVEL_STEP_DB:
        reasons.append("level")
    balance_db = max(float(measured.gathered.low_db[place]) - level_db, -30.0)
    if not context.is_silent and abs(balance_db - max(context.low_db - context.level_db, -30.0)) > MAX_BASS_STEP_DB:
        reasons.append("bass band")
    if not pulse.fits_metre(context.metres, pair.described.metres):
        reasons.append("metre")
    if settings.exclude_same_recording and pair.described.recording.sha256 == context.recording_sha256:
        reasons.append("same recording")
    return tuple(reasons)


def _likeness(context: JoinContext, gathered: Gathered, semitones: NDArray[np.int64]) -> dict[str, FloatArray]:
    """Every aspect of relevance, 0..1.  [pairs]"""
    end_s = np.array([context.recent.duration_s])
    alike = relevance.alike(relevance.past(context.recent, end_s, np.ones(1)), gathered.past, semitones)
    after = transposed(gathered.chroma_after.reshape(len(semitones), 2, 12), semitones, axis=2)
    key = np.clip((context.blocks["chroma_after"].reshape(1, 2, 12) * after).sum(axis=(1, 2)), 0.0, 1.0)
    colour = np.clip((context.blocks["timbre_after"] * gathered.timbre_after).sum(axis=1), 0.0, 1.0)
    away = np.abs(np.log2(gathered.needed_ratio / gathered.ratio))  # what is left after changing the tempo
    return alike | {
        "harmony": (1 - SUITS_SHARE) * alike["harmony"] + SUITS_SHARE * key,
        "timbre": (1 - SUITS_SHARE) * alike["timbre"] + SUITS_SHARE * colour,
        "tempo": np.where(gathered.has_beat == (context.tempo_bpm > 0), 1 - 2 * away, 0.5),
    }


def _relevance(likeness: dict[str, FloatArray], settings: RetrieveSettings) -> FloatArray:
    weights = settings.relevance
    energy = (likeness["loudness"] + likeness["rhythm"]) / 2
    coherence = (likeness["timbre"] + likeness["articulation"] + likeness["tempo"]) / 3
    whole = weights.chroma * likeness["harmony"] + weights.energy * energy + weights.coherence * coherence
    total = weights.chroma + weights.energy + weights.coherence
    return np.asarray(whole / total if total > 0 else np.zeros_like(whole), dtype=np.float32)


def _transposed_seams(seam: FloatArray, semitones: NDArray[np.int64]) -> FloatArray:
    """The context's seam as each pair, before it is transposed, should have it.  [pairs, SEAM_WIDTH]"""
    kinds, place = np.unique(semitones, return_inverse=True)
    return np.stack([feature_layout.rolled_seam(seam, -int(step)) for step in kinds])[place]
