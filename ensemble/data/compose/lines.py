"""What one pitched player of a band plays: a texture per section, one note at a time."""

from __future__ import annotations

import numpy as np

from ensemble.data.compose.pen import Pen
from ensemble.data.compose.piece import Piece, PlayerTraits, ScoreNote, Section
from ensemble.data.compose.rhythm import even, fastest_division, sung

TEXTURES: dict[str, dict[str, float]] = {
    "tune": {"melody": 5, "run": 2, "held": 1, "repeat": 1, "arpeggio": 0.5, "rest": 0.25},
    "inner": {"held": 3, "melody": 2, "arpeggio": 2, "repeat": 2, "run": 1.5, "rest": 0.4},
    "bass": {"pulse": 5, "held": 2, "melody": 1.5, "repeat": 1, "run": 0.7, "arpeggio": 1, "rest": 0.3},
}
"""How often each role plays each texture."""
ARTICULATIONS: dict[str, dict[str, float]] = {
    "melody": {"legato": 4, "tenuto": 3, "staccato": 1},
    "run": {"legato": 3, "tenuto": 1, "staccato": 2},
    "held": {"legato": 2, "tenuto": 1},
    "repeat": {"tenuto": 2, "staccato": 3},
    "arpeggio": {"legato": 2, "tenuto": 2, "staccato": 1},
    "pulse": {"legato": 1, "tenuto": 3, "staccato": 2},
}
HELD_SHARE: dict[str, float] = {"legato": 1.0, "tenuto": 0.85, "staccato": 0.5}
"""How much of its written length a note sounds."""
ACCENT_DB = 2.5
FREEDOM = 1.4
"""How readily a line leaps: voices must learn every pitch, a tune need not have them all."""


def write_line(piece: Piece, part: PlayerTraits) -> tuple[ScoreNote, ...]:
    """Write one player's part: in its range, in the key, chord notes where it counts, one note at a time."""
    rng = piece.rng("line", part.player.instrument)
    notes: list[ScoreNote] = []
    texture = ""
    for section in piece.sections:
        weights = dict(TEXTURES[part.role])
        if texture == "rest":
            weights.pop("rest")
        texture = _weighted(rng, weights)
        if texture != "rest":
            notes += _section(rng, piece, part, section, texture)
    return tuple(notes or _section(rng, piece, part, piece.sections[-1], "melody"))  # nobody rests all the time


def _weighted(rng: np.random.Generator, weights: dict[str, float]) -> str:
    shares = np.array(list(weights.values()), dtype=np.float64)
    return list(weights)[int(rng.choice(len(weights), p=shares / shares.sum()))]


def _section(
    rng: np.random.Generator, piece: Piece, part: PlayerTraits, section: Section, texture: str
) -> list[ScoreNote]:
    low, high = part.player.spec.range_midi
    width = int(rng.integers(12, 20))
    floor = int(np.clip(rng.integers(low - 4, high - width + 5), low, high - width))  # lowest and highest often enough
    pen, middle = Pen(rng, piece, floor, floor + width, FREEDOM), floor + 0.5 * width
    articulation, phase, repeats = _weighted(rng, ARTICULATIONS[texture]), rng.uniform(), 0
    notes = []
    for onset, length in _rhythm(rng, piece, part, section, texture):
        beat = onset / piece.metre.beat_quarters
        is_strong, chord = abs(beat - round(beat)) < 1e-6, piece.chord_at(onset)
        if texture in ("run", "arpeggio"):
            pitch = pen.travel(chord if texture == "arpeggio" else None)
        elif texture == "repeat" and repeats > 0 and not (is_strong and rng.random() < 0.2):
            pitch, repeats = int(pen.last), repeats - 1
        else:  # along a slow wave through the window; a pulse stays on the root, mostly
            repeats = int(rng.integers(2, 9))
            wave = np.sin(2 * np.pi * (onset / (8 * piece.metre.bar_quarters) + phase))
            only = chord.root if texture == "pulse" and rng.random() < 0.7 else None
            is_held_to = is_strong or texture != "melody"
            pitch = pen.sing(chord, middle + 0.65 * wave * width, is_strong=is_held_to, only=only)
        share = max(HELD_SHARE[articulation], HELD_SHARE["tenuto"] if length >= piece.metre.bar_quarters else 0.0)
        accent_db = ACCENT_DB if is_strong and rng.random() < 0.15 else 0.0
        notes.append(
            ScoreNote(
                onset_quarters=onset, length_quarters=length * share, pitch_midi=pitch, accent_db=accent_db,
                is_legato=articulation == "legato",
            )
        )  # fmt: skip
    return notes


def _rhythm(
    rng: np.random.Generator, piece: Piece, part: PlayerTraits, section: Section, texture: str
) -> list[tuple[float, float]]:
    """Onsets and lengths in quarters."""
    bar = piece.metre.bar_quarters
    start, stop = section.first_bar * bar, section.last_bar * bar
    division = fastest_division(piece, part.player.fastest_s, rng)
    if texture == "held":
        length = bar * float(rng.choice([0.5, 1, 1, 2])) if bar < 4.5 else bar
        return even(rng, start, stop, length, length, rests=0.0, holds=0.3)
    if texture in ("run", "arpeggio", "repeat"):
        slower = {"run": 1, "arpeggio": int(rng.integers(1, 3)), "repeat": int(rng.integers(1, 4))}[texture]
        holds = 0.4 if texture == "run" else 0.12
        return even(rng, start, stop, division * slower, piece.metre.beat_quarters, rests=0.06, holds=holds)
    shortest = 1.05 * part.player.fastest_s * piece.tempo_bpm / 60 * piece.metre.beat_quarters
    return sung(rng, piece.metre, start, stop, section.density * (0.7 if texture == "pulse" else 1.0), shortest)
