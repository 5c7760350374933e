"""What a causal listener says of a recording, and how well it knows composed pieces that it has not learned from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.signal import find_peaks

from ensemble.audio.files import read_clip
from ensemble.audio.spectra import peak_offset
from ensemble.audio.viterbi import fixed_lag_viterbi
from ensemble.clock import CONDUCTOR_RATE_HZ
from ensemble.events import OnProgress, unheard
from ensemble.listen.causal_network import CausalListener
from ensemble.listen.listener import at_analysis_rate
from ensemble.measure.annotations import Annotation, Times, tempo_of
from ensemble.measure.bootstrap import interval
from ensemble.measure.listening_baseline import baseline
from ensemble.measure.listening_scores import score
from ensemble.threads import one_thread
from ensemble.train.listener.material import ComposedPiece
from ensemble.types.music import AudioClip, FloatArray

FIGURES = ("chords_majmin", "chords_root", "beats_f", "downbeats_f")
CHANGE_NATS = 8.0
"""What a change of chord costs."""
LOOK_AHEAD_FRAMES = 12
FLOOR = 1e-4
"""No chord is less likely."""
LEAST_BEAT, LEAST_DOWNBEAT = 0.3, 0.2
"""Probabilities below which there is none."""
SHORTEST_BEAT_FRAMES, SHORTEST_BAR_FRAMES = 7, 18


@one_thread()
def causal_annotation(listener: CausalListener, clip: AudioClip) -> Annotation:
    """What a causal listener says of a mono recording at 16 kHz: chords that hold for half a second, and peaks."""
    heard = listener.hear_whole(clip.samples[0])
    num_frames, num_chords = heard.chords.shape
    change = CHANGE_NATS * (1 - np.eye(num_chords))
    costs = list(-np.log(np.maximum(heard.chords, FLOOR)).astype(np.float64))
    chosen = np.array(fixed_lag_viterbi(costs, lambda _: change, LOOK_AHEAD_FRAMES))
    edges = np.concatenate([[0], np.flatnonzero(np.diff(chosen)) + 1, [num_frames]])
    beats_s = _peaks_s(heard.beats, LEAST_BEAT, SHORTEST_BEAT_FRAMES)
    return Annotation(
        beats_s=beats_s, downbeats_s=_peaks_s(heard.downbeats, LEAST_DOWNBEAT, SHORTEST_BAR_FRAMES),
        tempo_bpm=tempo_of(beats_s), chord_spans_s=np.stack([edges[:-1], edges[1:]], axis=1) / CONDUCTOR_RATE_HZ,
        chord_labels=tuple(listener.chords[chosen[edge]].harte for edge in edges[:-1]),
    )  # fmt: skip


def evaluate_listener(
    listener: CausalListener, pieces: Sequence[ComposedPiece], on_progress: OnProgress = unheard
) -> dict[str, Any]:
    """Let a causal listener hear composed pieces, and compare with what the composer knows.

    Args:
        listener: which one.
        pieces: that it has not learned from.
        on_progress: told how many are heard, and of how many.

    Returns:
        `pieces`; the means of `FIGURES` by `learned`, by `templates` (`listening_baseline`) and by `majority` (the
        piece's most frequent triad throughout); and `intervals`, 95 % of the difference to `templates`.
    """
    found: dict[str, list[list[float]]] = {"learned": [], "templates": [], "majority": []}
    for done, piece in enumerate(pieces):
        clip, truth = at_analysis_rate(read_clip(piece.mix)), _truth(piece)
        said = {
            "learned": causal_annotation(listener, clip), "templates": baseline(clip), "majority": _majority(truth),
        }  # fmt: skip
        for who, annotation in said.items():
            figures = score(truth, annotation)
            found[who].append([np.nan if (value := figures[name]) is None else value for name in FIGURES])
        on_progress("listening", done + 1, len(pieces))
    means: dict[str, Any] = {who: dict(zip(FIGURES, _means(figures), strict=True)) for who, figures in found.items()}
    apart = np.array(found["learned"]) - np.array(found["templates"])
    intervals = {name: list(interval(column[~np.isnan(column)])) for name, column in zip(FIGURES, apart.T, strict=True)}
    return {"pieces": len(pieces)} | means | {"intervals": intervals}


def _means(figures: list[list[float]]) -> list[float | None]:
    return [
        round(float(np.nanmean(column)), 4) if np.isfinite(column).any() else None for column in np.array(figures).T
    ]


def _truth(piece: ComposedPiece) -> Annotation:
    bars_s = piece.bars_s
    return Annotation(
        beats_s=piece.beats_s[:-1], downbeats_s=bars_s[:-1], tempo_bpm=tempo_of(piece.beats_s),
        chord_spans_s=np.stack([bars_s[:-1], bars_s[1:]], axis=1),
        chord_labels=tuple("X" if chord is None else chord.harte for chord in piece.bar_chords),
    )  # fmt: skip


def _majority(truth: Annotation) -> Annotation:
    most = max(truth.chord_labels, key=truth.chord_labels.count)
    return Annotation(chord_spans_s=truth.chord_spans_s, chord_labels=(most,) * len(truth.chord_labels))


def _peaks_s(activation: FloatArray, least: float, distance: int) -> Times:
    """Where an activation peaks, between frames, in seconds."""
    padded = np.pad(activation.astype(np.float64), 1)
    places, _ = find_peaks(padded, height=least, distance=distance)
    beside = peak_offset(padded[places - 1], padded[places], padded[places + 1])
    times_s: Times = np.maximum(places - 1 + beside, 0.0) / CONDUCTOR_RATE_HZ
    return times_s
