"""How good a join is, in a word and among joins whose worth is known: within songs, and to anything at all."""

from __future__ import annotations

import numpy as np

from ensemble.retrieve.settings import RetrieveSettings
from ensemble.types.continuation import JoinQuality, QualityWord

STEP_PERCENT = 5
WITHIN_SONGS = (
    0.196, 0.331, 0.370, 0.394, 0.412, 0.429, 0.446, 0.462, 0.476, 0.487, 0.500, 0.513, 0.526, 0.539, 0.555, 0.572,
    0.589, 0.608, 0.637, 0.676, 0.923,
)  # fmt: skip
"""Totals of joins from one place of a song to another place of it: the percentiles 0, 5 ... 100."""
AMONG_RANDOM = (
    0.125, 0.220, 0.246, 0.262, 0.276, 0.287, 0.297, 0.307, 0.317, 0.327, 0.338, 0.348, 0.361, 0.372, 0.385, 0.399,
    0.415, 0.433, 0.458, 0.495, 0.635,
)  # fmt: skip
"""Totals of joins to any place of any other recording, in its best transposition: the same percentiles."""
GOOD_ABOVE, FAIR_ABOVE = 50.0, 25.0
"""Percentiles within songs."""
CHANCE = 50.0
"""Percentile among random joins: what is no better may as well be anything."""


def quality_of(total: float, settings: RetrieveSettings) -> JoinQuality | None:
    """How good a join of this total is; None where the settings weigh it otherwise than the joins of the tables.

    Source: `python -m tests.bench.calibrate_joins` measures the tables on the shipped corpus: 2,592 joins of each kind,
    told apart 0.87 of the time; above the median of one half of the pieces lie 38 and 63 % of those within the other.
    """
    usual = RetrieveSettings()
    if (settings.relevance, settings.alpha, settings.beta) != (usual.relevance, usual.alpha, usual.beta):
        return None
    within, random = _percentile(total, WITHIN_SONGS), _percentile(total, AMONG_RANDOM)
    word: QualityWord = "good" if within >= GOOD_ABOVE else "fair" if within >= FAIR_ABOVE else "poor"
    return JoinQuality(word=word, within_songs=within, among_random=random)


def is_chance(quality: JoinQuality | None) -> bool:
    """Whether a join is no better than most to anything at all."""
    return quality is not None and quality.among_random < CHANCE


def in_words(quality: JoinQuality) -> str:
    """What is told to people: `poor: better than 12 % of joins within songs and 70 % of random ones`."""
    return (
        f"{quality.word}: better than {quality.within_songs:.0f} % of joins within songs and "
        f"{quality.among_random:.0f} % of random ones"
    )


def _percentile(total: float, table: tuple[float, ...]) -> float:
    percents = np.arange(0, 100 + STEP_PERCENT, STEP_PERCENT)
    return round(float(np.interp(total, table, percents)), 1)
