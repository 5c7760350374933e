"""Whether confidences are honest: of what is said with 80 % about 80 % is right.

Source: Naeini et al., Obtaining Well Calibrated Probabilities Using Bayesian Binning, AAAI 2015 (expected calibration
error).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal, NamedTuple

import mir_eval.chord
import numpy as np

from ensemble.clock import FRAME_RATE_HZ
from ensemble.measure.annotations import Annotation, Times
from ensemble.measure.listening_scores import BEAT_WINDOW_S, TEMPO_TOLERANCE
from ensemble.types.music import Heard

Subject = Literal["chord", "key", "tempo", "beat", "bar"]
NUM_BINS = 10


class Statement(NamedTuple):
    """Something that the listener says of a recording, with a confidence."""

    subject: Subject
    """What it is about."""
    confidence: float
    """How sure the listener is, 0..1."""
    is_right: bool
    """Whether the reference says the same."""
    weight: float = 1.0
    """Seconds for chords and keys, 1 for others."""


def statements_of(heard: Heard, reference: Annotation) -> list[Statement]:
    """All that is said with a confidence, and that the reference can judge."""
    found: list[Statement] = []
    if reference.chord_spans_s is not None and heard.chord_doubts:
        found += _of_chords(heard, reference.chord_spans_s, reference.chord_labels)
    if reference.key is not None:
        found += _of_keys(heard, reference.key)
    if reference.tempo_bpm is not None and heard.second_tempo_bpm is not None:
        is_near = abs(heard.tempo_bpm / reference.tempo_bpm - 1) <= TEMPO_TOLERANCE
        found.append(Statement("tempo", heard.tempo_confidence, is_near))
    if reference.beats_s is not None:
        found += _of_times("beat", heard.beats_s, heard.beat_confidence.tolist(), reference.beats_s, reference.beats_s)
        if reference.downbeats_s is not None:
            bars_s = heard.beats_s[heard.downbeats]
            found += _of_times("bar", bars_s, heard.bar_confidence.tolist(), reference.downbeats_s, reference.beats_s)
    return found


def calibration_error(statements: Sequence[Statement]) -> float | None:
    """Expected calibration error, 0..1, of each subject, in the mean; None without statements."""
    subjects = {statement.subject for statement in statements}
    errors = [_error([one for one in statements if one.subject == subject]) for subject in sorted(subjects)]
    return round(float(np.mean(errors)), 4) if errors else None


def _error(statements: Sequence[Statement]) -> float:
    confidence, is_right, weight = np.array([statement[1:] for statement in statements], np.float64).T
    bins = np.minimum((confidence * NUM_BINS).astype(np.int64), NUM_BINS - 1)
    apart = np.bincount(bins, weights=weight * (confidence - is_right), minlength=NUM_BINS)
    return float(np.abs(apart).sum() / weight.sum())


def _of_chords(heard: Heard, spans_s: Times, labels: tuple[str, ...]) -> list[Statement]:
    """One statement for each beat in each span of the reference that tells major from minor."""
    edges = np.append(heard.beats_s, heard.frames.num_frames / FRAME_RATE_HZ)
    cuts = np.unique(np.concatenate([edges, spans_s.ravel()]))
    found = []
    for start_s, stop_s in pairwise(cuts.tolist()):
        middle_s = (start_s + stop_s) / 2
        beat = int(np.searchsorted(edges, middle_s)) - 1
        span = np.flatnonzero((spans_s[:, 0] <= middle_s) & (middle_s < spans_s[:, 1]))
        if not 0 <= beat < len(heard.chords) or not len(span):
            continue
        hit = float(mir_eval.chord.majmin([labels[span[0]]], [heard.chords[beat].harte])[0])
        if hit >= 0:
            found.append(Statement("chord", heard.chord_doubts[beat].confidence, hit == 1.0, stop_s - start_s))
    return found


def _of_keys(heard: Heard, key: str) -> list[Statement]:
    """One statement for each section; a reference has one key, which another section's contradicts."""
    stop_s = heard.frames.num_frames / FRAME_RATE_HZ
    starts_s = [0.0, *(float(heard.beats_s[section.start_beat]) for section in heard.key_sections[1:])]
    lasts_s = np.diff(starts_s, append=stop_s).tolist()
    return [
        Statement("key", section.confidence, str(section.key) == key, last_s)
        for section, last_s in zip(heard.key_sections, lasts_s, strict=False)
    ]


def _of_times(
    subject: Subject, said_s: Times, confidence: Sequence[float], true_s: Times, covered_s: Times
) -> list[Statement]:
    """One statement for each time within what the reference covers."""
    inside = (said_s >= covered_s[0] - BEAT_WINDOW_S) & (said_s <= covered_s[-1] + BEAT_WINDOW_S)
    nearest_s = np.abs(said_s[:, None] - true_s).min(axis=1, initial=np.inf)
    return [
        Statement(subject, sure, bool(near_s <= BEAT_WINDOW_S))
        for sure, near_s, is_inside in zip(confidence, nearest_s.tolist(), inside.tolist(), strict=False)
        if is_inside
    ]
