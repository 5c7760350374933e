"""Turns written notes into f0 and level curves: a performer plays them, or rules give attack, decay, release, vibrato.

What the rules make of all notes is computed at once: each is a run of frames, and the runs of all notes form one array.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ensemble.clock import FRAME_RATE_HZ
from ensemble.conduct.jitter import bell, draws
from ensemble.conduct.touch import SUSTAINED, parted_frames, release_frames, rings, slide_cents, still_off, touch_db
from ensemble.types.articulation import Articulation
from ensemble.types.instruments import InstrumentSpec
from ensemble.types.music import SILENCE_DB, FloatArray, Note, Part

if TYPE_CHECKING:
    from ensemble.conduct.performer import PerformedCurves, Performer

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MS_PER_FRAME = 1000 / FRAME_RATE_HZ
PLAIN_VELOCITY = 80
ACCENT_DB_PER_VELOCITY = 0.12
_ONSET_SIGMA_MS, _ONSET_LIMIT_MS = 2.5, 6.0
_SHORTEST_FRAMES = 3
_LEGATO_GAP_FRAMES = 2
_RELEASE_DB = 50.0
_QUIETEST_DB = -60.0
_DIP_FRAMES = 2
_SAME_PITCH_DIP_DB, _SLUR_DIP_DB = 18.0, 4.0
_PIPE_DIP_DB = 2.0
"""Dip before a pipe that is blown again."""
_STRESS_DIP_DB = {"bowed": 9.0, "blown": 12.0}
"""Dip before a stressed note, by a change of bow or the tongue; unstressed notes are slurred."""
_VIBRATO_DELAY_MS, _VIBRATO_RAMP_MS = 180.0, 300.0
_VIBRATO_DEPTH_SPREAD, _VIBRATO_RATE_SPREAD = 0.4, 0.12
_SCOOP_SHARE, _SCOOP_TAU_MS = 0.3, 40.0
_SWELL_DB, _SWELL_FROM_FRAMES = 1.5, 60
_STRUCK_EARLY_FRAMES = 2
"""By so many frames performers strike strings early, so that they are heard in time."""
_EARLY_SHARE = 0.3
"""Share of the attack by which bowed and blown notes begin early, so that they are heard in time."""


class WrittenNote(NamedTuple):
    """A note before it is shaped."""

    start_s: float
    """When it begins."""
    stop_s: float
    """When it ends."""
    pitch_midi: int
    """Written pitch."""
    velocity: int
    """MIDI velocity, 1..127."""
    voice: int = 0
    """The voice that plays it."""
    articulation: Articulation = Articulation.PLAIN
    """How it is to be played."""
    bar_place: float = -1.0
    """Where in the bar it begins, 0..1; below 0 where that is not known."""


class NoteRuns(NamedTuple):
    """All notes of a part, sorted by voice and time, as columns.  [notes] each"""

    onset_frames: Floats
    """Onset in control frames, not rounded."""
    start: Ints
    """First frame."""
    stop: Ints
    """Frame at which the release begins."""
    silent: Ints
    """First frame in which nothing of the note sounds: it has died away, or the next one begins."""
    ring: Ints
    """In how many frames after its end a note that none follows dies away, if a performer plays it; rules release all
    notes of an instrument in the same time."""
    pitch_midi: Ints
    """Written pitch."""
    velocity: Ints
    """MIDI velocity."""
    voice: Ints
    """The voice that plays it."""
    after_slur: NDArray[np.bool_]
    """Whether it follows the note before without a gap."""
    repeats: NDArray[np.bool_]
    """Whether it follows the note before without a gap and on the same pitch."""
    articulation: Ints
    """As in `Articulation`."""
    bar_place: Floats
    """Where in the bar it begins, 0..1; below 0 where that is not known."""
    chance: Floats
    """Uniform random numbers.  [notes, 4]"""

    @property
    def force_db(self) -> Floats:
        """How much louder than a plain note each is to be.  [notes]"""
        return np.asarray((self.velocity - PLAIN_VELOCITY) * ACCENT_DB_PER_VELOCITY, np.float64)

    @property
    def cuts_off(self) -> NDArray[np.bool_]:
        """Whether each begins while the one before it still sounds.  [notes]"""
        return np.append(False, (self.voice[1:] == self.voice[:-1]) & (self.start[1:] == self.silent[:-1]))[
            : len(self.start)
        ]

    @property
    def slide_cents(self) -> Floats:
        """How far from its own pitch each note begins.  [notes]"""
        return slide_cents(self.articulation, self.pitch_midi, self.voice, self.start, self.stop)


class Hand(NamedTuple):
    """Who plays, and which take it is."""

    name: str
    """Of the part."""
    seed: int
    """Of the render, or the part's own."""
    humanize: float
    """0: every note as it is played on average; 0.5: as people's differ; 1: twice as much."""
    first_frame: int = 0
    """Where in the performance frame 0 of the notes lies."""


