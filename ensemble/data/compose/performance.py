"""From the score to a performance: seconds, velocities, a curve of pitch and one of level, as a player shapes them."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ensemble.clock import FRAME_RATE_HZ
from ensemble.data.compose.beat import write_beat
from ensemble.data.compose.lines import ScoreNote, write_line
from ensemble.data.compose.orchestra import OrchestraPlayer
from ensemble.data.compose.piece import Piece, PlayerTraits
from ensemble.types.music import DrumClass

Curve = NDArray[np.float64]
ONSET_JITTER_S = 0.006
SHORTEST_S = 0.07
"""However short it is written, a note sounds this long."""
MIN_VELOCITY = 16
SLURRED_S = 0.16
"""Notes shorter than this leave the slow attack of the sample out, as slurred ones do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayedNote:
    """One sounding note. is_slurred: it follows without a new attack; loudest_db: its peak level, which velocity holds.

    filter_cents: how far the low-pass is closed for it. drum: which one, None for pitched instruments.
    """

    onset_s: float
    stop_s: float
    midi: int
    velocity: int
    loudest_db: float
    is_slurred: bool = False
    filter_cents: int = 0
    drum: DrumClass | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ComposedPerformance:
    """All that one player does.

    bend_cents, level_db [frames]: pitch against the written note and level against the loudest, held between notes.
    """

    seat: PlayerTraits
    notes: tuple[PlayedNote, ...]
    bend_cents: Curve
    level_db: Curve

    @property
    def intended_f0_hz(self) -> Curve:
        """The pitch that is asked for, 0 between notes.  [frames]"""
        f0_hz = np.zeros(len(self.bend_cents))
        for note in self.notes if not self.seat.player.is_drums else ():
            at = frames_of(note, len(f0_hz))
            f0_hz[at] = 440 * 2 ** ((note.midi - 69 + self.bend_cents[at] / 100) / 12)
        return f0_hz


def frames_of(note: PlayedNote, num_frames: int) -> slice:
    """The control frames whose instant lies in a note."""
    first = int(np.ceil(note.onset_s * FRAME_RATE_HZ - 1e-9))
    return slice(first, min(int(np.ceil(note.stop_s * FRAME_RATE_HZ - 1e-9)), num_frames))


def velocity_db(velocity: int) -> float:
    """What a velocity does to the level in a SoundFont synthesizer: 40 log10(v / 127)."""
    return float(40 * np.log10(velocity / 127))


def perform(piece: Piece, seat: PlayerTraits) -> ComposedPerformance:
    """Play one part of a piece."""
    return _play_drums(piece, seat) if seat.player.is_drums else _play_line(piece, seat)


def _velocity(level_db: float, rng: np.random.Generator) -> int:
    return int(np.clip(round(127 * 10 ** (level_db / 40) + rng.normal(0, 4)), MIN_VELOCITY, 127))


def _play_drums(piece: Piece, seat: PlayerTraits) -> ComposedPerformance:
    rng, dynamics_db = piece.rng("performance", "drums"), piece.level_db(seat)
    notes = []
    last_s: dict[int, float] = {}
    for hit in write_beat(piece):
        jitter_s = float(np.clip(rng.normal(0, ONSET_JITTER_S), -0.015, 0.015))
        asked_s = max(float(piece.tempo.seconds(hit.onset_quarters)) + jitter_s, last_s.get(hit.key, -1.0) + SHORTEST_S)
        onset_s, stop_s = piece.tempo.on_ticks(np.array([max(asked_s, 0.0), max(asked_s, 0.0) + SHORTEST_S - 0.005]))
        level_db = dynamics_db[min(int(onset_s * FRAME_RATE_HZ), piece.num_frames - 1)] + hit.accent_db
        last_s[hit.key] = float(onset_s)
        notes.append(
            PlayedNote(
                onset_s=float(onset_s),
                stop_s=float(stop_s),
                midi=hit.key,
                velocity=_velocity(level_db, rng),
                loudest_db=min(level_db, 0.0),
                drum=hit.drum,
            )
        )
    still = np.zeros(piece.num_frames)
    return ComposedPerformance(
        seat=seat, notes=tuple(sorted(notes, key=lambda note: (note.onset_s, note.midi))), bend_cents=still,
        level_db=still.copy(),
    )  # fmt: skip


def _play_line(piece: Piece, seat: PlayerTraits) -> ComposedPerformance:
    player, rng = seat.player, piece.rng("performance", seat.player.instrument)
    written = write_line(piece, seat)
    onsets_s, stops_s = _times(piece, written, player, rng)
    dynamics_db = piece.level_db(seat)
    level_db, bend_cents = dynamics_db.copy(), np.full(piece.num_frames, seat.detune_cents)
    notes: list[PlayedNote] = []
    for index, note in enumerate(written):
        onset_s, stop_s = float(onsets_s[index]), float(stops_s[index])
        draft = PlayedNote(onset_s=onset_s, stop_s=stop_s, midi=note.pitch_midi, velocity=1, loudest_db=0.0)
        at = frames_of(draft, piece.num_frames)
        if at.stop <= at.start:
            continue
        shaped_db = np.minimum(_shape(dynamics_db[at], note, player, rng), 0.0)
        loudest_db = float(shaped_db.max())
        velocity = _velocity(loudest_db, rng)
        follows = bool(notes) and onset_s - notes[-1].stop_s < 0.03 and notes[-1].midi != note.pitch_midi
        is_slurred = follows and (note.articulation == "legato" or stop_s - onset_s < SLURRED_S)
        level_db[at], bend_cents[at] = shaped_db, bend_cents[at] + _bend(at, player, is_slurred, rng)
        softness = float(np.clip(-np.mean(shaped_db) / 30, 0, 1.2))
        notes.append(
            PlayedNote(
                onset_s=onset_s,
                stop_s=stop_s,
                midi=note.pitch_midi,
                velocity=velocity,
                loudest_db=loudest_db,
                is_slurred=is_slurred,
                filter_cents=50 * round(softness * player.filter_cents / 50),
            )
        )
    _hold_towards_next(level_db, notes)
    _be_ready(bend_cents, notes)
    return ComposedPerformance(seat=seat, notes=tuple(notes), bend_cents=bend_cents, level_db=level_db)


