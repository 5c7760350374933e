"""What one pitched player is given: a texture per section, then notes one after another, never two at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ensemble.data.compose.harmony import ComposedChord, scale_pitches
from ensemble.data.compose.piece import Piece, PlayerTraits, Section
from ensemble.data.compose.rhythm import even, fastest_division, felt, spans

TEXTURES: dict[str, dict[str, float]] = {
    "tune": {"melody": 5, "run": 2, "held": 1, "repeat": 1, "arpeggio": 0.5, "rest": 0.25},
    "inner": {"held": 3, "melody": 2, "arpeggio": 2, "repeat": 2, "run": 1.5, "rest": 0.4},
    "bass": {"pulse": 5, "held": 2, "melody": 1.5, "repeat": 1, "run": 0.7, "arpeggio": 1, "rest": 0.3},
}
ARTICULATIONS: dict[str, tuple[tuple[str, float], ...]] = {
    "melody": (("legato", 4), ("tenuto", 3), ("staccato", 1)),
    "run": (("legato", 3), ("tenuto", 1), ("staccato", 2)),
    "held": (("legato", 2), ("tenuto", 1)),
    "repeat": (("tenuto", 2), ("staccato", 3)),
    "arpeggio": (("legato", 2), ("tenuto", 2), ("staccato", 1)),
    "pulse": (("legato", 1), ("tenuto", 3), ("staccato", 1)),
}
HELD_SHARE: dict[str, float] = {"legato": 1.0, "tenuto": 0.85, "staccato": 0.5}
"""How much of its written length a note sounds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreNote:
    """A note of the score, in quarters from the start; share: how much of its length sounds."""

    onset_quarters: float
    length_quarters: float
    pitch_midi: int
    is_accented: bool
    articulation: str

    @property
    def stop_quarters(self) -> float:
        """Where it stops sounding."""
        return self.onset_quarters + self.length_quarters * HELD_SHARE[self.articulation]


def write_line(piece: Piece, seat: PlayerTraits) -> tuple[ScoreNote, ...]:
    """Write one player's part: in its range, in the key, chord notes where it counts, one note at a time."""
    rng = piece.rng("line", seat.player.instrument)
    notes: list[ScoreNote] = []
    before = ""
    for section in piece.sections:
        weights = dict(TEXTURES[seat.role])
        if before == "rest":
            weights.pop("rest")
        before = str(_weighted(rng, tuple(weights.items())))
        if before != "rest":
            notes += _write_section(rng, piece, seat, section, before)
    if not notes:  # every section rested: the last one is played after all
        notes = _write_section(rng, piece, seat, piece.sections[-1], "melody")
    return tuple(notes)


def _weighted(rng: np.random.Generator, choices: tuple[tuple[str, float], ...]) -> str:
    weights = np.array([weight for _, weight in choices], dtype=np.float64)
    return choices[int(rng.choice(len(choices), p=weights / weights.sum()))][0]


def _write_section(
    rng: np.random.Generator, piece: Piece, seat: PlayerTraits, section: Section, texture: str
) -> list[ScoreNote]:
    low, high = seat.player.spec.range_midi
    width = int(rng.integers(12, 20))
    floor = int(rng.integers(low, max(high - width, low) + 1))  # wherever the range allows: all registers get heard
    pen = _Pen(rng, piece, floor, min(floor + width, high))
    articulation = _weighted(rng, ARTICULATIONS[texture])
    division = fastest_division(piece, seat.player.fastest_s, rng)
    notes = []
    for onset, length in _rhythm(rng, piece, section, texture, division):
        is_strong = abs(onset / piece.metre.beat_quarters - round(onset / piece.metre.beat_quarters)) < 1e-6
        pitch = pen.next(texture, onset, is_strong)
        share = articulation if length < piece.metre.bar_quarters or articulation != "staccato" else "tenuto"
        is_accented = is_strong and rng.random() < 0.15
        notes.append(
            ScoreNote(
                onset_quarters=onset,
                length_quarters=length,
                pitch_midi=pitch,
                is_accented=is_accented,
                articulation=share,
            )
        )
    return notes