def shape(
    name: str, written: Sequence[WrittenNote], instrument: InstrumentSpec, num_voices: int, tuning_cents: float,
    num_frames: int, seed: int, humanize: float = 0.5, *, performer: Performer | None = None, keeps_time: bool = False,
) -> Part:  # fmt: skip
    """Make a part of written notes, as played on an instrument.

    Within a voice a note ends where the next begins; every release is complete by `num_frames`. Onsets are moved by up
    to 6 ms and velocities by up to 4, times twice `humanize`, at random by (seed, name, voice, written frame). Notes
    keep their written pitch; `f0_hz` is moved by `tuning_cents`.

    Args:
        name: of the part.
        written: the notes, in any order.
        instrument: gives attack, release, decay and vibrato.
        num_voices: number of voices of the part.
        tuning_cents: how far the leader's A4 lies above 440 Hz.
        num_frames: length of the part.
        seed: of the render.
        humanize: how far notes stray: 0 not at all, 1 twice as far as usual.
        performer: plays the notes; rules do where it is absent.
        keeps_time: whether onsets and velocities stay as they are written.
    """
    runs = lay_out(name, written, instrument, num_frames, seed, 0.0 if keeps_time else humanize)
    if performer is None or not len(runs.start):
        f0_hz, level_db = by_rules(runs, instrument, num_voices, tuning_cents, num_frames)
    else:
        hand = Hand(name, seed, humanize)
        struck = struck_early(runs, instrument)
        played, _ = performer.play(struck, 0, num_frames, hand, performer.start(num_voices))
        f0_hz, level_db = sounding_curves(struck, played, tuning_cents)
    return Part(name=name, notes=notes_of(runs), f0_hz=f0_hz, level_db=level_db)


def sounding_curves(runs: NoteRuns, played: PerformedCurves, tuning_cents: float) -> tuple[FloatArray, FloatArray]:
    """f0 and level of every voice; 0 and `SILENCE_DB` in rests.  [voices, frames] each"""
    sounds = played.note >= 0
    if not sounds.any():
        return np.zeros(sounds.shape, np.float32), np.full(sounds.shape, SILENCE_DB, np.float32)
    midi = runs.pitch_midi[np.maximum(played.note, 0)] + (tuning_cents + played.bend_cents) / 100
    f0_hz = np.where(sounds, 440.0 * 2.0 ** ((midi - 69.0) / 12.0), 0.0)
    return f0_hz.astype(np.float32), np.where(sounds, played.level_db, SILENCE_DB).astype(np.float32)


def by_rules(
    runs: NoteRuns, instrument: InstrumentSpec, num_voices: int, tuning_cents: float, num_frames: int
) -> tuple[FloatArray, FloatArray]:
    """f0 and level of every voice, by the instrument's figures; 0 and `SILENCE_DB` in rests.  [voices, frames] each"""
    f0_hz = np.zeros((num_voices, num_frames), np.float32)
    level_db = np.full((num_voices, num_frames), SILENCE_DB, np.float32)
    length = np.minimum(runs.silent, runs.stop + release_frames(instrument)) - runs.start
    note = np.repeat(np.arange(len(length)), length)
    frame = np.arange(len(note)) - np.repeat(np.cumsum(length) - length, length) + runs.start[note]
    elapsed_ms = (frame - runs.onset_frames[note] + 0.5) * MS_PER_FRAME
    midi = runs.pitch_midi[note] + (tuning_cents + _bend_cents(runs, instrument, note, elapsed_ms)) / 100
    f0_hz[runs.voice[note], frame] = 440.0 * 2.0 ** ((midi - 69.0) / 12.0)
    level_db[runs.voice[note], frame] = _level_db(runs, instrument, note, frame, elapsed_ms)
    return f0_hz, level_db


def early_ms(instrument: InstrumentSpec) -> float:
    """How long before its time a note begins, so that it is heard in time."""
    return _EARLY_SHARE * instrument.attack_ms if instrument.family in SUSTAINED else 0.0


