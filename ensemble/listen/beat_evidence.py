"""What speaks for a beat to open a bar: notes and their lengths, harmony, accents, what a network says."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ensemble.audio.later import maximum_filter1d
from ensemble.clock import FRAME_RATE_HZ
from ensemble.listen.onsets import note_onsets
from ensemble.types.music import FloatArray, Frames

Array = NDArray[np.float64]
TURN_BEATS = 2
"""So many beats before a beat are compared with as many from it on."""
ON_BEAT, ON_BEAT_S = 0.14, 0.06
"""A note this near to a beat begins on it: a share of the beat, or seconds."""
LONGEST_NOTE, LAST_NOTE = 4.0, 2.0
"""In beats; how long the last note lasts is not known."""
STEPS_PER_BEAT = 4
NEAR_BEAT_FRAMES = 9
LEAST_PROBABILITY, SUREST = 1e-3, 5.0
ENDS_LONG, SOUNDING_BELOW_PEAK_DB, SILENT_AFTER_S = 1.4, 30.0, 0.05
"""The last note ends the music if it lasts by so much longer than others, until silence."""
THIRD_WIDTH, QUARTER_WIDTH = 0.07, 0.05
MIN_ONSETS, MIN_FIRST_THIRDS, THIRDS_TO_HALVES = 16, 0.08, 3.0
"""Beats have three parts where so many notes begin on the first third, and on thirds so many times as on halves and
quarters. Swing has no first thirds. Measured on tunes: 87 % of compound ones, 0.6 % of the others."""


class BeatEvidence(NamedTuple):
    """Of every beat."""

    network: Array
    """How much surer a network is of a downbeat than of another beat: a logarithm; 0 where none listened.  [beats]"""
    change: Array
    """1 where another chord begins.  [beats]"""
    turn: Array
    """How unlike what sounds before is to what sounds from it on, 0..1.  [beats]"""
    accent: Array
    """Onset strength.  [beats]"""
    onset: Array
    """1 where a note begins.  [beats]"""
    length: Array
    """How long this note lasts, until the next begins, in beats; 0 without one.  [beats]"""
    density: Array
    """How many notes begin until the next beat.  [beats]"""
    rhythm: Array
    """Strength of the notes that begin on each quarter of the beat.  [beats, STEPS_PER_BEAT]"""
    chroma: FloatArray
    """What sounds.  [12, beats]"""
    entry: int
    """The beat nearest to the first note."""
    end: int | None
    """The beat on which the last note begins and closes the music."""
    is_compound: bool
    """Whether beats have three parts."""
    is_one_voice: bool
    """Whether the harmony is told by the followed pitch."""

    @property
    def num_beats(self) -> int:
        """Number of beats."""
        return len(self.accent)


def gather_evidence(
    frames: Frames, beats_s: Array, beat_chroma: FloatArray, changes: NDArray[np.bool_], *, is_one_voice: bool
) -> BeatEvidence:
    """Gather what tells of bars.

    Args:
        frames: what is heard.
        beats_s: rising.  [beats]
        beat_chroma: what sounds from each beat to the next.  [12, beats]
        changes: whether another chord begins with each beat.  [beats]
        is_one_voice: whether the harmony is told by the followed pitch.
    """
    num_beats, number = len(beats_s), np.arange(len(beats_s))
    at = np.minimum(np.rint(beats_s * FRAME_RATE_HZ).astype(np.int64), frames.num_frames - 1)
    beat_s = np.diff(beats_s, append=2 * beats_s[-1] - beats_s[-2] if num_beats > 1 else beats_s[-1] + 0.5)
    onsets_s, strength = note_onsets(frames.onset)
    place = np.interp(onsets_s, beats_s, number, left=-1.0, right=num_beats)
    inside = (place >= 0) & (place < num_beats)
    onset, length = np.zeros(num_beats), np.zeros(num_beats)
    if len(onsets_s):
        after = np.clip(np.searchsorted(onsets_s, beats_s), 1, max(len(onsets_s) - 1, 1))
        is_before = np.abs(onsets_s[after - 1] - beats_s) <= np.abs(
            onsets_s[np.minimum(after, len(onsets_s) - 1)] - beats_s
        )
        nearest = np.where(is_before, after - 1, np.minimum(after, len(onsets_s) - 1))
        onset = (np.abs(onsets_s[nearest] - beats_s) < np.maximum(ON_BEAT * beat_s, ON_BEAT_S)).astype(np.float64)
        until = np.append(place, place[-1] + LAST_NOTE)[nearest + 1]
        length = onset * np.clip(until - number, 0.0, LONGEST_NOTE)
    rhythm = np.zeros(num_beats * STEPS_PER_BEAT)
    steps = np.rint(place[inside] * STEPS_PER_BEAT).astype(np.int64)
    np.maximum.at(rhythm, np.minimum(steps, len(rhythm) - 1), np.sqrt(strength[inside]))
    begun = np.floor(place[inside] + ON_BEAT).astype(np.int64)
    return BeatEvidence(
        network=_network(frames.pulse, at),
        change=np.append(0.0, changes[1:].astype(np.float64)),
        turn=_turns(beat_chroma.astype(np.float64)),
        accent=np.array([frames.onset[max(0, frame - 3) : frame + 4].max() for frame in at], dtype=np.float64),
        onset=onset,
        length=length,
        density=np.bincount(np.minimum(begun, num_beats - 1), minlength=num_beats).astype(np.float64),
        rhythm=rhythm.reshape(num_beats, STEPS_PER_BEAT),
        chroma=beat_chroma,
        entry=int(np.abs(beats_s - onsets_s[0]).argmin()) if len(onsets_s) else 0,
        end=_end(frames, beats_s, beat_s, onsets_s, place),
        is_compound=_is_compound(place[inside] % 1.0),
        is_one_voice=is_one_voice,
    )


def _network(pulse: FloatArray, at: NDArray[np.int64]) -> Array:
    if not pulse.size:
        return np.zeros(len(at))
    nearby = np.log(np.maximum(maximum_filter1d(pulse, NEAR_BEAT_FRAMES, axis=1)[:, at], LEAST_PROBABILITY))
    return np.asarray(np.clip(nearby[1] - nearby[0], -SUREST, SUREST), dtype=np.float64)


def _turns(beat_chroma: Array) -> Array:
    """How unlike what sounds before a beat is to what sounds from it on, 0..1; 0 of the first.  [beats]"""
    num_beats = beat_chroma.shape[1]
    summed = np.concatenate([np.zeros((12, 1)), np.cumsum(beat_chroma, axis=1)], axis=1)
    edges = np.arange(1, num_beats)
    before = summed[:, edges] - summed[:, np.maximum(edges - TURN_BEATS, 0)]
    after = summed[:, np.minimum(edges + TURN_BEATS, num_beats)] - summed[:, edges]
    lengths = np.sqrt(np.square(before).sum(axis=0) * np.square(after).sum(axis=0))
    turned = np.where(lengths > 0, 1.0 - (before * after).sum(axis=0) / np.maximum(lengths, 1e-9), 0.0)
    return np.append(0.0, turned)[:num_beats]


def _end(frames: Frames, beats_s: Array, beat_s: Array, onsets_s: Array, place: Array) -> int | None:
    """The beat of the last note, where that lasts long and silence follows."""
    if len(onsets_s) < 4:
        return None
    sounding = np.flatnonzero(frames.loudness_db > frames.loudness_db.max() - SOUNDING_BELOW_PEAK_DB)
    stop_s = int(sounding[-1]) / FRAME_RATE_HZ
    beat = int(np.abs(beats_s - onsets_s[-1]).argmin())
    is_on_beat = abs(beats_s[beat] - onsets_s[-1]) < ON_BEAT * beat_s[beat] + ON_BEAT_S / 2
    usual = max(float(np.median(np.diff(place))), 0.5)
    is_long = (stop_s - onsets_s[-1]) / beat_s[beat] > ENDS_LONG * usual
    return beat if is_on_beat and is_long and stop_s < frames.num_frames / FRAME_RATE_HZ - SILENT_AFTER_S else None


def _is_compound(phase: Array) -> bool:
    """Whether beats have three parts, by where in the beat notes begin, 0..1.  [notes]"""
    if len(phase) < MIN_ONSETS:
        return False

    def share(centre: float, width: float) -> float:
        return float((np.abs(phase - centre) < width).mean())

    first, second, half = (share(centre, THIRD_WIDTH) for centre in (1 / 3, 2 / 3, 1 / 2))
    quarters = share(0.25, QUARTER_WIDTH) + share(0.75, QUARTER_WIDTH)
    return first > MIN_FIRST_THIRDS and first + second > THIRDS_TO_HALVES * (half + quarters)
