"""From written notes to played curves: onsets, attacks, decays, releases, vibrato and scoops, by instrument.

Everything is computed for all notes at once: a note becomes a run of frames, a curve one expression over all runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ensemble.clock import FRAME_RATE_HZ
from ensemble.conduct.jitter import bell, draws
from ensemble.types.instruments import InstrumentSpec
from ensemble.types.music import SILENCE_DB, Note, Part

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_SUSTAINED = ("bowed", "blown")
MS_PER_FRAME = 1000 / FRAME_RATE_HZ
PLAIN_VELOCITY = 80
_ACCENT_DB_PER_VELOCITY = 0.12
_ONSET_SIGMA_MS, _ONSET_LIMIT_MS = 2.5, 6.0
_SHORTEST_FRAMES = 3
_LEGATO_GAP_FRAMES = 2
_RELEASE_DB = 50.0
_QUIETEST_DB = -60.0
_DIP_FRAMES = 2
_SAME_PITCH_DIP_DB, _SLUR_DIP_DB = 18.0, 4.0
_STRESS_DIP_DB = {"bowed": 9.0, "blown": 12.0}
"""Before a stressed note: the bow turns, the tongue strikes; an unstressed one is slurred."""
_VIBRATO_DELAY_MS, _VIBRATO_RAMP_MS = 180.0, 300.0
_VIBRATO_DEPTH_SPREAD, _VIBRATO_RATE_SPREAD = 0.4, 0.12
_SCOOP_SHARE, _SCOOP_TAU_MS = 0.3, 40.0
_SWELL_DB, _SWELL_FROM_FRAMES = 1.5, 60
_EARLY_SHARE = 0.3
"""Of the attack: who speaks slowly begins early, to be heard in time."""


class WrittenNote(NamedTuple):
    """A note on the page: seconds, written pitch, velocity 1..127, and which voice plays it."""

    start_s: float
    stop_s: float
    pitch_midi: int
    velocity: int
    voice: int = 0


class _Runs(NamedTuple):
    """All notes, by voice and time. onset_frames is exact; start, stop and silent are frames; each [notes]."""

    onset_frames: Floats
    start: Ints
    stop: Ints
    silent: Ints  # from here on nothing of this note sounds
    pitch_midi: Ints
    velocity: Ints
    voice: Ints
    after_slur: NDArray[np.bool_]  # follows the note before it without a gap
    repeats: NDArray[np.bool_]  # ... and on the same pitch
    chance: Floats  # [notes, 4], uniform


def shape(
    name: str, written: Sequence[WrittenNote], instrument: InstrumentSpec, num_voices: int, tuning_cents: float,
    num_frames: int, seed: int,
) -> Part:  # fmt: skip
    """Play written notes on an instrument.

    Within a voice a note ends where the next begins; every release is complete by `num_frames`. Onsets move by up to
    6 ms and velocities by up to 4, by (seed, name, voice, written frame). Notes keep their written pitch; `f0_hz` is
    moved by `tuning_cents`.

    Args:
        name: of the part.
        written: in any order.
        instrument: gives attack, release, decay, vibrato.
        num_voices: rows of the part.
        tuning_cents: how far the leader lies above 440 Hz.
        num_frames: length of the part.
        seed: of the performance.
    """
    f0_hz = np.zeros((num_voices, num_frames), np.float32)
    level_db = np.full((num_voices, num_frames), SILENCE_DB, np.float32)
    runs = _lay_out(name, written, instrument, num_frames, seed)
    if not len(runs.start):
        return Part(name=name, notes=(), f0_hz=f0_hz, level_db=level_db)
    length = runs.silent - runs.start
    note = np.repeat(np.arange(len(length)), length)
    frame = np.arange(len(note)) - np.repeat(np.cumsum(length) - length, length) + runs.start[note]
    elapsed_ms = (frame - runs.onset_frames[note] + 0.5) * MS_PER_FRAME
    midi = runs.pitch_midi[note] + (tuning_cents + _bend_cents(runs, instrument, note, elapsed_ms)) / 100
    f0_hz[runs.voice[note], frame] = 440.0 * 2.0 ** ((midi - 69.0) / 12.0)
    level_db[runs.voice[note], frame] = _level_db(runs, instrument, note, frame, elapsed_ms)
    return Part(name=name, notes=_notes(runs), f0_hz=f0_hz, level_db=level_db)


def _lay_out(
    name: str, written: Sequence[WrittenNote], instrument: InstrumentSpec, num_frames: int, seed: int
) -> _Runs:
    """Sort notes by voice, humanise them, and let none overlap the next of its voice."""
    page = np.array(sorted(written, key=lambda one: (one.voice, one.start_s)), np.float64).reshape(-1, 5)
    start_s, stop_s = page[:, 0], page[:, 1]
    pitch, velocity, voice = (page[:, column].astype(np.int64) for column in (2, 3, 4))
    place = np.maximum(np.round(start_s * FRAME_RATE_HZ).astype(np.int64), 0)
    chance = np.zeros((len(page), 9))
    for one in np.unique(voice):
        mine = voice == one
        chance[mine] = draws(seed, f"{name}/{one}", place[mine], 9)
    jitter_ms = np.clip(_ONSET_SIGMA_MS * bell(chance[:, :4]), -_ONSET_LIMIT_MS, _ONSET_LIMIT_MS)
    early_ms = _EARLY_SHARE * instrument.attack_ms if instrument.family in _SUSTAINED else 0.0
    onset = np.maximum(start_s * FRAME_RATE_HZ + (jitter_ms - early_ms) / MS_PER_FRAME, 0.0)
    start = np.round(onset).astype(np.int64)
    velocity = np.clip(velocity + np.round(8 * chance[:, 4] - 4).astype(np.int64), 1, 127)
    next_start = np.append(start[1:], num_frames)
    next_start[:-1][voice[1:] != voice[:-1]] = num_frames
    ring = int(np.ceil(instrument.release_ms / MS_PER_FRAME))
    stop = np.minimum(np.round(stop_s * FRAME_RATE_HZ).astype(np.int64), np.minimum(next_start, num_frames - ring))
    keep = stop - start >= _SHORTEST_FRAMES
    onset, start, stop, next_start, pitch, velocity, voice, chance = (
        column[keep] for column in (onset, start, stop, next_start, pitch, velocity, voice, chance)
    )
    joined = np.zeros(len(start), np.bool_)
    joined[1:] = (voice[1:] == voice[:-1]) & (start[1:] - stop[:-1] <= _LEGATO_GAP_FRAMES)
    repeats = joined.copy()
    repeats[1:] &= pitch[1:] == pitch[:-1]
    return _Runs(
        onset_frames=onset, start=start, stop=stop, silent=np.minimum(stop + ring, next_start), pitch_midi=pitch,
        velocity=velocity, voice=voice, after_slur=joined, repeats=repeats, chance=chance[:, 5:],
    )  # fmt: skip


def _bend_cents(runs: _Runs, instrument: InstrumentSpec, note: Ints, elapsed_ms: Floats) -> Floats:
    """Detune, delayed vibrato and, on bowed and blown notes, now and then a scoop from below."""
    chance = runs.chance[note]
    bend = 6.0 * chance[:, 0] - 3.0
    if instrument.vibrato_cents > 0:
        depth = np.clip((elapsed_ms - _VIBRATO_DELAY_MS) / _VIBRATO_RAMP_MS, 0.0, 1.0) * instrument.vibrato_cents
        depth *= 1.0 + _VIBRATO_DEPTH_SPREAD * (chance[:, 1] - 0.5)
        rate_hz = instrument.vibrato_hz * (1.0 + _VIBRATO_RATE_SPREAD * (chance[:, 3] - 0.5))
        bend += depth * np.sin(2 * np.pi * rate_hz * (elapsed_ms - _VIBRATO_DELAY_MS) / 1000)
    if instrument.family in _SUSTAINED:
        depth = np.where(chance[:, 2] < _SCOOP_SHARE, 15.0 + 25.0 * chance[:, 3], 0.0)
        bend -= depth * np.exp(-np.maximum(elapsed_ms, 0.0) / _SCOOP_TAU_MS)
    return bend


def _level_db(runs: _Runs, instrument: InstrumentSpec, note: Ints, frame: Ints, elapsed_ms: Floats) -> Floats:
    """Attack, decay, swell, accent, release, and the dip that makes two notes out of one line."""
    is_sustained = instrument.family in _SUSTAINED
    start_from_db = np.full(len(runs.start), -40.0)
    if is_sustained:
        is_stressed = runs.velocity > PLAIN_VELOCITY
        start_from_db[runs.after_slur] = -_SLUR_DIP_DB
        start_from_db[runs.after_slur & is_stressed] = -_STRESS_DIP_DB[instrument.family]
        start_from_db[runs.repeats] = -_SAME_PITCH_DIP_DB
    rise = np.clip(elapsed_ms / max(instrument.attack_ms, MS_PER_FRAME / 2), 0.0, 1.0)
    level = start_from_db[note] * (1 - rise) ** 2
    level += (runs.velocity[note] - PLAIN_VELOCITY) * _ACCENT_DB_PER_VELOCITY
    level -= instrument.decay_db_per_s * np.maximum(elapsed_ms, 0.0) / 1000
    held = (runs.stop - runs.start)[note]
    if is_sustained:
        through = np.clip((frame - runs.start[note]) / np.maximum(held, 1), 0.0, 1.0)
        level += np.where(held >= _SWELL_FROM_FRAMES, _SWELL_DB * np.sin(np.pi * through), 0.0)
    released = np.clip((frame - runs.stop[note] + 1) * MS_PER_FRAME / max(instrument.release_ms, 1.0), 0.0, 1.0)
    level -= _RELEASE_DB * released
    before_repeat = np.append(runs.repeats[1:], False)[note] & (frame >= runs.stop[note] - _DIP_FRAMES)
    level -= np.where(before_repeat, _SAME_PITCH_DIP_DB, 0.0)
    return np.maximum(level, _QUIETEST_DB)


def _notes(runs: _Runs) -> tuple[Note, ...]:
    notes = [
        Note(start_frame=start, stop_frame=stop, pitch_midi=float(pitch), velocity=velocity, voice=voice)
        for start, stop, pitch, velocity, voice in zip(
            runs.start.tolist(), runs.stop.tolist(), runs.pitch_midi.tolist(), runs.velocity.tolist(),
            runs.voice.tolist(), strict=True,
        )
    ]  # fmt: skip
    return tuple(sorted(notes, key=lambda one: (one.start_frame, one.voice)))
