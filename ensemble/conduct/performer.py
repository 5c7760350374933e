"""Plays written notes: level and bend of every voice, frame by frame, as the network foretells and chance decides.

The conductor's curve is the phrase: what leads from note to note. The performer's is the note: everything inside it.
"""

from __future__ import annotations

from typing import NamedTuple
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from ensemble.clock import FRAME_RATE_HZ, QUANTUM_FRAMES
from ensemble.conduct.jitter import bell, far_draws
from ensemble.conduct.performer_file import NUM_MANNER, PerformerWeights
from ensemble.conduct.performer_inputs import note_context, progress
from ensemble.conduct.performer_network import (
    BEND_CENTS,
    DEPTH_CENTS,
    LEAST_LOG,
    LEVEL_DB,
    MOST_LOG,
    PerformerNetwork,
)
from ensemble.conduct.shaping import MS_PER_FRAME, Hand, NoteRuns
from ensemble.conduct.touch import still_off, touch_db
from ensemble.types.instruments import instrument

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

_USUAL_HUMANIZE = 0.5
_RELEASED_DB = 50.0
_QUIETEST_DB = -60.0
_TOUCHED_DB, _TOUCHED_FRAMES = 1.5, 8
"""So much in each frame at most does a string that still sounds fall when it is struck again, so many frames long."""
_STOPPED_FRAMES = 3
"""So long it does not fall at all where it is stopped at another pitch: the one note ends when the next begins."""


class PerformerState(NamedTuple):
    """What a performer carries from frame to frame: a value that can be stored and gone on from."""

    note: Ints
    """The frame of the performance in which what each voice plays began; -1 before its first note.  [voices]"""
    memory: Floats
    """Of the network.  [voices, hidden]"""
    stray: Floats
    """By how many deviations level and bend were off in the last two frames, the later first.  [2, voices, 2]"""
    cycles: Floats
    """Of the vibrato.  [voices]"""
    level_db: Floats
    """In the last frame in which each voice sounded.  [voices]"""


class PerformedCurves(NamedTuple):
    """What a performer made of notes in some frames."""

    note: Ints
    """Index of the note that sounds; -1 in rests.  [voices, frames]"""
    level_db: Floats
    """Level relative to the conductor's; of no meaning in rests.  [voices, frames]"""
    bend_cents: Floats
    """Deviation from the written pitch; of no meaning in rests.  [voices, frames]"""


class Performer:
    """Plays the notes of one instrument. It keeps nothing between two calls.

    Args:
        weights: what it has learned.
    """

    def __init__(self, weights: PerformerWeights) -> None:
        self._network = PerformerNetwork(weights)
        self._is_plucked = instrument(weights.card.instrument).family == "plucked"

    def start(self, num_voices: int) -> PerformerState:
        """The state before frame 0."""
        return PerformerState(
            np.full(num_voices, -1), np.zeros((num_voices, self._network.hidden)), np.zeros((2, num_voices, 2)),
            np.zeros(num_voices), np.full(num_voices, _QUIETEST_DB),
        )  # fmt: skip

    def play(
        self, runs: NoteRuns, start: int, stop: int, hand: Hand, state: PerformerState
    ) -> tuple[PerformedCurves, PerformerState]:
        """Play the frames from `start` to `stop`; how they are divided over calls does not show.

        Args:
            runs: the notes; a note that may still be cut or prolonged is played as it stands now.
            start: first frame, counted as the runs' are.
            stop: first frame after them.
            hand: who plays.
            state: after the frames before.
        """
        num_voices = len(state.note)
        sounding = np.full((num_voices, stop - start), -1)
        for at in np.flatnonzero((runs.silent > start) & (runs.start < stop)).tolist():
            sounding[runs.voice[at], max(runs.start[at] - start, 0) : max(runs.silent[at] - start, 0)] = at
        curves = np.zeros((2, num_voices, stop - start))
        if not (sounding >= 0).any():
            return PerformedCurves(sounding, *curves), state
        context = note_context(runs, is_plucked=self._is_plucked)
        sheet = _Sheet(self._network, runs, context, np.unique(sounding[sounding >= 0]), hand)
        for first in range(0, stop - start, QUANTUM_FRAMES):
            inside = slice(first, first + QUANTUM_FRAMES)
            if (sounding[:, inside] >= 0).any():
                curves[:, :, inside], state = self._quantum(
                    runs, sheet, sounding[:, inside], start + first, hand, state
                )
        return PerformedCurves(sounding, *curves), state

    def _quantum(
        self, runs: NoteRuns, sheet: _Sheet, sounding: Ints, first: int, hand: Hand, state: PerformerState
    ) -> tuple[Floats, PerformerState]:
        """A few frames: level and bend.  [2, voices, frames]"""
        num_voices, num_frames = sounding.shape
        frames = first + np.arange(num_frames)
        note = np.maximum(sounding, 0)
        rows = progress(runs, note, np.broadcast_to(frames, note.shape), is_plucked=self._is_plucked)
        began = np.where(sounding >= 0, runs.start[note] + hand.first_frame, -1)
        normal = _stray_draws(hand, num_voices, first, num_frames)
        keep, fresh = self._network.keep, self._network.fresh
        spread = min(hand.humanize / _USUAL_HUMANIZE, 1.0)
        begun, memory, stray, cycles, last_db = state
        steps = []
        for at in range(num_frames):
            begins = ((began[:, at] != begun) & (began[:, at] >= 0))[:, None]
            begun = np.where(began[:, at] >= 0, began[:, at], begun)
            memory = np.where(begins, 0.0, memory)
            new = np.where(begins, normal[at], 2.0 * keep * stray[0] - keep**2 * stray[1] + fresh * normal[at])
            stray = np.stack([new, np.where(begins, normal[at], stray[0])])
            cycles = np.where(begins[:, 0], sheet.first_cycle[sheet.row[note[:, at]]], cycles)
            answer, memory = self._network.step(sheet.gates[sheet.row[note[:, at]]], rows[:, at], memory)
            far = spread * np.exp(np.clip(answer[:, 3:], LEAST_LOG, MOST_LOG)) * new
            depth = DEPTH_CENTS * np.maximum(answer[:, 2], 0.0)
            level = LEVEL_DB * answer[:, 0] + far[:, 0]
            bend = BEND_CENTS * answer[:, 1] + far[:, 1] + depth * np.sin(2 * np.pi * cycles)
            cycles = cycles + sheet.vibrato_hz[sheet.row[note[:, at]]] / FRAME_RATE_HZ
            steps.append((level, bend))
        level, bend = np.array(steps).transpose(1, 2, 0)
        level += runs.force_db[note]
        level -= _RELEASED_DB * _released(runs, note, frames) ** 2
        elapsed_ms = np.asarray((frames - runs.start[note]) * MS_PER_FRAME, np.float64)
        level += touch_db(runs.articulation[note], elapsed_ms)
        bend += sheet.slide_cents[note] * still_off(elapsed_ms)
        level = np.maximum(level, _QUIETEST_DB)
        is_touched = self._is_plucked & runs.cuts_off[note] & (frames - runs.start[note] < _TOUCHED_FRAMES)
        is_moved = np.append(False, np.diff(runs.pitch_midi) != 0)[note] & (frames - runs.start[note] < _STOPPED_FRAMES)
        falls_db = np.where(is_moved, 0.0, _TOUCHED_DB)
        for at in range(num_frames):
            held_db = np.maximum(level[:, at], last_db - falls_db[:, at])
            level[:, at] = np.where(is_touched[:, at], held_db, level[:, at])
            last_db = np.where(sounding[:, at] >= 0, level[:, at], last_db)
        return np.stack([level, bend]), PerformerState(begun, memory, stray, cycles, last_db)