def _times(
    piece: Piece, written: tuple[ScoreNote, ...], player: OrchestraPlayer, rng: np.random.Generator
) -> tuple[Curve, Curve]:
    """Onsets with jitter and stops before the next onset, on the ticks of the MIDI file.  [notes], [notes]"""
    asked_s = piece.tempo.seconds(np.array([note.onset_quarters for note in written]))
    onsets_s = asked_s + np.clip(rng.normal(0, ONSET_JITTER_S, len(written)), -0.015, 0.015)
    for index in range(1, len(onsets_s)):  # jitter never turns two notes round
        onsets_s[index] = max(onsets_s[index], onsets_s[index - 1] + SHORTEST_S + 0.035)
    onsets_s = piece.tempo.on_ticks(np.maximum(onsets_s, 0.0))
    stops_s = piece.tempo.seconds(np.array([note.stop_quarters for note in written]))
    gap_s = 0.03 if player.is_plucked else 0.008
    latest_s = np.append(onsets_s[1:], np.inf) - gap_s
    stops_s = np.minimum(np.maximum(stops_s, onsets_s + SHORTEST_S), latest_s)
    return onsets_s, piece.tempo.on_ticks(stops_s)


def _shape(dynamics_db: Curve, note: ScoreNote, player: OrchestraPlayer, rng: np.random.Generator) -> Curve:
    """The level within a note: the dynamics, an accent, and on what is sustained a swell, a fade or a growth."""
    accent_db = 3.0 if note.is_accented else float(rng.normal(0, 0.7))
    if player.is_plucked:
        return np.full(len(dynamics_db), dynamics_db[0] + accent_db)
    progress = np.linspace(0, 1, len(dynamics_db))
    depth_db = float(rng.uniform(0, 7)) if len(dynamics_db) > 40 else float(rng.uniform(0, 2))
    kind = rng.choice(["flat", "swell", "dim", "cresc"], p=[0.35, 0.25, 0.25, 0.15])
    shapes = {"flat": 0 * progress, "swell": np.sin(np.pi * progress) - 1, "dim": -progress, "cresc": progress - 1}
    curve = dynamics_db + depth_db * shapes[str(kind)] + accent_db
    if note.is_accented:
        curve = curve - 3.0 * (1 - np.exp(-np.arange(len(curve)) / (0.12 * FRAME_RATE_HZ)))
    return np.asarray(curve)


def _bend(at: slice, player: OrchestraPlayer, is_slurred: bool, rng: np.random.Generator) -> Curve:
    """Cents around the written pitch: a slip of the finger, a scoop from below, a vibrato that sets in late."""
    time_s = np.arange(at.stop - at.start) / FRAME_RATE_HZ
    cents = np.full(len(time_s), float(np.clip(rng.normal(0, 3), -8, 8)))
    if rng.random() < player.scoop_share * (0.5 if is_slurred else 1.0):
        depth = rng.uniform(60, 150) if player.is_plucked else rng.uniform(15, 60)
        cents -= depth * np.exp(-time_s / 0.04)
    if len(time_s) > 35 and rng.random() < player.vibrato_share:
        delay_s, ramp_s = rng.uniform(0.1, 0.3), rng.uniform(0.15, 0.4)
        depth, rate_hz = rng.uniform(6, 28), rng.uniform(4.6, 6.6)
        grown = np.clip((time_s - delay_s) / ramp_s, 0, 1)
        cents += depth * grown * np.sin(2 * np.pi * rate_hz * time_s)
    return cents


def _hold_towards_next(level_db: Curve, notes: list[PlayedNote]) -> None:
    """Between notes keep the level that just was, so that a release is not moved; then be ready for the next onset."""
    for before, after in itertools.pairwise(notes):
        stop, start = frames_of(before, len(level_db)).stop, frames_of(after, len(level_db)).start
        if start > stop > 0:
            ready = max(start - 2, stop)
            level_db[stop:ready] = level_db[stop - 1]
            level_db[ready:start] = level_db[min(start, len(level_db) - 1)]


def _be_ready(bend_cents: Curve, notes: list[PlayedNote]) -> None:
    """A note begins between two frames: it finds its bend already there, where no other note still needs the wheel."""
    free = np.ones(len(bend_cents), dtype=bool)
    for note in notes:
        free[frames_of(note, len(bend_cents))] = False
    for note in notes:
        start = frames_of(note, len(bend_cents)).start
        if 0 < start < len(bend_cents) and free[start - 1]:
            bend_cents[start - 1] = bend_cents[start]
