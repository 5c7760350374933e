"""How well a band followed a leader who was still playing, against references."""

from __future__ import annotations

from typing import NamedTuple

import mir_eval.beat
import mir_eval.chord
import numpy as np

from ensemble.chart.chart import HOLD, SILENT
from ensemble.clock import FRAME_RATE_HZ
from ensemble.listen.beats import track_beats
from ensemble.live.stream import Followed
from ensemble.measure.annotations import Annotation, Times, tempo_of
from ensemble.measure.harmony_fit import TimedNote, clash_rate, tones_of_leader, tones_of_notes
from ensemble.types.music import Arrangement, Frames, Part

BEAT_FIGURES = ("beats_f", "beat_error_p50_ms", "beat_error_p95_ms", "lock_s")
FIGURES = (
    *BEAT_FIGURES, "offline_beats_f", "chord_tone_ratio", "root_accuracy", "lost_bars", "clash_rate",
    "offline_clash_rate",
)  # fmt: skip
"""beats_f: F-measure within 70 ms of the beats that were committed, from `SETTLED_S` on; offline_beats_f: of those that
the tracker finds which knows the whole recording. beat_error_*: how far those
that are nearer to a beat than `LOCKED_S` lie from it. lock_s: when the first `LOCKED_BEATS` beats in a row lie within
70 ms. chord_tone_ratio: share of the notes of all parts that begin on a tone of the reference's chord. root_accuracy:
share of the basses' notes on bar lines that are its root. lost_bars: the most bars in a row, among those in which the
band plays, in which fewer than half of the notes fit. clash_rate: see `harmony_fit.clash_rate`; offline_clash_rate: of
the same band where it knows the whole recording."""
WINDOW_S = 0.07
LOCKED_S, LOCKED_BEATS = 0.25, 4
SETTLED_S = 5.0
LOST_SHARE = 0.5

Figures = dict[str, float | None]


class _Fit(NamedTuple):
    """How a note that was played fits the reference's chord."""

    start_s: float
    """When it begins."""
    is_chord_tone: bool
    """Whether it is a tone of the chord."""
    is_root: bool
    """Whether it is its root."""
    is_bass: bool
    """Whether the bass plays it."""


def score_live(reference: Annotation, followed: Followed, offline: Arrangement) -> Figures:
    """All `FIGURES` of one recording.

    Args:
        reference: what is known of it.
        followed: what was heard and played live.
        offline: what the same band plays where it knows the whole recording.
    """
    figures: Figures = dict.fromkeys(FIGURES)
    frames = followed.heard.frames
    length_s = frames.num_frames / FRAME_RATE_HZ
    if reference.beats_s is not None:
        beats_s = reference.beats_s[reference.beats_s < length_s]
        offline_s = track_beats(frames.onset, length_s, frames.pulse).times_s
        figures |= _beats(beats_s, followed.heard.beats_s) | {"offline_beats_f": _f(beats_s, offline_s)}
    if reference.chord_spans_s is not None:
        figures |= _chords(reference, followed)
    if (clashes := _clashes(frames, followed.arrangement)) is not None:
        figures |= {"clash_rate": clashes, "offline_clash_rate": _clashes(frames, offline)}
    return {name: None if value is None else round(value, 4) for name, value in figures.items()}


