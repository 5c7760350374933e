"""A piece: key, loop, tempo, sections, the dynamics everyone shares, and who plays what in it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ensemble.clock import FRAME_RATE_HZ
from ensemble.data.compose.harmony import MODES, ComposedChord, draw_loop
from ensemble.data.compose.orchestra import OrchestraPlayer, players_of
from ensemble.data.compose.tempo import METRES, Metre, TempoMap, draw_tempo

STYLES = ("house", "other")
LENGTH_S = (45.0, 75.0)
TAIL_S = 1.5
"""Silence after the last note, for what still rings."""
LEVELS_DB = (-27.0, -21.5, -16.0, -11.0, -6.0, -1.0)
"""pp, p, mp, mf, f, ff, against the loudest that the sampled instruments play."""
WANDER = 0.08
_METRE_NAMES = {"house": ("4/4", "4/4", "4/4", "3/4", "3/4", "6/8"), "other": ("4/4", "5/4", "6/8", "3/4")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Bars [first_bar, last_bar) with a level to start from and one to reach, and how busy the parts are (0..1)."""

    first_bar: int
    last_bar: int
    start_db: float
    stop_db: float
    density: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayerTraits:
    """One player's lasting traits in a piece.

    lag_beats: how late it follows the shared dynamics (early where negative). gain: by how much it multiplies them, in
    dB. detune_cents: its tuning. role: tune, bass or inner.
    """

    player: OrchestraPlayer
    role: str
    lag_beats: float
    gain: float
    detune_cents: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """All that the parts of a piece share.  bar_chords [bars]; dynamics_db [frames]: the shared curve, 0 is loudest."""

    seed: int
    number: int
    style: str
    metre: Metre
    tempo_bpm: float
    tonic: int
    mode: str
    loop: tuple[ComposedChord, ...]
    bar_chords: tuple[ComposedChord, ...]
    sections: tuple[Section, ...]
    tempo: TempoMap
    dynamics_db: NDArray[np.float64]
    seats: tuple[PlayerTraits, ...]

    @property
    def num_frames(self) -> int:
        """Control frames of the whole track, tail included."""
        return len(self.dynamics_db)

    @property
    def stop_s(self) -> float:
        """When the last bar ends."""
        return float(self.tempo.seconds(len(self.bar_chords) * self.metre.bar_quarters))

    def rng(self, *purpose: str | int) -> np.random.Generator:
        """Chance for one purpose: another purpose, piece or seed gives other numbers, order of use does not."""
        return chance(self.seed, self.style, self.number, *purpose)

    def level_db(self, seat: PlayerTraits) -> NDArray[np.float64]:
        """What one player makes of the shared dynamics.  [frames]"""
        lag_s = seat.lag_beats * 60 / self.tempo_bpm
        frame = np.arange(self.num_frames)
        return np.asarray(seat.gain * np.interp(frame - lag_s * FRAME_RATE_HZ, frame, self.dynamics_db))


def chance(*purpose: str | int) -> np.random.Generator:
    """A generator that depends on these words only."""
    digest = hashlib.sha256("/".join(map(str, purpose)).encode()).digest()
    return np.random.Generator(np.random.Philox(int.from_bytes(digest[:16], "little")))