class _Sheet:
    """What is decided of some notes when they begin.

    Args:
        network: foretells it.
        runs: all notes.
        context: see `note_context`.
        wanted: indices of those that are played.  [wanted]
        hand: who plays.
    """

    def __init__(self, network: PerformerNetwork, runs: NoteRuns, context: Floats, wanted: Ints, hand: Hand) -> None:
        self.row = np.zeros(len(runs.start), np.int64)
        """Of every note, its place among the wanted ones.  [notes]"""
        self.row[wanted] = np.arange(len(wanted))
        spread = hand.humanize / _USUAL_HUMANIZE
        drawn = np.zeros((len(wanted), NUM_MANNER))
        self.first_cycle = np.zeros(len(wanted))
        """Where in a cycle the vibrato of every wanted note begins, 0..1.  [wanted]"""
        for voice in np.unique(runs.voice[wanted]).tolist():
            own = runs.voice[wanted] == voice
            places = runs.start[wanted][own] + hand.first_frame
            uniform = far_draws(hand.seed, f"{hand.name}/{voice}/manner", places, 4 * NUM_MANNER + 1)
            drawn[own] = spread * bell(uniform[:, :-1].reshape(-1, 4)).reshape(-1, NUM_MANNER)
            self.first_cycle[own] = min(spread, 1.0) * uniform[:, -1]
        manners = [network.manner(context[at], normal) for at, normal in zip(wanted.tolist(), drawn, strict=True)]
        self.gates = np.stack(
            [network.note_gates(context[at], manner) for at, manner in zip(wanted.tolist(), manners, strict=True)]
        )
        """See `note_gates`.  [wanted, 3 * hidden]"""
        self.vibrato_hz = np.array([network.vibrato_hz(manner) for manner in manners])
        """Of every wanted note.  [wanted]"""
        self.slide_cents = runs.slide_cents
        """Of every note.  [notes]"""


def _released(runs: NoteRuns, note: Ints, frames: Ints) -> Floats:
    """How far a note's release has come, 0..1.  [voices, frames]"""
    released: Floats = np.clip((frames - runs.stop[note] + 1) / np.maximum(runs.ring[note], 1), 0.0, 1.0)
    return released


def _stray_draws(hand: Hand, num_voices: int, first: int, num_frames: int) -> Floats:
    """Normal numbers for every frame of the performance, of level and bend.  [frames, voices, 2]"""
    key = np.array([hand.seed % 2**64, crc32(f"{hand.name}/stray".encode())], np.uint64)
    words = np.random.Philox(key=key).advance(2 * num_voices * (hand.first_frame + first))
    uniform = np.random.Generator(words).random((num_frames * num_voices * 2, 4))
    normal: Floats = bell(uniform).reshape(num_frames, num_voices, 2)
    return normal
