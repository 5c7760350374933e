"""How a band follows its leader: the figures of every stem, and whether a figure can tell this leader's band at all.

A figure is worth showing when it tells the band of this leader from the bands of others: AUC is the chance that a
matched pair scores better than a shuffled one, 0.5 for a coin. Below `MIN_AUC` it is measured and not shown. What a
band promises by itself (ranges, crossings between its voices) has no shuffled pair, and no AUC.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise

import numpy as np

from ensemble.measure.cases import FollowPart, LeadPart, RenderCase
from ensemble.measure.harmony_fit import (
    chord_tone_ratio,
    clash_rate,
    clashes_per_min,
    range_violations,
    voice_crossings,
)
from ensemble.measure.timing import together

MIN_AUC = 0.9
_SOUNDS_LOWER = {"bass": 0, "pad": 1, "counter": 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Following:
    """Of one stem against its leader; None where there is too little to measure."""

    onset_offset_ms: float | None
    """Median distance of common onsets, either way."""
    onset_lag_ms: float | None
    """The same with its sign: positive is late."""
    drift_ms_per_min: float | None
    """How fast the signed distance grows."""
    key_clash_rate: float | None
    """Share of the intervals with the leader that clash, see `harmony_fit`."""
    true_key_clash_rate: float | None
    """The same of what the true players of that role play with this leader."""
    key_clashes_per_min: float | None
    """Clashes of a tenth of a second and more, by the minute of playing together."""
    chord_tone_ratio: float | None
    """Share of what it sounds that belongs to the chord of its moment."""
    range_violations: int
    """Notes outside the instrument's range."""


def following(leader: LeadPart, stem: FollowPart, case: RenderCase | None = None) -> Following:
    """Measure one stem; drums have no harmony. `case` gives what the true players play."""
    timing = together(leader.onsets_s, stem.onsets_s)
    true_tones = _true_tones(case, stem) if case else None
    return Following(
        onset_offset_ms=timing.offset_ms,
        onset_lag_ms=timing.lag_ms,
        drift_ms_per_min=timing.drift_ms_per_min,
        key_clash_rate=clash_rate(leader.tones, stem.tones),
        true_key_clash_rate=None if true_tones is None else clash_rate(leader.tones, true_tones),
        key_clashes_per_min=clashes_per_min(leader.tones, stem.tones),
        chord_tone_ratio=chord_tone_ratio(leader.chords, stem.tones),
        range_violations=range_violations(stem.notes, stem.range_midi),
    )


def _true_tones(case: RenderCase, stem: FollowPart) -> np.ndarray | None:
    """What the recording's own player of a role sounds; the inner parts stand for everyone above the bass."""
    if stem.role == "drums":
        return None
    return case.true_tones.get("bass" if stem.role == "bass" else "pad")


def crossings(band: Sequence[FollowPart]) -> int:
    """Notes that cross into the part below or above, over the parts whose register the band keeps in order."""
    ordered = sorted((part for part in band if part.role in _SOUNDS_LOWER), key=lambda part: sum(part.range_midi))
    basses = [part for part in ordered if part.role == "bass"]
    ordered = basses + [part for part in ordered if part.role != "bass"]
    return sum(voice_crossings(lower.notes, upper.notes) for lower, upper in pairwise(ordered))


Figure = Callable[[Following], float | None]
FIGURES: dict[str, Figure] = {
    "onset_offset_ms": lambda one: one.onset_offset_ms,
    "drift_ms_per_min": lambda one: None if one.drift_ms_per_min is None else abs(one.drift_ms_per_min),
    "key_clash_rate": lambda one: one.key_clash_rate,
    "key_clashes_per_min": lambda one: one.key_clashes_per_min,
    "chord_tone_ratio": lambda one: None if one.chord_tone_ratio is None else -one.chord_tone_ratio,
}
"""What the validity test puts to the proof; smaller is better."""


def matched_against_shuffled(cases: Sequence[RenderCase]) -> dict[str, float | None]:
    """The AUC of every figure over several leaders that the same band followed; None with fewer than three.

    A band's value is the mean over its stems. Source: the AUC is Mann and Whitney's U over the number of pairs.
    """
    if len(cases) < 3:
        return dict.fromkeys(FIGURES)
    matched: dict[str, list[float]] = {name: [] for name in FIGURES}
    shuffled: dict[str, list[float]] = {name: [] for name in FIGURES}
    for row, case in enumerate(cases):
        for column, other in enumerate(cases):
            measured = [following(case.leader, stem) for stem in other.band]
            for name, figure in FIGURES.items():
                values = [value for one in measured if (value := figure(one)) is not None]
                if values:
                    (matched if row == column else shuffled)[name].append(sum(values) / len(values))
    return {name: area_under_curve(matched[name], shuffled[name]) for name in FIGURES}


def area_under_curve(matched: Sequence[float], shuffled: Sequence[float]) -> float | None:
    """The chance that a matched value is smaller than a shuffled one, ties counting half; None without either."""
    if not matched or not shuffled:
        return None
    ours, theirs = np.array(matched)[:, None], np.array(shuffled)[None, :]
    return float(((ours < theirs) + 0.5 * (ours == theirs)).mean())


def shown(auc: dict[str, float | None]) -> tuple[str, ...]:
    """The figures that tell a band from another's."""
    return tuple(name for name, value in auc.items() if value is not None and value >= MIN_AUC)


def as_document(cases: Sequence[RenderCase]) -> dict[str, object]:
    """Every figure of every case, their summary per stem (medians over the leaders), and the AUC of each figure."""
    auc = matched_against_shuffled(cases)
    each = {case.name: {stem.name: asdict(following(case.leader, stem, case)) for stem in case.band} for case in cases}
    names = list(dict.fromkeys(stem.name for case in cases for stem in case.band))
    return {
        "stems": {name: _summary([each[case][name] for case in each if name in each[case]]) for name in names},
        "voice_crossings": sum(crossings(case.band) for case in cases),
        "leaders": each,
        "auc": {name: _rounded(value) for name, value in auc.items()},
        "shown": list(shown(auc)),
    }


def _summary(rows: Sequence[dict[str, float | int | None]]) -> dict[str, float | int | None]:
    """The median of each figure over the leaders that have one; violations are summed."""
    summary: dict[str, float | int | None] = {}
    for name in rows[0]:
        values = [value for row in rows if (value := row[name]) is not None]
        if name == "range_violations":
            summary[name] = int(sum(values))
        else:
            summary[name] = _rounded(float(np.median(values)) if values else None)
    return summary


def _rounded(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else round(value, 4)
