"""How near what is said of a recording comes to a reference, by mir_eval.

Only what the reference covers is judged: beats from half a beat before its first to half a beat after its last, chords
from its first span to its last; chords labelled X, and qualities without a major or minor triad, count nothing.
"""

from __future__ import annotations

import mir_eval.beat
import mir_eval.chord
import mir_eval.key
import mir_eval.melody
import numpy as np

from ensemble.clock import FRAME_RATE_HZ
from ensemble.conduct.notes import onset_frames
from ensemble.measure.annotations import Annotation, Times
from ensemble.measure.f_measure import events_f1
from ensemble.types.music import Heard

FIGURES = (
    "chords_majmin", "chords_root", "beats_f", "downbeats_f", "tempo_acc1", "metre_accuracy", "key_weighted", "f0_rpa",
    "onsets_f",
)  # fmt: skip
"""chords_majmin, chords_root: share of the time. beats_f, downbeats_f: F-measure within 70 ms. tempo_acc1: within 4 %.
metre_accuracy: beats in a bar. key_weighted: MIREX's score. f0_rpa: raw pitch accuracy, within 50 cents. onsets_f:
F-measure within 50 ms."""
BEAT_WINDOW_S, ONSET_WINDOW_S = 0.07, 0.05
TEMPO_TOLERANCE = 0.04


def annotation_of(heard: Heard) -> Annotation:
    """What the listener says, in the references' terms; a chord holds from its beat to the next."""
    edges = np.append(heard.beats_s, heard.frames.num_frames / FRAME_RATE_HZ)
    first = heard.first_downbeat % heard.beats_per_bar
    return Annotation(
        beats_s=heard.beats_s,
        downbeats_s=heard.beats_s[first :: heard.beats_per_bar],
        tempo_bpm=heard.tempo_bpm,
        beats_per_bar=heard.beats_per_bar,
        chord_spans_s=np.stack([edges[:-1], edges[1:]], axis=1),
        chord_labels=tuple(chord.harte for chord in heard.chords),
        key=str(heard.key),
        f0_s=np.arange(heard.frames.num_frames) / FRAME_RATE_HZ,
        f0_hz=heard.frames.f0_hz.astype(np.float64),
        onsets_s=onset_frames(heard.frames) / FRAME_RATE_HZ,
    )


def score(reference: Annotation, said: Annotation) -> dict[str, float | None]:
    """All `FIGURES`, each 0..1; None where the reference, or who is measured, says nothing of it."""
    figures: dict[str, float | None] = dict.fromkeys(FIGURES)
    if reference.chord_spans_s is not None and said.chord_spans_s is not None:
        figures |= _chord_scores(reference, said)
    if reference.beats_s is not None and said.beats_s is not None:
        figures["beats_f"] = _beats_f(reference, reference.beats_s, said.beats_s)
    if reference.downbeats_s is not None and said.downbeats_s is not None:
        figures["downbeats_f"] = _beats_f(reference, reference.downbeats_s, said.downbeats_s)
    if reference.tempo_bpm is not None and said.tempo_bpm is not None:
        error = abs(said.tempo_bpm / reference.tempo_bpm - 1)
        figures["tempo_acc1"] = float(error <= TEMPO_TOLERANCE)
    if reference.beats_per_bar is not None and said.beats_per_bar is not None:
        figures["metre_accuracy"] = float(said.beats_per_bar == reference.beats_per_bar)
    if reference.key is not None and said.key is not None:
        figures["key_weighted"] = float(mir_eval.key.weighted_score(reference.key, said.key))
    if reference.f0_s is not None and said.f0_s is not None:
        voicing, cents, said_voicing, said_cents = mir_eval.melody.to_cent_voicing(
            reference.f0_s, reference.f0_hz, said.f0_s, said.f0_hz
        )
        figures["f0_rpa"] = float(mir_eval.melody.raw_pitch_accuracy(voicing, cents, said_voicing, said_cents))
    if reference.onsets_s is not None and said.onsets_s is not None:
        figures["onsets_f"] = events_f1(reference.onsets_s, said.onsets_s, ONSET_WINDOW_S)
    return {
        name: None if value is None or not np.isfinite(value) else round(value, 4) for name, value in figures.items()
    }


def _chord_scores(reference: Annotation, said: Annotation) -> dict[str, float | None]:
    spans_s = reference.chord_spans_s
    assert spans_s is not None  # noqa: S101  asked by the caller
    intervals, labels = mir_eval.util.adjust_intervals(
        said.chord_spans_s, list(said.chord_labels), spans_s.min(), spans_s.max(), "N", "N"
    )
    merged, true, found = mir_eval.util.merge_labeled_intervals(
        *_without_gaps(spans_s, reference.chord_labels), intervals, labels
    )
    durations = mir_eval.util.intervals_to_durations(merged)
    figures: dict[str, float | None] = {}
    for name, compare in (("chords_majmin", mir_eval.chord.majmin), ("chords_root", mir_eval.chord.root)):
        hits = compare(true, found)
        figures[name] = float(mir_eval.chord.weighted_accuracy(hits, durations)) if (hits >= 0).any() else None
    return figures


def _without_gaps(spans_s: Times, labels: tuple[str, ...]) -> tuple[Times, list[str]]:
    """The spans with an X wherever nothing is said."""
    edges = np.unique(spans_s)
    starts = {start: label for (start, _), label in zip(spans_s.tolist(), labels, strict=True)}
    return np.stack([edges[:-1], edges[1:]], axis=1), [starts.get(start, "X") for start in edges[:-1].tolist()]


def _beats_f(reference: Annotation, true_s: Times, found_s: Times) -> float | None:
    beats_s = reference.beats_s
    if beats_s is None or not len(true_s):
        return None
    margin_s = 30.0 / reference.tempo_bpm if reference.tempo_bpm else BEAT_WINDOW_S
    inside = (found_s >= beats_s[0] - margin_s) & (found_s <= beats_s[-1] + margin_s)
    return events_f1(true_s, found_s[inside], BEAT_WINDOW_S)
