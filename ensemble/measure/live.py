"""How well a band followed a leader who was still playing, against references."""

from __future__ import annotations

import mir_eval.beat
import mir_eval.chord
import numpy as np

from ensemble.clock import FRAME_RATE_HZ
from ensemble.listen.beats import track_beats
from ensemble.live.stream import Followed
from ensemble.measure.annotations import Annotation, Times
from ensemble.types.music import Part

BEAT_FIGURES = ("beats_f", "beat_error_p50_ms", "beat_error_p95_ms", "lock_s")
FIGURES = (*BEAT_FIGURES, "offline_beats_f", "chord_tone_ratio", "root_accuracy")
"""beats_f: F-measure within 70 ms of the beats that were committed, from `SETTLED_S` on; offline_beats_f: of those that
the tracker finds which knows the whole recording. beat_error_*: how far those
that are nearer to a beat than `LOCKED_S` lie from it. lock_s: when the first `LOCKED_BEATS` beats in a row lie within
70 ms. chord_tone_ratio: share of the notes of all parts that begin on a tone of the reference's chord. root_accuracy:
share of the basses' notes on bar lines that are its root."""
WINDOW_S = 0.07
LOCKED_S, LOCKED_BEATS = 0.25, 4
SETTLED_S = 5.0

Figures = dict[str, float | None]


def score_live(reference: Annotation, followed: Followed) -> Figures:
    """All `FIGURES` of one recording."""
    figures: Figures = dict.fromkeys(FIGURES)
    length_s = followed.heard.frames.num_frames / FRAME_RATE_HZ
    if reference.beats_s is not None:
        beats_s = reference.beats_s[reference.beats_s < length_s]
        frames = followed.heard.frames
        offline_s = track_beats(frames.onset, length_s, frames.pulse).times_s
        figures |= _beats(beats_s, followed.heard.beats_s) | {"offline_beats_f": _f(beats_s, offline_s)}
    if reference.chord_spans_s is not None:
        figures |= _chords(reference.chord_spans_s, reference.chord_labels, followed)
    return {name: None if value is None else round(value, 4) for name, value in figures.items()}


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


def _chords(spans_s: Times, labels: tuple[str, ...], followed: Followed) -> Figures:
    roots, tones, _ = mir_eval.chord.encode_many(list(labels))
    downbeats_s = followed.heard.beats_s[followed.heard.downbeats] if len(followed.heard.beats_s) else np.zeros(0)
    fits: list[bool] = []
    is_root: list[bool] = []
    for part in followed.arrangement.parts:
        if not isinstance(part, Part):
            continue
        for note in part.notes:
            start_s = note.start_frame / FRAME_RATE_HZ + WINDOW_S / 2
            span = int(np.searchsorted(spans_s[:, 0], start_s, side="right")) - 1
            if span < 0 or start_s >= spans_s[span, 1] or roots[span] < 0:
                continue
            above = (round(note.pitch_midi) - roots[span]) % 12
            fits.append(bool(tones[span][above]))
            if part.name == "bass" and len(downbeats_s) and np.abs(downbeats_s - start_s).min() < WINDOW_S:
                is_root.append(above == 0)
    return {
        "chord_tone_ratio": float(np.mean(fits)) if fits else None,
        "root_accuracy": float(np.mean(is_root)) if is_root else None,
    }