def chart_of(reference: Annotation) -> str | None:
    """The text of the chart that a reference tells, from its first bar line on; None where it tells none."""
    beats_s, bars_s, spans_s = reference.beats_s, reference.downbeats_s, reference.chord_spans_s
    if beats_s is None or bars_s is None or spans_s is None or not len(bars_s) or not reference.beats_per_bar:
        return None
    beats_s = beats_s[beats_s >= bars_s[0]]
    spans = np.searchsorted(spans_s[:, 0], beats_s + np.diff(beats_s, append=beats_s[-1] + 0.5) / 2, side="right") - 1
    labels = [reference.chord_labels[span] if span >= 0 else SILENT for span in spans.tolist()]
    per_bar = reference.beats_per_bar
    chords = [HOLD if label == "X" else label for label in labels[: len(labels) // per_bar * per_bar]]
    if not chords:
        return None
    bars = [" ".join(chords[at : at + per_bar]) for at in range(0, len(chords), per_bar)]
    return f"metre: {per_bar}/4\ntempo: {tempo_of(beats_s):.1f}\n| {' | '.join(bars)} |\n"


def _f(beats_s: Times, found_s: Times) -> float | None:
    settled, found = beats_s[beats_s >= SETTLED_S], found_s[found_s >= SETTLED_S]
    if len(settled) <= LOCKED_BEATS:
        return None
    return float(mir_eval.beat.f_measure(settled, found, WINDOW_S)) if len(found) else 0.0


def _beats(beats_s: Times, committed_s: Times) -> Figures:
    figures: Figures = {"beats_f": _f(beats_s, committed_s)}
    if figures["beats_f"] is not None and (committed_s >= SETTLED_S).any():
        off_s = np.abs(committed_s[:, None] - beats_s).min(axis=1)
        near_ms = 1000 * off_s[(committed_s >= SETTLED_S) & (off_s < LOCKED_S)]
        is_locked = np.convolve(off_s < WINDOW_S, np.ones(LOCKED_BEATS), "valid") >= LOCKED_BEATS
        if is_locked.any():
            figures["lock_s"] = float(committed_s[int(np.argmax(is_locked))] - beats_s[0])
        if len(near_ms):
            figures["beat_error_p50_ms"] = float(np.percentile(near_ms, 50))
            figures["beat_error_p95_ms"] = float(np.percentile(near_ms, 95))
    return figures


def _chords(reference: Annotation, followed: Followed) -> Figures:
    fits = _fits(reference, followed.arrangement)
    downbeats_s = followed.heard.beats_s[followed.heard.downbeats] if len(followed.heard.beats_s) else np.zeros(0)
    on_bars = [
        fit.is_root
        for fit in fits
        if fit.is_bass and len(downbeats_s) and np.abs(downbeats_s - fit.start_s).min() < WINDOW_S
    ]
    return {
        "chord_tone_ratio": float(np.mean([fit.is_chord_tone for fit in fits])) if fits else None,
        "root_accuracy": float(np.mean(on_bars)) if on_bars else None,
        "lost_bars": _lost_bars(reference.downbeats_s, fits),
    }


def _fits(reference: Annotation, arrangement: Arrangement) -> list[_Fit]:
    """All notes that begin while the reference's chord is known."""
    spans_s = reference.chord_spans_s
    if spans_s is None:
        return []
    roots, tones, _ = mir_eval.chord.encode_many(list(reference.chord_labels))
    fits: list[_Fit] = []
    for part, note in _notes(arrangement):
        span = int(np.searchsorted(spans_s[:, 0], note.start_s + WINDOW_S / 2, side="right")) - 1
        if span < 0 or note.start_s + WINDOW_S / 2 >= spans_s[span, 1] or roots[span] < 0:
            continue
        above = (round(note.pitch_midi) - roots[span]) % 12
        fits.append(_Fit(note.start_s + WINDOW_S / 2, bool(tones[span][above]), above == 0, part == "bass"))
    return fits


def _lost_bars(downbeats_s: Times | None, fits: list[_Fit]) -> float | None:
    if downbeats_s is None or not fits:
        return None
    bars = np.searchsorted(downbeats_s, [fit.start_s for fit in fits], side="right")
    fitting = np.array([fit.is_chord_tone for fit in fits])
    most = lost = 0
    for bar in np.unique(bars):
        lost = lost + 1 if fitting[bars == bar].mean() < LOST_SHARE else 0
        most = max(most, lost)
    return float(most)


def _clashes(frames: Frames, arrangement: Arrangement) -> float | None:
    notes = [note for _, note in _notes(arrangement)]
    return clash_rate(tones_of_leader(frames, tuning_cents=0.0), tones_of_notes(notes, frames.num_frames))


def _notes(arrangement: Arrangement) -> list[tuple[str, TimedNote]]:
    """All notes, each with the name of its part."""
    return [
        (part.name, TimedNote(note.start_frame / FRAME_RATE_HZ, note.stop_frame / FRAME_RATE_HZ, note.pitch_midi))
        for part in arrangement.parts
        if isinstance(part, Part)
        for note in part.notes
    ]