def _rhythm(
    rng: np.random.Generator, piece: Piece, section: Section, texture: str, division: float
) -> list[tuple[float, float]]:
    """Onsets and lengths in quarters."""
    bar = piece.metre.bar_quarters
    start, stop = section.first_bar * bar, section.last_bar * bar
    if texture == "held":
        return spans(rng, start, stop, bar * float(rng.choice([0.5, 1, 1, 2])) if bar < 4.5 else bar)
    if texture in ("run", "arpeggio", "repeat"):
        slower = {"run": 1, "arpeggio": int(rng.integers(1, 3)), "repeat": int(rng.integers(1, 4))}[texture]
        holds = 0.4 if texture == "run" else 0.12
        return even(rng, start, stop, division * slower, piece.metre.beat_quarters, rests=0.06, holds=holds)
    return felt(rng, piece.metre, start, stop, section.density * (0.7 if texture == "pulse" else 1.0), division)


class _Pen:
    """Chooses pitches: remembers the last one, wanders through its window, lands on the chord."""

    def __init__(self, rng: np.random.Generator, piece: Piece, low: int, high: int) -> None:
        self._rng, self._piece, self._low, self._high = rng, piece, low, high
        self._scale = np.array(scale_pitches(piece.tonic, piece.mode, low, high))
        self._last = int(rng.choice(self._scale))
        self._direction = int(rng.choice([-1, 1]))
        self._phase = rng.uniform()
        self._repeats = 0

    def next(self, texture: str, onset_quarters: float, is_strong: bool) -> int:
        """The pitch of the next note."""
        piece = self._piece
        bar = min(int(onset_quarters / piece.metre.bar_quarters + 1e-6), len(piece.bar_chords) - 1)
        chord = piece.bar_chords[bar]
        if texture == "run":
            self._last = self._step()
        elif texture == "arpeggio":
            self._last = self._chord_step(chord)
        elif texture == "repeat" and self._repeats > 0 and not (is_strong and self._rng.random() < 0.2):
            self._repeats -= 1
        else:
            self._repeats = int(self._rng.integers(2, 9))
            self._last = self._sung(
                chord, onset_quarters, wants_chord=is_strong or texture != "melody", texture=texture
            )
        return self._last

    def _step(self) -> int:
        """The next step of the scale, turning at the edges and, seldom, for fun."""
        at = int(np.argmin(np.abs(self._scale - self._last)))
        if self._rng.random() < 0.08:
            self._direction = -self._direction
        if not 0 <= at + self._direction < len(self._scale):
            self._direction = -self._direction
        return int(self._scale[at + self._direction])

    def _chord_step(self, chord: ComposedChord) -> int:
        """The next chord note in the direction of travel."""
        tones = self._tones(chord)
        onward = tones[(tones - self._last) * self._direction > 0]
        if not len(onward):
            self._direction = -self._direction
            onward = tones[(tones - self._last) * self._direction > 0]
        return int(onward[np.argmin(np.abs(onward - self._last))]) if len(onward) else int(tones[0])

    def _tones(self, chord: ComposedChord) -> np.ndarray:
        window = np.arange(self._low, self._high + 1)
        return window[np.isin(window % 12, chord.pitch_classes)]

    def _sung(self, chord: ComposedChord, onset_quarters: float, *, wants_chord: bool, texture: str) -> int:
        """Small steps towards a slow wave through the window; chord notes where wanted, roots for a pulse."""
        wave = np.sin(2 * np.pi * (onset_quarters / (8 * self._piece.metre.bar_quarters) + self._phase))
        target = 0.5 * (self._low + self._high) + 0.55 * wave * (self._high - self._low)
        candidates = self._tones(chord) if wants_chord else self._scale
        cost = 0.25 * np.abs(candidates - target) + 0.5 * np.abs(candidates - self._last)
        cost = cost + 1.5 * (candidates == self._last) + self._rng.gumbel(0, 1.2, len(candidates))
        if texture == "pulse":
            cost = cost - 4.0 * (candidates % 12 == chord.root)
        return int(candidates[np.argmin(cost)])
