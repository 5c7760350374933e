"""Vetoes: why a candidate may not be used, however few others there are."""

from __future__ import annotations

from ensemble.retrieve.search.context import JoinContext
from ensemble.retrieve.search.gather import Pair
from ensemble.retrieve.search.rerank import Measured
from ensemble.retrieve.settings import RetrieveSettings

MAX_LEVEL_STEP_DB = 20.0
"""After a larger gain the quieter recording's noise would be heard."""
MAX_BASS_STEP_DB = 20.0
"""Step of the bass band against the whole: a bass that appears from nowhere, or is gone."""
SILENT_DB = -60.0


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
    if settings.exclude_same_recording and pair.described.recording.sha256 == context.recording_sha256:
        reasons.append("same recording")
    return tuple(reasons)
