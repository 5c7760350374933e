"""The seams that the retriever makes when it goes on from a leader: do they click, would they stand out?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ensemble.errors import RetrieveError
from ensemble.measure.retrieval_questions import RetrievalQuestion
from ensemble.measure.retrieval_store import SecondTakes
from ensemble.retrieve.retriever import Retriever
from ensemble.retrieve.settings import RetrieveSettings
from ensemble.types.continuation import ContinuationQuery

TAKES_PER_LEADER = 2
EXTEND_S = 5.0
MEASURES = ("click_ratio", "joined_level_step_db", "joined_spectral_distance_db", "joined_pitch_step_cents")
"""Terms of the joined sound that have a percentile among the leader's own transitions."""
OnProgress = Callable[[str, int, int], None]


def measure_seams(
    questions: Sequence[RetrievalQuestion], takes: SecondTakes, settings: RetrieveSettings, on_progress: OnProgress
) -> dict[str, Any]:
    """Let the retriever go on from every leader, and read what its seams measured.

    Returns:
        seams: how many; seam_percentile_median: each seam's mean percentile over `MEASURES` among the leader's own
        transitions, the median of the seams; seam_percentiles: the median by measure; click_ratio_p95 and _max;
        clicks_beyond_attack: seams rougher than their surroundings and than the new sound's own attack;
        leaders_without_continuation.
    """
    retriever = Retriever(takes.store, takes.described, settings)
    percentiles: dict[str, list[float]] = {name: [] for name in MEASURES}
    per_seam, clicks, beyond, refused = list[float](), list[float](), 0, 0
    for done, question in enumerate(questions, 1):
        try:
            continuations = retriever.continuations(question.heard, _wish(question))
        except RetrieveError:
            refused += 1
            continuations = ()
        for hop in (hop for continuation in continuations for hop in continuation.hops):
            terms = hop.score.terms
            placed = {name: terms[name].percentile for name in MEASURES if name in terms}
            known = {name: value for name, value in placed.items() if value is not None}
            for name, value in known.items():
                percentiles[name].append(value)
            if known:
                per_seam.append(float(np.mean(list(known.values()))))
            clicks.append(terms["click_ratio"].value)
            beyond += clicks[-1] > max(1.0, terms["attack_click_ratio"].value)
        on_progress("join", done, len(questions))
    return {
        "seams": len(clicks),
        "leaders_without_continuation": refused,
        "seam_percentile_median": float(np.median(per_seam)) if per_seam else None,
        "seam_percentiles": {name: float(np.median(values)) for name, values in percentiles.items() if values},
        "click_ratio_p95": float(np.percentile(clicks, 95)) if clicks else None,
        "click_ratio_max": max(clicks, default=None),
        "clicks_beyond_attack": beyond,
    }


def _wish(question: RetrievalQuestion) -> ContinuationQuery:
    return ContinuationQuery(
        leader=question.heard_clip, tail=question.clip, tail_start_sample=0, extend_s=EXTEND_S, top_k=TAKES_PER_LEADER
    )
