"""From frames and beats to music: what sounds in each beat, the key, the bars and the chords."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ensemble.clock import FRAME_RATE_HZ
from ensemble.listen.bars import Bars, find_bars
from ensemble.listen.beat_evidence import gather_evidence
from ensemble.listen.chord_network import STEP_FRAMES
from ensemble.listen.chroma import centre_pitch, note_chroma
from ensemble.listen.colour import coloured
from ensemble.listen.harmony import LOOK_AHEAD_BEATS, find_chords
from ensemble.listen.keys import LAST_BEATS, find_keys
from ensemble.types.doubts import ChordDoubt, KeySection, keys_of_beats
from ensemble.types.harmony import Chord, Key
from ensemble.types.music import FloatArray, Frames

INAUDIBLE_BELOW_PEAK_DB = 60.0
NEIGHBOUR_WEIGHT = 0.35
"""One voice sounds one tone of its chord at a time, so that the neighbouring beats count as well, by this share."""
SEVENTH_SHARE = 0.4
"""A seventh counts if it sounds at least this share of the strongest tone of its triad."""


class Understanding(NamedTuple):
    """The harmony and the bars of a recording."""

    key: Key
    """The main key."""
    key_sections: tuple[KeySection, ...]
    """As in `Heard`."""
    chords: tuple[Chord, ...]
    """One chord per beat."""
    chord_doubts: tuple[ChordDoubt, ...]
    """One per beat."""
    bars: Bars
    """The metre and the bar lines."""

    @property
    def fields(self) -> dict[str, Any]:
        """The fields of `Heard` that it fills."""
        fields = {**self._asdict(), **self.bars._asdict()}
        del fields["bars"]
        return fields


def understand(
    frames: Frames,
    beats_s: NDArray[np.float64],
    tuning_cents: float,
    *,
    follows_pitch: bool,
    chord_probability: FloatArray | None = None,
    key: Key | None = None,
    key_sections: tuple[KeySection, ...] = (),
    beats_per_bar: int | None = None,
    bars: Bars | None = None,
    beat_confidence: FloatArray | None = None,
) -> Understanding:
    """Find key, bars and chords.

    One voice is understood from its notes; several from the spectrum and from what the chord network says. Key, metre
    and downbeat are found in the whole recording, and a frame counts relative to the loudest one; given these, a chord
    depends on the next `LOOK_AHEAD_BEATS` beats, and on the last ones whether it is the end; its colour and bass on
    those to the end of its bar, too.

    Args:
        frames: what is heard.
        beats_s: rising.  [beats]
        tuning_cents: how far the leader lies above 440 Hz.
        follows_pitch: whether the followed pitch tells the harmony; the spectrum does otherwise.
        chord_probability: what the chord network says, where it was asked; see `Heard`.  [classes, steps]
        key: the main key, where it is known.
        key_sections: where keys change, if the main key is known.
        beats_per_bar: where it is known.
        bars: where they are known.
        beat_confidence: how sure the beats are, where they are in doubt.  [beats]
    """
    edges = np.append(np.rint(beats_s * FRAME_RATE_HZ).astype(np.int64), frames.num_frames)
    sounding = _notes(frames, tuning_cents) if follows_pitch else _spectrum(frames)
    beat_chroma = per_beat(sounding, edges)
    if key is None:
        key, key_sections = find_keys(beat_chroma)
    keys = keys_of_beats(key, key_sections, len(beats_s))
    context = with_neighbours(beat_chroma) if follows_pitch else beat_chroma
    said = None if follows_pitch else _said_of_beats(chord_probability, frames, beats_s)
    if bars is None:
        free = find_chords(context, keys, said=said).chords
        changes = np.array([before != after for before, after in pairwise((None, *free))])
        evidence = gather_evidence(frames, beats_s, beat_chroma, changes, is_one_voice=follows_pitch)
        bars = find_bars(evidence, frames, beats_s, beats_per_bar, beat_confidence)
    chords, doubts = find_chords(context, keys, bars.beats_per_bar, bars.first_downbeat, said)
    rested = _at_rest(chords, keys[-1] if keys else key, beat_chroma)
    if said is not None:
        rested = coloured(rested, said, bars.beats_per_bar, bars.first_downbeat)
    return Understanding(key, key_sections, rested, doubts, bars)


def _at_rest(chords: tuple[Chord, ...], key: Key, beat_chroma: FloatArray) -> tuple[Chord, ...]:
    """A tonic seventh in the last beats is kept only where its seventh sounds, as in a blues; music ends on a triad."""
    tonic_seventh = Chord(root=key.tonic, quality="7")
    last = range(max(len(chords) - LOOK_AHEAD_BEATS, 0), len(chords))
    sounding = [beat for beat in last if chords[beat].quality != "none"][-LAST_BEATS:]
    tones = beat_chroma[list(tonic_seventh.tones)][:, sounding].sum(axis=1)
    if not sounding or tones[-1] >= SEVENTH_SHARE * tones[:-1].max():
        return chords
    triad = Chord(root=key.tonic, quality="maj")
    return tuple(triad if beat in sounding and chord == tonic_seventh else chord for beat, chord in enumerate(chords))


def _notes(frames: Frames, tuning_cents: float) -> FloatArray:
    return note_chroma(centre_pitch(frames.f0_hz), tuning_cents)


def _spectrum(frames: Frames) -> FloatArray:
    """The chroma as loud as it sounds.  [12, frames]"""
    amplitude = 10.0 ** (frames.loudness_db / np.float32(20.0))
    audible = frames.loudness_db > float(frames.loudness_db.max(initial=-np.inf)) - INAUDIBLE_BELOW_PEAK_DB
    return frames.chroma * (amplitude * audible).astype(np.float32)


def per_beat(sounding: FloatArray, edges: NDArray[np.int64]) -> FloatArray:
    """Sum of the frames from each edge to the next.  [rows, edges - 1]"""
    return np.stack([sounding[:, start:stop].sum(axis=1) for start, stop in pairwise(edges)], axis=1)


def _said_of_beats(
    chord_probability: FloatArray | None, frames: Frames, beats_s: NDArray[np.float64]
) -> FloatArray | None:
    """The mean of what the chord network says while something sounds; None where it was not asked.  [classes, beats]"""
    if chord_probability is None or not chord_probability.size:
        return None
    num_steps = chord_probability.shape[1]
    sounds = np.zeros(max(num_steps * STEP_FRAMES, frames.num_frames))
    sounds[: frames.num_frames] = frames.chroma.any(axis=0)
    weight = sounds[: num_steps * STEP_FRAMES].reshape(num_steps, STEP_FRAMES).sum(axis=1)
    summed = np.zeros((len(chord_probability) + 1, num_steps + 1))
    np.cumsum(np.vstack([chord_probability * weight, weight]), axis=1, out=summed[:, 1:])
    edges = np.append(beats_s * FRAME_RATE_HZ, frames.num_frames) / STEP_FRAMES
    at_edges = np.stack([np.interp(edges, np.arange(num_steps + 1), row) for row in summed])
    of_beats = np.diff(at_edges, axis=1)
    said: FloatArray = (of_beats[:-1] / np.maximum(of_beats[-1], 1e-9)).astype(np.float32)
    return said


def with_neighbours(beat_chroma: FloatArray) -> FloatArray:
    """Each beat with a share of the beats before and after it.  [12, beats]"""
    pooled = np.zeros_like(beat_chroma)
    pooled[:, 1:] += beat_chroma[:, :-1]
    pooled[:, :-1] += beat_chroma[:, 1:]
    return beat_chroma + np.float32(NEIGHBOUR_WEIGHT) * pooled
