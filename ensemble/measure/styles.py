"""`evaluate styles`: whether styles can be told from each other by where they strike, and are as their files say.

Leaders are composed tunes. For every pair of styles of one metre a linear classifier learns from some pieces and is
asked about the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import combinations, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensemble.conduct.grid import grid_of
from ensemble.conduct.parts import write_parts
from ensemble.config import FollowerSettings
from ensemble.data.compose.piece import Piece, chance
from ensemble.data.compose.solo.outline import SoloOrder, solo_piece
from ensemble.data.compose.solo.solo import write_solo
from ensemble.events import OnProgress, unheard
from ensemble.measure.cases import notes_of
from ensemble.measure.harmony_fit import chord_tone_ratio, tones_of_chords, tones_of_notes
from ensemble.measure.style_features import LINES, OnsetPattern, pattern_of, syncopation
from ensemble.scores.melody import Melody, MelodyNote, MetreMark, TempoMark
from ensemble.scores.symbolic import hear_melody
from ensemble.settings.style import Manner, Style, metre_of
from ensemble.settings.style_file import FREE, load_style, shipped_styles
from ensemble.threads import one_thread
from ensemble.types.harmony import Chord, Key, nearest_quality
from ensemble.types.music import Heard, Hits, Part

METRES = ("4/4", "3/4", "6/8")
BAND = (
    FollowerSettings(name="bass", instrument="electric_bass", role="bass"),
    FollowerSettings(name="chords", instrument="nylon_guitar", role="pad", voices=4),
    FollowerSettings(name="drums", instrument="drums", role="drums"),
)
FOLDS = 4
SWING_TOLERANCE = 0.02
_TICKS = 48
_RIDGE = 0.05
Table = NDArray[np.float64]


def evaluate_styles(
    names: Sequence[str] = (), num_pieces: int = 12, length_s: float = 30.0, on_progress: OnProgress = unheard
) -> dict[str, Any]:
    """Let a band play in every style along with composed tunes, and measure what it wrote.

    Args:
        names: shipped styles or paths; all shipped ones but `free` where there are none.
        num_pieces: tunes of each metre.
        length_s: about how long each is.
        on_progress: told how many tunes are done, and of how many.

    Returns:
        `styles`: by name and metre: the lowest `auc` among the styles of that metre, and `nearest`, that style (None
        where there is no other); `auc_of_takes`, of two seeds of the style itself, which should not be told apart;
        `swing`, `syncopation`, and whether both are `as_stated`; `other_take`: share of the onsets of each line that
        only one of two seeds has; `chord_tone_ratio` of both takes. `auc_min`: of all pairs; `auc_of_takes`: the mean.
        `all_as_stated`. `pieces`: of each metre.

    Raises:
        ConfigError: a style cannot be read.
    """
    styles = [load_style(name) for name in names or [name for name in shipped_styles() if name != FREE]]
    document: dict[str, Any] = {"pieces": num_pieces, "styles": {style.name: {} for style in styles}}
    for at, metre in enumerate(METRES):
        here = [style for style in styles if metre in style.metres]
        if not here:
            continue
        played: dict[str, list[_Played]] = {style.name: [] for style in here}
        for number in range(num_pieces):
            heard = composed_leader(metre, number, length_s)
            for style in here:
                played[style.name].append(_Played(heard, style, number))
            on_progress(f"tunes in {metre}", at * num_pieces + number + 1, len(METRES) * num_pieces)
        features = {name: np.stack([one.pattern.features for one in takes]) for name, takes in played.items()}
        aucs = {pair: pair_auc(features[pair[0]], features[pair[1]]) for pair in combinations(features, 2)}
        for style in here:
            others = {
                other: auc for pair, auc in aucs.items() if style.name in pair for other in pair if other != style.name
            }
            nearest = min(others, key=lambda other: others[other]) if others else None
            document["styles"][style.name][metre] = {
                "auc": None if nearest is None else others[nearest], "nearest": nearest,
                **_measured(style, metre, played[style.name]),
            }  # fmt: skip
    rows = [row for by_metre in document["styles"].values() for row in by_metre.values()]
    told = [row["auc"] for row in rows if row["auc"] is not None]
    document["auc_min"] = min(told) if told else None
    document["auc_of_takes"] = round(float(np.mean([row["auc_of_takes"] for row in rows])), 3)
    document["all_as_stated"] = all(row["as_stated"] for row in rows)
    return document


class _Played:
    """One tune played in one style, and once more with another seed."""

    def __init__(self, heard: Heard, style: Style, number: int) -> None:
        self.heard = heard
        self.grid = grid_of(heard)
        self.swing = style.swing if style.swing is not None and heard.beat_division == 2 else self.grid.swing
        takes = [self._take(style, 2 * number + seed) for seed in (1, 2)]
        self.pattern, self.other = (
            pattern_of(parts, [one.role for one in BAND], self.grid, self.swing) for parts in takes
        )
        self.chord_tone_ratio, self.other_chord_tone_ratio = map(self._chord_tone_ratio, takes)

    def _take(self, style: Style, seed: int) -> tuple[Part | Hits, ...]:
        with one_thread():
            return write_parts(self.heard, BAND, self.heard.frames.num_frames + 100, seed, manner=Manner(style=style))

    def _chord_tone_ratio(self, parts: Sequence[Part | Hits]) -> float:
        num_frames = self.heard.frames.num_frames
        chords = tones_of_chords(self.heard, num_frames)
        found = [chord_tone_ratio(chords, tones_of_notes(notes_of(part), num_frames)) for part in parts]
        return float(np.mean([ratio for ratio in found if ratio is not None]))


def _measured(style: Style, metre: str, takes: Sequence[_Played]) -> dict[str, Any]:
    counted = metre_of(metre)
    swings = [one.pattern.swing for one in takes if one.pattern.swing is not None]
    swing = round(float(np.median(swings)), 3) if swings and counted.beat_division == 2 else None
    synced = round(float(np.mean([syncopation(one.pattern.struck, *counted) for one in takes])), 2)
    low, high = style.syncopation or (0.0, np.inf)
    swings_so = swing is None or style.swing is None or abs(swing - style.swing) <= SWING_TOLERANCE
    written, again = ([one.pattern for one in takes], [one.other for one in takes])
    of_takes = pair_auc(*(np.stack([one.features for one in some]) for some in (written, again)))
    return {
        "auc_of_takes": of_takes, "swing": swing, "swing_stated": style.swing, "syncopation": synced,
        "syncopation_stated": style.syncopation,
        "as_stated": bool(low <= synced <= high and swings_so),
        "other_take": {
            line: round(float(np.mean([share_changed(one.pattern, one.other, at) for one in takes])), 3)
            for at, line in enumerate(LINES)
        },
        "chord_tone_ratio": [
            round(float(np.mean([one.chord_tone_ratio for one in takes])), 3),
            round(float(np.mean([one.other_chord_tone_ratio for one in takes])), 3),
        ],
    }  # fmt: skip


def share_changed(one: OnsetPattern, other: OnsetPattern, line: int) -> float:
    """Share of the onsets of two takes that only one of them has; 0 where neither has any."""
    either, both = one.struck[line] | other.struck[line], one.struck[line] & other.struck[line]
    return 1.0 - float(both.sum()) / float(either.sum()) if either.any() else 0.0


def pair_auc(one: Table, other: Table) -> float:
    """How surely two kinds are told apart: the area under the curve of a linear discriminant, pieces apart.

    Args:
        one: features of the pieces of one kind.  [pieces, features]
        other: of the same pieces, of the other kind.
    """
    scores: list[Table] = []
    for fold in range(min(FOLDS, len(one))):
        asked = np.arange(len(one)) % FOLDS == fold
        known, against = one[~asked], other[~asked]
        spread = 0.5 * (known.var(axis=0) + against.var(axis=0)) + _RIDGE
        axis = (known.mean(axis=0) - against.mean(axis=0)) / spread
        centre = 0.5 * (known.mean(axis=0) + against.mean(axis=0))
        scores.append(np.stack([(one[asked] - centre) @ axis, (other[asked] - centre) @ axis]))
    of_one, of_other = np.concatenate(scores, axis=1)
    above = (of_one[:, None] > of_other[None, :]) + 0.5 * (of_one[:, None] == of_other[None, :])
    return round(float(above.mean()), 3)


def composed_leader(metre: str, number: int, length_s: float) -> Heard:
    """A composed tune as the band hears it, with the chords that it was composed over."""
    rng = chance("styles", metre, number)
    tempo_bpm = float(rng.uniform(50, 80) if metre == "6/8" else rng.uniform(84, 132))
    order = SoloOrder(
        title=f"tune {number}", seed=number, instrument="violin", textures=("song", "dance"), metre=metre,
        tonic=int(rng.integers(12)), mode=("major", "minor")[rng.integers(2)], tempo_bpm=tempo_bpm, length_s=length_s,
        level_db=float(rng.uniform(-14, -2)),
    )  # fmt: skip
    piece = solo_piece(order)
    heard = hear_melody(_melody(piece))
    per_bar = heard.beats_per_bar
    chords = [
        Chord(root=chord.root, quality=nearest_quality(chord.intervals))
        for chord in piece.bar_chords
        for _ in range(per_bar)
    ]
    known = [*chords, *[chords[-1]] * len(heard.beats_s)][: len(heard.beats_s)]
    return replace(heard, chords=tuple(known))


def _melody(piece: Piece) -> Melody:
    """A composed tune at an even tempo, as a score has it."""
    quarter_bpm = Fraction(round(piece.tempo_bpm * piece.metre.beat_quarters))
    quarter_s = float(60 / quarter_bpm)
    notes = write_solo(piece)
    level = 90 + 2 * float(piece.dynamics_db.mean())
    bar = Fraction(piece.metre.bar_quarters).limit_denominator(8)
    onsets = [Fraction(round(note.onset_quarters * _TICKS), _TICKS) for note in notes]
    written = [
        MelodyNote(
            onset=onset, length=length, onset_s=float(onset) * quarter_s, stop_s=float(onset + length) * quarter_s,
            pitch_midi=note.pitch_midi, velocity=int(np.clip(level + 2 * note.accent_db, 30, 110)),
        )
        for note, (onset, after) in zip(notes, pairwise([*onsets, onsets[-1] + 4]), strict=True)
        if (length := min(Fraction(round(note.length_quarters * _TICKS), _TICKS), after - onset)) > 0
    ]  # fmt: skip
    return Melody(
        notes=tuple(written), length=bar * len(piece.bar_chords), tempos=(TempoMark(Fraction(0), quarter_bpm),),
        metres=(MetreMark(Fraction(0), piece.metre.numerator, piece.metre.denominator),),
        bars=tuple(bar * number for number in range(len(piece.bar_chords))),
        key=Key(tonic=piece.tonic, mode="minor" if piece.mode == "minor" else "major"),
    )  # fmt: skip