def struck_early_frames(instrument: InstrumentSpec) -> int:
    """By so many frames a performer strikes strings early."""
    return _STRUCK_EARLY_FRAMES if instrument.family == "plucked" else 0


def struck_early(runs: NoteRuns, instrument: InstrumentSpec) -> NoteRuns:
    """The notes with those of strings so much earlier that they are heard in time: a performer learns from curves that
    were measured in windows, in which a stroke rises slowly.
    """
    if not (early := struck_early_frames(instrument)):
        return runs
    start = np.maximum(runs.start - early, 0)
    is_last = np.append(runs.voice[1:] != runs.voice[:-1], True)
    next_start = np.where(is_last, runs.silent, np.append(start[1:], 0))
    return runs._replace(
        onset_frames=runs.onset_frames - (runs.start - start), start=start, stop=np.minimum(runs.stop, next_start),
        silent=np.minimum(runs.silent, next_start),
    )  # fmt: skip


def lay_out(
    name: str, written: Sequence[WrittenNote], instrument: InstrumentSpec, num_frames: int, seed: int, humanize: float,
    first_frame: int = 0,
) -> NoteRuns:  # fmt: skip
    """Sort notes by voice, change onsets and velocities a little at random, and end each where the next begins.

    Args:
        name: see `shape`, as all the others.
        written: the notes.
        instrument: gives attack and release.
        num_frames: length of the part.
        seed: of the render.
        humanize: how far notes stray.
        first_frame: where in the performance these frames begin.
    """
    table = np.array(sorted(written, key=lambda one: (one.voice, one.start_s)), np.float64)
    table = table.reshape(-1, len(WrittenNote._fields))
    start_s, stop_s = table[:, 0], table[:, 1]
    pitch, velocity, voice, articulation = (table[:, column].astype(np.int64) for column in (2, 3, 4, 5))
    bar_place = table[:, 6]
    place = np.maximum(np.round(start_s * FRAME_RATE_HZ).astype(np.int64), 0)
    chance = np.zeros((len(table), 9))
    for one in np.unique(voice):
        mine = voice == one
        chance[mine] = draws(seed, f"{name}/{one}", place[mine] + first_frame, 9)
    looseness = 2.0 * humanize
    jitter_ms = looseness * np.clip(_ONSET_SIGMA_MS * bell(chance[:, :4]), -_ONSET_LIMIT_MS, _ONSET_LIMIT_MS)
    onset = np.maximum(start_s * FRAME_RATE_HZ + (jitter_ms - early_ms(instrument)) / MS_PER_FRAME, 0.0)
    start = np.round(onset).astype(np.int64)
    velocity = np.clip(velocity + np.round(looseness * (8 * chance[:, 4] - 4)).astype(np.int64), 1, 127)
    next_start = np.append(start[1:], num_frames)
    next_start[:-1][voice[1:] != voice[:-1]] = num_frames
    ring = rings(articulation, instrument)
    latest = np.minimum(next_start, num_frames - np.minimum(ring, release_frames(instrument)))
    stop = np.minimum(np.round(stop_s * FRAME_RATE_HZ).astype(np.int64), latest)
    ring = np.minimum(ring, num_frames - stop)
    following = np.where(next_start < num_frames, np.append(articulation[1:], 0), 0)
    stop -= parted_frames(stop - start, next_start - stop, following, instrument)
    keep = stop - start >= _SHORTEST_FRAMES
    onset, start, stop, next_start, ring, pitch, velocity, voice, articulation, bar_place, chance = (
        column[keep]
        for column in (onset, start, stop, next_start, ring, pitch, velocity, voice, articulation, bar_place, chance)
    )
    joined = np.zeros(len(start), np.bool_)
    joined[1:] = (voice[1:] == voice[:-1]) & (start[1:] - stop[:-1] <= _LEGATO_GAP_FRAMES)
    repeats = joined.copy()
    repeats[1:] &= pitch[1:] == pitch[:-1]
    return NoteRuns(
        onset_frames=onset, start=start, stop=stop, silent=np.minimum(stop + ring, next_start), ring=ring,
        pitch_midi=pitch, velocity=velocity, voice=voice, after_slur=joined, repeats=repeats, articulation=articulation,
        bar_place=bar_place, chance=chance[:, 5:],
    )  # fmt: skip


