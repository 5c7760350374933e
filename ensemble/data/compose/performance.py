"""From the score to a performance: seconds, velocities, a curve of pitch and one of level, as a player shapes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ensemble.clock import FRAME_RATE_HZ
from ensemble.data.compose.beat import write_beat
from ensemble.data.compose.lines import write_line
from ensemble.data.compose.orchestra import OrchestraPlayer
from ensemble.data.compose.piece import Piece, PlayerTraits, ScoreNote
from ensemble.data.compose.tempo import TICKS_PER_QUARTER
from ensemble.data.compose.textures import write_bass, write_guitar, write_keys

Curve = NDArray[np.float64]
ONSET_JITTER_S = 0.006
TOGETHER_QUARTERS = 0.1
"""Notes of several voices that are written this close get the same jitter."""
SHORTEST_S = 0.07
"""However short it is written, a note sounds this long."""
MIN_VELOCITY = 16
SLURRED_S = 0.16
"""Notes shorter than this leave the slow attack of the sample out, as slurred ones do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayedNote:
    """One sounding note."""

    onset_s: float
    stop_s: float
    midi: int
    velocity: int
    loudest_db: float
    """Its peak level, which the velocity holds."""
    is_slurred: bool = False
    """Whether it follows without a new attack."""
    filter_cents: int = 0
    """How far the low-pass is closed for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ComposedPerformance:
    """All that one voice of a player does; a kit is one voice."""

    part: PlayerTraits
    notes: tuple[PlayedNote, ...]
    bend_cents: Curve
    """Pitch against the written note.  [frames]"""
    level_db: Curve
    """Level against the loudest, held between notes.  [frames]"""

    @property
    def intended_f0_hz(self) -> Curve:
        """The pitch that is asked for, 0 between notes.  [frames]"""
        f0_hz = np.zeros(len(self.bend_cents))
        for note in self.notes if not self.part.player.is_drums else ():
            at = frames_of(note, len(f0_hz))
            f0_hz[at] = 440 * 2 ** ((note.midi - 69 + self.bend_cents[at] / 100) / 12)
        return f0_hz


def frames_of(note: PlayedNote, num_frames: int) -> slice:
    """The control frames whose instant lies in a note."""
    first, stop = (int(np.ceil(at_s * FRAME_RATE_HZ - 1e-9)) for at_s in (note.onset_s, note.stop_s))
    return slice(first, min(stop, num_frames))


def velocity_db(velocity: int) -> float:
    """What a velocity does to the level in a SoundFont synthesizer: 40 log10(v / 127)."""
    return float(40 * np.log10(velocity / 127))


def perform_voices(piece: Piece, part: PlayerTraits) -> list[ComposedPerformance]:
    """Write and play one part of a band's piece: every voice of who sounds the chords of a song, one of any other."""
    if part.role in ("chords", "more_chords"):
        low = int(piece.rng("register", part.role).integers(45, 61))
        is_guitar = part.player.instrument == "guitar"
        return play_voices(piece, part, write_guitar(piece) if is_guitar else write_keys(piece, low))
    if piece.style == "songs" and part.role == "bass":
        return play_voices(piece, part, write_bass(piece, part.player.spec.range_midi[0]))
    return [perform(piece, part)]


def perform(piece: Piece, part: PlayerTraits) -> ComposedPerformance:
    """Write and play one part of a band's piece."""
    if not part.player.is_drums:
        return play_voices(piece, part, write_line(piece, part))[0]
    drums = play_voices(piece, part, write_beat(piece))
    strokes = sorted((note for drum in drums for note in drum.notes), key=lambda note: (note.onset_s, note.midi))
    return replace(drums[0], notes=tuple(strokes))


def play_voices(
    piece: Piece, part: PlayerTraits, written: Sequence[ScoreNote], take: int = 0
) -> list[ComposedPerformance]:
    """Play a part's notes, each voice by itself.

    Args:
        piece: gives tempo and dynamics.
        part: who plays.
        written: at least one note, in order.
        take: another take has another touch and other timing.

    Returns:
        by number of the voice.
    """
    rng = piece.rng("performance", part.player.instrument, take)
    groups = np.unique(np.rint([note.onset_quarters / TOGETHER_QUARTERS for note in written]), return_inverse=True)[1]
    jitter_s = np.clip(rng.normal(0, ONSET_JITTER_S, len(written)), -0.015, 0.015)[groups]
    performances = []
    for voice in sorted({note.voice for note in written}):
        own = [index for index, note in enumerate(written) if note.voice == voice]
        performances.append(_play_voice(piece, part, [written[index] for index in own], jitter_s[own], rng))
    return performances


