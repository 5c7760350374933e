"""How closely the band followed, for the report.

Only figures are shown that can tell a band that followed this leader from one that followed another (measured with
`ensemble evaluate render --data SET`, matched against shuffled leaders): with a rhythm section on seven leaders each
reaches an AUC of 0.95 or more. With three strings the drift reaches 0.82 only, because too few of their notes begin
with the leader's: it is left out where fewer than `MIN_SHARED_ONSETS` do.
"""

from __future__ import annotations

from collections.abc import Sequence

from ensemble.measure.cases import FollowPart, LeadPart
from ensemble.measure.following import Following, following
from ensemble.measure.timing import matched
from ensemble.report.facts import Fact, number, spoken

MAX_OFFSET_MS = 20.0
"""Followers further from the leader than this are heard as late."""
MIN_SHARED_ONSETS = 40


def following_facts(leader: LeadPart, band: Sequence[FollowPart]) -> list[Fact]:
    """One line per stem: how far its onsets lie from the leader's, whether that grows, how often it clashes."""
    return [_fact(leader, stem, following(leader, stem)) for stem in band]


def _fact(leader: LeadPart, stem: FollowPart, measured: Following) -> Fact:
    if measured.onset_offset_ms is None:
        value, is_good = "Too few shared onsets to measure", True
    else:
        value = f"{number(measured.onset_offset_ms, 0)} ms from the leader's onsets"
        is_good = measured.onset_offset_ms <= MAX_OFFSET_MS
    notes = []
    num_shared = len(matched(leader.onsets_s, stem.onsets_s)[0])
    if measured.drift_ms_per_min is not None and num_shared >= MIN_SHARED_ONSETS:
        notes.append(f"drift {number(measured.drift_ms_per_min, 0, signed=True)} ms a minute")
    if measured.key_clashes_per_min is not None:
        notes.append(f"{number(measured.key_clashes_per_min, 0)} semitone clashes a minute")
    return Fact(name=spoken(stem.name), value=value, note=", ".join(notes), is_good=is_good)
