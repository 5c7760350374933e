"""The drummer: a pattern per section from rows of chances, fills on the toms, crashes where sections begin."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ensemble.data.compose.piece import Piece, ScoreNote, Section
from ensemble.types.music import DrumClass

KEYS: dict[DrumClass, tuple[int, ...]] = {
    "kick": (36,), "snare": (38,), "closed_hat": (42,), "open_hat": (46,), "crash": (49,), "ride": (51,),
    "tom": (50, 48, 47, 45, 43, 41),
}  # fmt: skip
"""General MIDI percussion; toms from high to low."""
DRUM_OF: dict[int, DrumClass] = {key: drum for drum, keys in KEYS.items() for key in keys}
Strike = Callable[[int, int, DrumClass, float, int], None]
"""Bar, step in the bar, drum, accent in dB, which of the drum's keys."""


def write_beat(piece: Piece) -> tuple[ScoreNote, ...]:
    """Write the kit's part: strokes in rising time, at most one per drum at a time; each key is a voice."""
    rng = piece.rng("beat")
    notes: list[ScoreNote] = []
    for index, section in enumerate(piece.sections):
        if index and rng.random() < 0.08 and notes:
            continue  # the drummer rests
        notes += _section(rng, piece, section)
    unique = {(round(note.onset_quarters, 6), DRUM_OF[note.pitch_midi]): note for note in notes}
    return tuple(sorted(unique.values(), key=lambda note: (note.onset_quarters, note.pitch_midi)))


def _section(rng: np.random.Generator, piece: Piece, section: Section) -> list[ScoreNote]:
    beats, beat = piece.metre.beats_per_bar, piece.metre.beat_quarters
    steps = _steps_per_beat(piece, section)
    total = beats * steps
    cymbal: DrumClass = "ride" if rng.random() < 0.4 else "closed_hat"
    kick = rng.random(total) < np.where(np.arange(total) % steps == 0, 0.3, 0.18 * section.density)
    kick[0] = True
    if piece.style == "other":  # three and three and two
        kick |= np.isin(np.arange(total) % max(total // 2, 1), (0, 3, 6)) & (rng.random(total) < 0.6)
    back = [step * steps for step in range(beats) if step % 2 == 1] if beats != 3 else [2 * steps]
    ghost = (rng.random(total) < 0.12 * section.density) & ~kick
    opened = int(rng.integers(1, total)) if rng.random() < 0.7 else -1
    sparse = 1 if section.density > 0.3 else steps
    fill_from = total - steps * int(rng.integers(1, 3)) if rng.random() < 0.8 else total
    notes = []

    def strike(bar: int, step: int, drum: DrumClass, accent_db: float, which: int = 0) -> None:
        onset, key = bar * piece.metre.bar_quarters + step * beat / steps, KEYS[drum][which]
        accent_db += float(rng.normal(0, 1.0))
        notes.append(
            ScoreNote(onset_quarters=onset, length_quarters=0.0, pitch_midi=key, accent_db=accent_db, voice=key)
        )

    for bar in range(section.first_bar, section.last_bar):
        is_last = bar == section.last_bar - 1
        if bar == section.first_bar and rng.random() < 0.75:
            strike(bar, 0, "crash", 1.0)
        for step in range(total):
            if is_last and step >= fill_from:
                _fill(rng, strike, bar, step, (step - fill_from) / max(total - fill_from, 1))
                continue
            if kick[step]:
                strike(bar, step, "kick", 0.0 if step == 0 else -2.0)
            if step in back:
                strike(bar, step, "snare", 0.0)
            elif ghost[step] and rng.random() < 0.7:
                strike(bar, step, "snare", -12.0)
            if step == opened:
                strike(bar, step, "open_hat", -1.0)
            elif step % sparse == 0 and rng.random() < 0.95:
                strike(bar, step, cymbal, -2.0 if step % steps == 0 else -5.0)
    return notes


def _fill(rng: np.random.Generator, strike: Strike, bar: int, step: int, progress: float) -> None:
    """Down the toms, with a snare now and then."""
    if rng.random() < 0.2:
        strike(bar, step, "snare", -1.0, 0)
        return
    lowest = len(KEYS["tom"]) - 1
    which = int(np.clip(round(progress * lowest + rng.normal(0, 0.7)), 0, lowest))
    strike(bar, step, "tom", -1.0 + 2 * progress, which)


def _steps_per_beat(piece: Piece, section: Section) -> int:
    """Sixteenths where there is time for them, eighths otherwise; sixths or thirds of a dotted beat."""
    fine, plain = (4, 2) if piece.metre.beat_quarters == 1.0 else (6, 3)
    return fine if 60 / piece.tempo_bpm / fine >= 0.1 and section.density > 0.45 else plain
