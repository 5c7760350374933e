"""A piece: key, chords, tempo, sections, the dynamics everyone shares, and who plays what in it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ensemble.clock import FRAME_RATE_HZ
from ensemble.data.compose.harmony import MODES, ComposedChord, draw_loop
from ensemble.data.compose.orchestra import OrchestraPlayer, players_of, song_players
from ensemble.data.compose.tempo import METRES, Metre, draw_tempo
from ensemble.types.tempo_map import TempoMap

STYLES = ("house", "other", "songs")
LENGTH_S = (45.0, 75.0)
TAIL_S = 1.5
"""Silence after the last note, for what still rings."""
LEVELS_DB = (-27.0, -21.5, -16.0, -11.0, -6.0, -1.0)
"""pp, p, mp, mf, f, ff, against the loudest that the sampled instruments play."""
WANDER = 0.08
"""How far the tempo leans forward and back, at most."""
_METRE_NAMES = {"house": ("4/4", "4/4", "4/4", "3/4", "3/4", "6/8"), "other": ("4/4", "5/4", "6/8", "3/4"),
                "songs": ("4/4", "4/4", "4/4", "3/4", "6/8")}  # fmt: skip
SONG_TEXTURES = ("strum", "arpeggio", "picking", "calm", "strum", "funk")
"""What those who sound the chords of a song do in a section; see `textures`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreNote:
    """A note of the score."""

    onset_quarters: float
    """From the start of the piece."""
    length_quarters: float
    """For how long it sounds, where nothing cuts it short."""
    pitch_midi: int
    """For drums, the key of General MIDI percussion."""
    accent_db: float = 0.0
    """Level against the dynamics."""
    voice: int = 0
    """What sounds one note at a time: a guitar's string, a drum, a line; its next note ends this one."""
    is_legato: bool = False
    """Whether it follows the one before without a new attack, where they touch."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """Some bars that belong together."""

    first_bar: int
    last_bar: int
    """The first bar that no longer belongs to it."""
    start_db: float
    """Level to start from."""
    stop_db: float
    """Level to reach."""
    density: float = 0.5
    """How busy the parts are, 0..1."""
    letter: str = ""
    """Phrases of one letter are alike."""
    texture: str = ""
    """What goes on under the tune."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayerTraits:
    """One player's lasting traits in a piece."""

    player: OrchestraPlayer
    role: str
    """tune, bass, inner, drums; in songs chords and more_chords; or solo, who plays alone."""
    lag_beats: float = 0.0
    """How late it follows the shared dynamics; early where negative."""
    gain: float = 1.0
    """By how much it multiplies them, in dB."""
    detune_cents: float = 0.0
    """Its tuning."""
    rings: bool = False
    """Whether its notes die away as the soundfont has it; else they end at once, so that labels are true."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """All that the parts of a piece share."""

    name: tuple[str | int, ...]
    """What its chance depends on."""
    style: str
    metre: Metre
    tempo_bpm: float
    """Beats a minute, on average."""
    tonic: int
    """Pitch class of the key, from C."""
    mode: str
    loop: tuple[ComposedChord, ...]
    """The chords that come round."""
    bar_chords: tuple[ComposedChord, ...]
    """The chord of every bar."""
    sections: tuple[Section, ...]
    tempo: TempoMap
    dynamics_db: NDArray[np.float64]
    """The shared curve, 0 is loudest.  [frames]"""
    parts: tuple[PlayerTraits, ...]

    @property
    def num_frames(self) -> int:
        """Control frames of the whole track, tail included."""
        return len(self.dynamics_db)

    @property
    def stop_quarters(self) -> float:
        """Where the last bar ends."""
        return len(self.bar_chords) * self.metre.bar_quarters

    def chord_at(self, quarters: float) -> ComposedChord:
        """The chord of a moment."""
        return self.bar_chords[min(int(quarters / self.metre.bar_quarters + 1e-6), len(self.bar_chords) - 1)]

    def rng(self, *purpose: str | int) -> np.random.Generator:
        """Chance for one purpose: another purpose or piece gives other numbers, order of use does not."""
        return chance(*self.name, *purpose)

    def level_db(self, part: PlayerTraits) -> NDArray[np.float64]:
        """What one player makes of the shared dynamics.  [frames]"""
        lag_s = part.lag_beats * 60 / self.tempo_bpm
        frame = np.arange(self.num_frames)
        return np.asarray(part.gain * np.interp(frame - lag_s * FRAME_RATE_HZ, frame, self.dynamics_db))


def chance(*purpose: str | int) -> np.random.Generator:
    """A generator that depends on these words only."""
    digest = hashlib.sha256("/".join(map(str, purpose)).encode()).digest()
    return np.random.Generator(np.random.Philox(int.from_bytes(digest[:16], "little")))


def draw_piece(
    seed: int, number: int, style: str, length_s: tuple[float, float] = LENGTH_S, instruments: tuple[str, ...] = ()
) -> Piece:
    """Draw everything that is shared; the same arguments give the same piece.

    Args:
        seed: of the data set.
        number: of the track, from 1.
        style: one of `STYLES`.
        length_s: shortest and longest.
        instruments: who plays; drawn where none is given, as in songs.
    """
    name = (seed, style, number)
    rng = chance(*name, "piece")
    metre = METRES[_METRE_NAMES[style][rng.integers(len(_METRE_NAMES[style]))]]
    slowest, fastest = (60.0, 170.0) if metre.beat_quarters == 1.0 else (50.0, 110.0)
    tempo_bpm = float(np.exp(rng.uniform(np.log(slowest), np.log(fastest))))
    bar_s = metre.beats_per_bar * 60 / tempo_bpm
    num_bars = max(round((rng.uniform(*length_s) - TAIL_S) / bar_s), 2)
    mode = MODES[style][rng.integers(len(MODES[style]))]
    tonic = int(rng.integers(12))
    loop = draw_loop(rng, style, mode, tonic)
    bars_per_chord = 2 if bar_s < (1.1 if style == "songs" else 1.6) else 1
    wander = rng.uniform(0, WANDER) if rng.random() < 0.7 else 0.0
    tempo = draw_tempo(rng, metre, tempo_bpm, num_bars * metre.beats_per_bar, wander)
    sections = _draw_sections(rng, num_bars, bars_per_chord)
    if style == "songs":
        sections = tuple(
            replace(one, texture=str(rng.choice(SONG_TEXTURES)), letter="ABCDEFG"[at])
            for at, one in enumerate(sections)
        )
    dynamics_db = draw_dynamics(rng, sections, metre, tempo, TAIL_S)
    return Piece(
        name=name, style=style, metre=metre, tempo_bpm=tempo_bpm, tonic=tonic, mode=mode, loop=loop,
        bar_chords=tuple(loop[bar // bars_per_chord % len(loop)] for bar in range(num_bars)),
        sections=sections, tempo=tempo, dynamics_db=dynamics_db,
        parts=_song_parts(rng) if style == "songs" else _draw_parts(rng, players_of(seed, number, instruments)),
    )  # fmt: skip


def _draw_sections(rng: np.random.Generator, num_bars: int, bars_per_chord: int) -> tuple[Section, ...]:
    """Cut the bars into sections of about eight seconds; the softest and the loudest level always occur."""
    num_sections = int(np.clip(num_bars // (4 * bars_per_chord), 2, 7))
    edges = np.rint(np.linspace(0, num_bars, num_sections + 1)).astype(int).tolist()
    middle = rng.choice(LEVELS_DB, max(num_sections - 2, 0))
    targets = rng.permutation(np.concatenate([[LEVELS_DB[0], LEVELS_DB[-1]], middle])).tolist()
    sections = []
    before_db = targets[0]
    for first, last, target_db in zip(edges, edges[1:], targets, strict=False):
        start_db = target_db if rng.random() < 0.35 else before_db
        density = float(rng.uniform(0.15, 1))
        sections.append(Section(first_bar=first, last_bar=last, start_db=start_db, stop_db=target_db, density=density))
        before_db = target_db
    return tuple(sections)


def draw_dynamics(
    rng: np.random.Generator, sections: tuple[Section, ...], metre: Metre, tempo: TempoMap, tail_s: float
) -> NDArray[np.float64]:
    """The shared curve: each section moves to its level and stays, phrases breathe by 2 dB, corners are rounded.

    Args:
        rng: chance.
        sections: without gaps, from bar 0.
        metre: of the piece.
        tempo: of the piece.
        tail_s: what follows the last bar.

    Returns:
        [frames], at most 0.
    """
    bar_s = tempo.seconds(np.arange(sections[-1].last_bar + 1) * metre.bar_quarters)
    time_s = np.arange(int(np.ceil((bar_s[-1] + tail_s) * FRAME_RATE_HZ))) / FRAME_RATE_HZ
    curve = np.full(len(time_s), sections[-1].stop_db)
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


def _draw_parts(rng: np.random.Generator, players: tuple[OrchestraPlayer, ...]) -> tuple[PlayerTraits, ...]:
    """Traits of every player; the lowest carries the bass, one of the others the tune."""
    num_pitched = sum(not player.is_drums for player in players)
    tune = int(rng.integers(max(num_pitched - 1, 1)))
    parts = []
    for index, player in enumerate(players):
        role = "tune" if index == tune else "bass" if index == num_pitched - 1 else "inner"
        parts.append(
            PlayerTraits(
                player=player, role="drums" if player.is_drums else role, lag_beats=float(rng.uniform(-0.5, 1.0)),
                gain=float(rng.uniform(0.85, 1.1)),
                detune_cents=0.0 if player.is_drums else float(np.clip(rng.normal(0, 4), -10, 10)),
            )
        )  # fmt: skip
    return tuple(parts)


def _song_parts(rng: np.random.Generator) -> tuple[PlayerTraits, ...]:
    """Traits of a song's players; what is struck or plucked may ring."""
    return tuple(
        PlayerTraits(
            player=player, role=role, gain=float(rng.uniform(0.3, 0.8)), rings=player.is_plucked and rng.random() < 0.7
        )
        for role, player in song_players(rng).items()
    )