def _bend_cents(runs: NoteRuns, instrument: InstrumentSpec, note: Ints, elapsed_ms: Floats) -> Floats:
    """Deviation from the written pitch in every frame: detuning, delayed vibrato, scoops of some sustained notes."""
    chance = runs.chance[note]
    bend = 6.0 * chance[:, 0] - 3.0 + runs.slide_cents[note] * still_off(elapsed_ms)
    if instrument.vibrato_cents > 0:
        depth = np.clip((elapsed_ms - _VIBRATO_DELAY_MS) / _VIBRATO_RAMP_MS, 0.0, 1.0) * instrument.vibrato_cents
        depth *= 1.0 + _VIBRATO_DEPTH_SPREAD * (chance[:, 1] - 0.5)
        rate_hz = instrument.vibrato_hz * (1.0 + _VIBRATO_RATE_SPREAD * (chance[:, 3] - 0.5))
        bend += depth * np.sin(2 * np.pi * rate_hz * (elapsed_ms - _VIBRATO_DELAY_MS) / 1000)
    if instrument.family in SUSTAINED:
        depth = np.where(chance[:, 2] < _SCOOP_SHARE, 15.0 + 25.0 * chance[:, 3], 0.0)
        bend -= depth * np.exp(-np.maximum(elapsed_ms, 0.0) / _SCOOP_TAU_MS)
    return bend


def _level_db(runs: NoteRuns, instrument: InstrumentSpec, note: Ints, frame: Ints, elapsed_ms: Floats) -> Floats:
    """Level in every frame: attack, decay, swell, accent, release, and dips between notes that follow without a gap."""
    is_sustained = instrument.family in SUSTAINED
    start_from_db = np.full(len(runs.start), -40.0)
    if is_sustained:
        is_stressed = (runs.velocity > PLAIN_VELOCITY) & (runs.articulation != Articulation.LEGATO)
        start_from_db[runs.after_slur] = -_SLUR_DIP_DB
        start_from_db[runs.after_slur & is_stressed] = -_STRESS_DIP_DB[instrument.family]
        start_from_db[runs.repeats] = -_SAME_PITCH_DIP_DB
    elif instrument.family == "keyed":
        start_from_db[runs.repeats] = -_repeat_dip_db(instrument)
    rise = np.clip(elapsed_ms / max(instrument.attack_ms, MS_PER_FRAME / 2), 0.0, 1.0)
    level = start_from_db[note] * (1 - rise) ** 2
    level += (runs.velocity[note] - PLAIN_VELOCITY) * ACCENT_DB_PER_VELOCITY
    level += touch_db(runs.articulation[note], elapsed_ms)
    level -= instrument.decay_db_per_s * np.maximum(elapsed_ms, 0.0) / 1000
    held = (runs.stop - runs.start)[note]
    if is_sustained:
        through = np.clip((frame - runs.start[note]) / np.maximum(held, 1), 0.0, 1.0)
        level += np.where(held >= _SWELL_FROM_FRAMES, _SWELL_DB * np.sin(np.pi * through), 0.0)
    released = np.clip((frame - runs.stop[note] + 1) * MS_PER_FRAME / max(instrument.release_ms, 1.0), 0.0, 1.0)
    level -= _RELEASE_DB * released
    before_repeat = np.append(runs.repeats[1:], False)[note] & (frame >= runs.stop[note] - _DIP_FRAMES)
    level -= np.where(before_repeat, _repeat_dip_db(instrument), 0.0)
    return np.maximum(level, _QUIETEST_DB)


def _repeat_dip_db(instrument: InstrumentSpec) -> float:
    """Dip before a note of the same pitch; a string under the pedal rings on until the hammer comes."""
    if instrument.family != "keyed":
        return _SAME_PITCH_DIP_DB
    return 0.0 if instrument.fades else _PIPE_DIP_DB


def notes_of(runs: NoteRuns) -> tuple[Note, ...]:
    """The notes as they are played, by time."""
    notes = [
        Note(
            start_frame=start, stop_frame=stop, pitch_midi=float(pitch), velocity=velocity, voice=voice,
            articulation=Articulation(articulation),
        )
        for start, stop, pitch, velocity, voice, articulation in zip(
            runs.start.tolist(), runs.stop.tolist(), runs.pitch_midi.tolist(), runs.velocity.tolist(),
            runs.voice.tolist(), runs.articulation.tolist(), strict=True,
        )
    ]  # fmt: skip
    return tuple(sorted(notes, key=lambda one: (one.start_frame, one.voice)))