def _play_voice(
    piece: Piece, part: PlayerTraits, written: list[ScoreNote], jitter_s: Curve, rng: np.random.Generator
) -> ComposedPerformance:
    player, dynamics_db = part.player, piece.level_db(part)
    level_db, bend_cents = dynamics_db.copy(), np.full(piece.num_frames, part.detune_cents)
    notes: list[PlayedNote] = []
    free_from = 0
    for note, onset_s, stop_s in zip(written, *_times(piece, written, player, jitter_s), strict=True):
        draft = PlayedNote(onset_s=onset_s, stop_s=stop_s, midi=note.pitch_midi, velocity=1, loudest_db=0.0)
        at = frames_of(draft, piece.num_frames)
        if at.stop <= at.start:
            continue
        shaped_db = np.minimum(_shape(dynamics_db[at], note, player, rng), 0.0)
        loudest_db = float(shaped_db.max())
        velocity = int(np.clip(round(127 * 10 ** (loudest_db / 40) + rng.normal(0, 4)), MIN_VELOCITY, 127))
        follows = bool(notes) and onset_s - notes[-1].stop_s < 0.03 and notes[-1].midi != note.pitch_midi
        is_slurred = follows and (note.is_legato or stop_s - onset_s < SLURRED_S)
        level_db[at] = shaped_db
        level_db[at.stop :] = shaped_db[-1]  # held to the next note, so that what still rings is not moved
        bend_cents[at] += _bend(at, player, is_slurred, rng)
        if at.start > free_from:  # a note begins between two frames and finds its bend already there
            bend_cents[at.start - 1] = bend_cents[at.start]
        free_from = at.stop
        closed = float(np.clip(-np.mean(shaped_db) / 30, 0, 1.2)) * player.filter_cents
        notes.append(
            replace(
                draft, velocity=velocity, loudest_db=loudest_db, is_slurred=is_slurred,
                filter_cents=50 * round(closed / 50),
            )
        )  # fmt: skip
    return ComposedPerformance(part=part, notes=tuple(notes), bend_cents=bend_cents, level_db=level_db)


def _times(
    piece: Piece, written: list[ScoreNote], player: OrchestraPlayer, jitter_s: Curve
) -> tuple[list[float], list[float]]:
    """Onsets with jitter and stops before the next onset, on the ticks of the MIDI file.  [notes], [notes]"""
    gap_s = 0.005 if player.is_drums else 0.03 if player.is_plucked else 0.008
    onsets_s = piece.tempo.seconds(np.array([note.onset_quarters for note in written])) + jitter_s
    for index in range(1, len(onsets_s)):  # jitter never turns two notes round
        onsets_s[index] = max(onsets_s[index], onsets_s[index - 1] + SHORTEST_S + gap_s)
    onsets_s = piece.tempo.on_ticks(np.maximum(onsets_s, 0.0), TICKS_PER_QUARTER)
    stops_s = piece.tempo.seconds(np.array([note.onset_quarters + note.length_quarters for note in written]))
    latest_s = np.append(onsets_s[1:], np.inf) - gap_s
    stops_s = np.minimum(np.maximum(stops_s, onsets_s + SHORTEST_S), latest_s)
    return onsets_s.tolist(), piece.tempo.on_ticks(stops_s, TICKS_PER_QUARTER).tolist()


def _shape(dynamics_db: Curve, note: ScoreNote, player: OrchestraPlayer, rng: np.random.Generator) -> Curve:
    """The level within a note: the dynamics, an accent, and on what is sustained a swell, a fade or a growth."""
    accent_db = note.accent_db + float(np.clip(rng.normal(0, 0.7), -1.2, 1.2))
    if player.is_plucked or player.is_drums:
        return np.full(len(dynamics_db), dynamics_db[0] + accent_db)
    progress = np.linspace(0, 1, len(dynamics_db))
    depth_db = float(rng.uniform(0, 7)) if len(dynamics_db) > 40 else float(rng.uniform(0, 2))
    kind = rng.choice(["flat", "swell", "dim", "cresc"], p=[0.35, 0.25, 0.25, 0.15])
    shapes = {"flat": 0 * progress, "swell": np.sin(np.pi * progress) - 1, "dim": -progress, "cresc": progress - 1}
    fading = np.exp(-np.arange(len(progress)) / (0.12 * FRAME_RATE_HZ))  # an accent is at the beginning of a note
    return np.asarray(dynamics_db + depth_db * shapes[str(kind)] + min(accent_db, 0.0) + max(accent_db, 0.0) * fading)


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