def draw_piece(seed: int, number: int, style: str, length_s: tuple[float, float] = LENGTH_S) -> Piece:
    """Draw everything that is shared; the same arguments give the same piece.

    Args:
        seed: of the data set.
        number: of the track, from 1.
        style: one of `STYLES`.
        length_s: shortest and longest.
    """
    rng = chance(seed, style, number, "piece")
    names = _METRE_NAMES[style]
    metre = METRES[names[rng.integers(len(names))]]
    slowest, fastest = (60.0, 170.0) if metre.beat_quarters == 1.0 else (50.0, 110.0)
    tempo_bpm = float(np.exp(rng.uniform(np.log(slowest), np.log(fastest))))
    bar_s = metre.beats_per_bar * 60 / tempo_bpm
    num_bars = max(round((rng.uniform(*length_s) - TAIL_S) / bar_s), 2)
    mode = MODES[style][rng.integers(len(MODES[style]))]
    tonic = int(rng.integers(12))
    loop = draw_loop(rng, style, mode, tonic)
    bars_per_chord = 2 if bar_s < 1.6 else 1
    wander = rng.uniform(0, WANDER) if rng.random() < 0.7 else 0.0
    tempo = draw_tempo(rng, metre, tempo_bpm, num_bars * metre.beats_per_bar, wander)
    sections = _draw_sections(rng, num_bars, bars_per_chord)
    bar_s_at = tempo.seconds(np.arange(num_bars + 1, dtype=np.float64) * metre.bar_quarters)
    num_frames = int(np.ceil((bar_s_at[-1] + TAIL_S) * FRAME_RATE_HZ))
    return Piece(
        seed=seed, number=number, style=style, metre=metre, tempo_bpm=tempo_bpm, tonic=tonic, mode=mode, loop=loop,
        bar_chords=tuple(loop[bar // bars_per_chord % len(loop)] for bar in range(num_bars)),
        sections=sections, tempo=tempo, dynamics_db=_dynamics_db(rng, sections, bar_s_at, num_frames),
        seats=_draw_seats(rng, players_of(seed, number)),
    )  # fmt: skip


def _draw_sections(rng: np.random.Generator, num_bars: int, bars_per_chord: int) -> tuple[Section, ...]:
    """Cut the bars into sections of about eight seconds; the softest and the loudest level always occur."""
    num_sections = int(np.clip(num_bars // (4 * bars_per_chord), 2, 7))
    edges = np.rint(np.linspace(0, num_bars, num_sections + 1)).astype(int)
    middle = rng.choice(LEVELS_DB, max(num_sections - 2, 0))
    targets = rng.permutation(np.concatenate([[LEVELS_DB[0], LEVELS_DB[-1]], middle]))[:num_sections]
    sections = []
    before_db = float(targets[0])
    for index in range(num_sections):
        target_db = float(targets[index])
        is_sudden = rng.random() < 0.35
        sections.append(
            Section(
                first_bar=int(edges[index]),
                last_bar=int(edges[index + 1]),
                start_db=target_db if is_sudden else before_db,
                stop_db=target_db,
                density=float(rng.uniform(0.15, 1)),
            )
        )
        before_db = target_db
    return tuple(sections)


def _dynamics_db(
    rng: np.random.Generator, sections: tuple[Section, ...], bar_s: NDArray[np.float64], num_frames: int
) -> NDArray[np.float64]:
    """The shared curve: each section moves to its level and stays, phrases breathe by 2 dB, corners are rounded."""
    time_s = np.arange(num_frames) / FRAME_RATE_HZ
    curve = np.full(num_frames, sections[-1].stop_db)
    for section in sections:
        start_s, stop_s = bar_s[section.first_bar], bar_s[section.last_bar]
        inside = (time_s >= start_s) & (time_s < stop_s)
        progress = np.clip((time_s[inside] - start_s) / max((stop_s - start_s) * rng.uniform(0.5, 1.0), 1e-3), 0, 1)
        curve[inside] = section.start_db + (section.stop_db - section.start_db) * progress
    phrase_s = float(np.median(np.diff(bar_s))) * rng.choice([2, 4])
    curve += 2.0 * np.sin(2 * np.pi * (time_s / phrase_s + rng.uniform()))
    kernel = np.hanning(41)[1:-1]  # a third of a second
    padded = np.pad(curve, len(kernel) // 2, mode="edge")
    return np.minimum(np.convolve(padded, kernel / kernel.sum(), mode="valid"), 0.0)


def _draw_seats(rng: np.random.Generator, players: tuple[OrchestraPlayer, ...]) -> tuple[PlayerTraits, ...]:
    """Traits of every player; the lowest carries the bass, one of the others the tune."""
    pitched = [player for player in players if not player.is_drums]
    tune = int(rng.integers(len(pitched) - 1))
    seats = []
    for index, player in enumerate(players):
        role = "bass" if index == len(pitched) - 1 else "tune" if index == tune else "inner"
        seats.append(
            PlayerTraits(
                player=player,
                role="drums" if player.is_drums else role,
                lag_beats=float(rng.uniform(-0.5, 1.0)),
                gain=float(rng.uniform(0.85, 1.1)),
                detune_cents=0.0 if player.is_drums else float(np.clip(rng.normal(0, 4), -10, 10)),
            )
        )
    return tuple(seats)
