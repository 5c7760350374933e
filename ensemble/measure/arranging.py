"""How an arranger writes, beside the rules, for leaders of held-out pieces: against what their own players played.

A part that another player would also have written is not wrong, so the match with the true part tells taste and not
quality; chord tones, clashes and crossings tell manners. Both writers get the same leader, chords, ranges and seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ensemble.conduct.arranger import Arranger
from ensemble.conduct.arranger_features import REST, STRIKE, ArrangerLine, Kind, line_of, timed
from ensemble.conduct.grid import Grid, grid_of
from ensemble.conduct.parts import write_parts
from ensemble.config import FollowerSettings
from ensemble.events import OnProgress, unheard
from ensemble.measure.bootstrap import interval
from ensemble.measure.f_measure import strokes_f1
from ensemble.measure.harmony_fit import (
    TimedNote,
    chord_tone_ratio,
    clash_rate,
    range_violations,
    tones_of_chords,
    tones_of_leader,
    tones_of_notes,
)
from ensemble.threads import one_thread
from ensemble.train.arranger.material import WrittenPart, WrittenPiece
from ensemble.types.instruments import CATALOGUE
from ensemble.types.music import Part, Role

MOST_FOLLOWERS = 32
FIGURES = (
    "onset_f1", "tone_match", "density_error", "note_length_error", "rest_share", "chord_tone_ratio", "clash_rate"
)  # fmt: skip
"""onset_f1: of strokes on half beats against the true part's. tone_match: share of the half beats in which both sound
that have one pitch class. density_error: of strokes per half beat, absolute. note_length_error: of the mean, in half
beats, absolute. rest_share: of half beats. The other two: see `harmony_fit`."""
_ROLES: dict[Kind, Role] = {"bass": "bass", "chords": "pad", "line": "counter"}


class _Score(NamedTuple):
    """Of one written part."""

    figures: dict[str, float]
    range_violations: int


def evaluate_arranger(
    arranger: Arranger, pieces: Sequence[WrittenPiece], on_progress: OnProgress = unheard
) -> dict[str, Any]:
    """Let both write for every leader of every piece.

    Args:
        arranger: to measure.
        pieces: that it never learned from.
        on_progress: told how many leaders are done, and of how many.

    Returns:
        `learned`, `rules` and `true` (what the players played): a mean of `FIGURES` over parts, by piece, then over
        pieces, and range_violations in all; `difference`: the 95 % interval of learned less rules for each figure,
        over pieces drawn again; None where nothing could be measured; `pieces`, `leaders`, `parts`.
    """
    writers: dict[str, Arranger | None] = {"learned": arranger, "rules": None}
    found: dict[str, list[list[_Score]]] = {name: [] for name in (*writers, "true")}
    total = sum(len(piece.parts) for piece in pieces)
    done = 0
    for piece in pieces:
        here: dict[str, list[_Score]] = {name: [] for name in found}
        for leading in piece.parts:
            true = [part for part in piece.parts if part is not leading][:MOST_FOLLOWERS]
            grid = grid_of(leading.heard)
            band = [_follower(part) for part in true]
            for name, writer in writers.items():
                with one_thread():
                    written = write_parts(leading.heard, band, leading.heard.frames.num_frames, 0, writer)
                here[name] += [
                    _score(timed(part.notes), one, leading, grid)
                    for part, one in zip(written, true, strict=True)
                    if isinstance(part, Part)
                ]
            here["true"] += [_score(part.notes, part, leading, grid) for part in true]
            done += 1
            on_progress("writing for every leader", done, total)
        for name, scores in here.items():
            found[name].append(scores)
    means = {name: np.array([_means(scores) for scores in by_piece]) for name, by_piece in found.items()}
    document: dict[str, Any] = {
        name: {figure: _said(_mean(column)) for figure, column in zip(FIGURES, rows.T, strict=True)}
        | {"range_violations": sum(score.range_violations for scores in found[name] for score in scores)}
        for name, rows in means.items()
    }
    document["difference"] = _interval(means["learned"] - means["rules"])
    document["pieces"], document["leaders"] = len(pieces), total
    document["parts"] = sum(len(scores) for scores in found["true"])
    return document


def _follower(part: WrittenPart) -> FollowerSettings:
    """The part as somebody in a band."""
    voices = 1 if part.kind != "chords" else None
    return FollowerSettings(
        name=part.name.replace("_", "-"), instrument=part.instrument, role=_ROLES[part.kind], voices=voices
    )


def _score(notes: Sequence[tuple[float, float, int]], true: WrittenPart, leading: WrittenPart, grid: Grid) -> _Score:
    heard = leading.heard
    num_frames = heard.frames.num_frames
    ours, theirs = line_of(notes, grid, true.kind), line_of(true.notes, grid, true.kind)
    sounding = [TimedNote(start, stop, pitch) for start, stop, pitch in notes]
    tones = tones_of_notes(sounding, num_frames)
    figures = {
        "onset_f1": strokes_f1(theirs.actions == STRIKE, ours.actions == STRIKE),
        "tone_match": _tone_match(ours, theirs),
        "density_error": abs(_density(ours) - _density(theirs)),
        "note_length_error": abs(_note_length(ours) - _note_length(theirs)),
        "rest_share": float((ours.actions == REST).mean()),
        "chord_tone_ratio": _or_nan(chord_tone_ratio(tones_of_chords(heard, num_frames), tones)),
        "clash_rate": _or_nan(clash_rate(tones_of_leader(heard.frames, heard.tuning_cents), tones)),
    }
    return _Score(figures, range_violations(sounding, CATALOGUE[true.instrument].range_midi))


def _tone_match(ours: ArrangerLine, theirs: ArrangerLine) -> float:
    both = (ours.actions != REST) & (theirs.actions != REST)
    return float(((ours.pitches - theirs.pitches) % 12 == 0)[both].mean()) if both.any() else float("nan")


def _density(line: ArrangerLine) -> float:
    return float((line.actions == STRIKE).mean())


def _note_length(line: ArrangerLine) -> float:
    """Half beats from a stroke to its end, in the mean."""
    return float((line.actions != REST).sum() / max((line.actions == STRIKE).sum(), 1))


def _or_nan(value: float | None) -> float:
    return float("nan") if value is None else value


def _means(scores: Sequence[_Score]) -> list[float]:
    table = np.array([[score.figures[name] for name in FIGURES] for score in scores])
    return [_mean(column) for column in table.T]


def _mean(values: np.ndarray) -> float:
    """Of those that there are."""
    there = values[np.isfinite(values)]
    return float(there.mean()) if len(there) else float("nan")


def _said(value: float) -> float | None:
    return round(value, 4) if np.isfinite(value) else None


def _interval(difference: np.ndarray) -> dict[str, list[float] | None]:
    """95 % of the mean difference over those pieces that have one, drawn again.  [pieces, figures]"""
    intervals: dict[str, list[float] | None] = dict.fromkeys(FIGURES)
    for name, column in zip(FIGURES, difference.T, strict=True):
        there = column[np.isfinite(column)]
        if len(there):
            intervals[name] = list(interval(there))
    return intervals
