"""How well a band follows a leader who is still playing, on recordings with references."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import mir_eval.beat
import mir_eval.chord
import numpy as np

from ensemble.audio.files import prepared_clip, printable, read_clip
from ensemble.clock import FRAME_RATE_HZ
from ensemble.config import BandSettings
from ensemble.data.listing import AUDIO_SUFFIXES, FOREIGN_SUFFIXES, visible
from ensemble.errors import DataError
from ensemble.events import OnProgress, unheard
from ensemble.listen.listener import at_analysis_rate
from ensemble.listen.overrides import Overrides
from ensemble.live.settings import LiveSettings
from ensemble.live.stream import Followed, follow
from ensemble.measure.annotations import Annotation, Times, read_annotation
from ensemble.types.music import AudioClip, Part

FIGURES = ("beats_f", "beat_error_p50_ms", "beat_error_p95_ms", "lock_s", "chord_tone_ratio", "root_accuracy")
"""beats_f: F-measure within 70 ms of the beats that were committed, from `SETTLED_S` on. beat_error_*: how far those
that are nearer to a beat than `LOCKED_S` lie from it. lock_s: when the first `LOCKED_BEATS` beats in a row lie within
70 ms. chord_tone_ratio: share of the notes of all parts that begin on a tone of the reference's chord. root_accuracy:
share of the basses' notes on bar lines that are its root."""
WINDOW_S = 0.07
LOCKED_S, LOCKED_BEATS = 0.25, 4
SETTLED_S = 5.0
TAIL_FRAMES = 100

Figures = dict[str, float | None]


def evaluate_live(
    folder: Path, band: BandSettings, live: LiveSettings, max_s: float = 60.0, on_progress: OnProgress = unheard
) -> dict[str, Any]:
    """Follow every recording of a folder that has beats or chords beside it as if it were played now.

    Args:
        folder: recordings with references, as `evaluate_listening` takes them.
        band: who plays.
        live: how it follows.
        max_s: how much of each is used.
        on_progress: told the recording's name, how many are done, and of how many.

    Returns:
        The mean of each of `FIGURES`, None where no recording has it; `counts`; and `recordings` with the same.

    Raises:
        DataError: a reference is damaged, or there is none.
        AudioError: a recording cannot be read.
    """
    if not folder.is_dir():
        raise DataError(printable(folder), "is no folder", "name a folder of recordings with references")
    sounds = [path for path in visible(folder) if path.suffix.lower() in (*AUDIO_SUFFIXES, *FOREIGN_SUFFIXES)]
    known = [
        (path, reference)
        for path in sounds
        if (reference := read_annotation(path)) and (reference.beats_s is not None or reference.chord_labels)
    ]
    if not known:
        raise DataError(
            printable(folder), "holds no recording with beats or chords", "lay NAME.beats or .lab beside it"
        )
    found: dict[str, Figures] = {}
    for done, (path, reference) in enumerate(known):
        on_progress(f"following {printable(path.stem)}", done, len(known))
        clip = read_clip(path)
        whole = at_analysis_rate(prepared_clip(clip, clip.sample_rate))
        samples = whole.samples[:, : round(max_s * whole.sample_rate)]
        leader = AudioClip(samples=np.ascontiguousarray(samples), sample_rate=whole.sample_rate)
        num_frames = int(leader.duration_s * FRAME_RATE_HZ) + TAIL_FRAMES
        found[path.stem] = score_live(reference, follow(leader, num_frames, band, 0, live, Overrides()))
    return _means(found.values()) | {
        "counts": {name: sum(one[name] is not None for one in found.values()) for name in FIGURES},
        "recordings": found,
    }


def score_live(reference: Annotation, followed: Followed) -> Figures:
    """All `FIGURES` of one recording."""
    figures: Figures = dict.fromkeys(FIGURES)
    length_s = followed.heard.frames.num_frames / FRAME_RATE_HZ
    if reference.beats_s is not None:
        beats_s = reference.beats_s[reference.beats_s < length_s]
        figures |= _beats(beats_s, followed.heard.beats_s)
    if reference.chord_spans_s is not None:
        figures |= _chords(reference.chord_spans_s, reference.chord_labels, followed)
    return {name: None if value is None else round(value, 4) for name, value in figures.items()}


def _beats(beats_s: Times, committed_s: Times) -> Figures:
    settled, played = beats_s[beats_s >= SETTLED_S], committed_s[committed_s >= SETTLED_S]
    if len(settled) <= LOCKED_BEATS:
        return {}
    figures: Figures = {"beats_f": 0.0}
    if len(played):
        figures["beats_f"] = float(mir_eval.beat.f_measure(settled, played, WINDOW_S))
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


def _means(found: Iterable[Figures]) -> dict[str, Any]:
    found = list(found)
    values = {name: [value for one in found if (value := one[name]) is not None] for name in FIGURES}
    return {name: round(float(np.mean(some)), 4) if some else None for name, some in values.items()}
