"""Writes drums: a groove of the style for every two bars, chosen by tempo, density and energy, with fills and crashes.

Where the style follows the conductor, a stroke of the kick, the snare or the time-keeping cymbal that it predicts with
confidence is played, and one that it confidently does not predict is left out; elsewhere the groove is. Fills and
crashes are not predicted: a fill ends every phrase and leads to a cymbal on the next downbeat. At most two drums
besides the kick are struck at once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from ensemble.conduct.character import Character, RowReader, playable, suiting
from ensemble.conduct.drummer import strays
from ensemble.conduct.dynamics import ForetoldStrokes
from ensemble.conduct.grid import PHRASE_BARS, Grid
from ensemble.conduct.jitter import Chance
from ensemble.conduct.leader import STEPS_PER_BEAT, Leader
from ensemble.settings.style import NOTHING, SIXTEENTHS_PER_BEAT, STRENGTH, DrummerTraits, Groove, Manner, Style
from ensemble.types.music import ALL_DRUMS, DRUM_CLASSES, DrumClass, Hit
from ensemble.types.strokes import CYMBALS, PERCUSSION

_CRASHES_FROM = 0.3  # least energy for a crash
_FILL_SOFTENS = 0.35  # share that a fill is softer by at energy 0
_FILLS_FROM, _FILLS_OFTEN_FROM = 0.25, 0.75  # complexity
_OTHER_FILLS = 4  # of how many fills, from the heaviest down, another take chooses
_SURE, _SURELY_NOT = 0.6, 0.03
"""Probability from which a stroke is added to the groove, and below which one of the groove's is left out."""
_ALWAYS: tuple[DrumClass, ...] = ("kick", "snare")
_RULED: tuple[DrumClass, ...] = (*_ALWAYS, *CYMBALS)
"""The drums whose strokes the conductor's prediction decides."""
_SOFTEST = 0.05
_END_MARGIN_S = 0.02
_GHOST = "o"
_SAME_SIXTEENTH_S = 0.02

Forces = dict[DrumClass, float]
"""How hard each drum is struck at one moment, 0..1; 0 is not at all."""
DrumStroke = tuple[float, DrumClass, float]  # beat, drum, velocity


class _PredictedStrokes:
    """The conductor's prediction of strokes, on the sixteenths of the grid.

    Attributes:
        chance: probability of a stroke; NaN where there is no prediction.  [sixteenths, classes]
        strength: how hard it is, 0..1; NaN where there is no prediction.  [sixteenths, classes]
    """

    def __init__(self, grid: Grid, foretold: ForetoldStrokes | None) -> None:
        self.chance = np.full((grid.num_beats * SIXTEENTHS_PER_BEAT, len(DRUM_CLASSES)), np.nan)
        self.strength = self.chance.copy()
        if foretold is None or not len(foretold.time_s) or not grid.num_beats:
            return
        place = np.arange(len(self.chance)) / SIXTEENTHS_PER_BEAT
        time_s = np.interp(place, np.arange(grid.num_beats + 1), grid.edges_s)
        nearest = np.searchsorted((foretold.time_s[1:] + foretold.time_s[:-1]) / 2, time_s)
        known = np.abs(foretold.time_s[nearest] - time_s) < _SAME_SIXTEENTH_S
        self.chance[known] = foretold.probability[nearest[known]]
        self.strength[known] = foretold.velocity[nearest[known]]

    def velocity(self, sixteenth: int, drum: DrumClass, written: str) -> float:
        """How hard to strike, 0 for not at all, where the groove has the sign `written`; its accents are kept."""
        if drum in _RULED:
            at = sixteenth, DRUM_CLASSES.index(drum)
            if self.chance[at] < _SURELY_NOT:
                return 0.0
            if self.chance[at] >= _SURE and written == NOTHING:
                return float(self.strength[at])
        return STRENGTH.get(written, 0.0)


class _Drummer(NamedTuple):
    """What decides the strokes of one drum part."""

    grid: Grid
    style: Style
    grooves: list[Groove]
    """The groove of each beat."""
    readers: dict[DrumClass, RowReader]
    """What reads the row of each drum."""
    predicted: _PredictedStrokes
    drums: Collection[DrumClass]
    """Those that it has."""

    def written(self, beat: int, sixteenth: int) -> dict[DrumClass, str]:
        """What the groove has for each of its drums."""
        rows = self.grooves[beat].rows
        return {drum: self.readers[drum].sign(row, beat, sixteenth) for drum, row in rows.items()}


def write_drums(
    grid: Grid, leader: Leader, character: Character, style: Style, grooves: Sequence[Groove], manner: Manner,
    chance: Chance, name: str, foretold: ForetoldStrokes | None = None, drums: Collection[DrumClass] = ALL_DRUMS,
) -> tuple[Hit, ...]:  # fmt: skip
    """Write a drum part's strokes, in rising time, none after the leader's end.

    In the first bar in which the leader rests there are soft hats, then nothing. A cymbal of the style opens the first
    bar, and the phrase after a fill; the last strokes are kick and cymbal on the final chord.

    Args:
        grid: the bars.
        leader: what the leader plays in them.
        character: of the leader, by segments.
        style: says which cymbal opens phrases, which fills there are, and whether `foretold` counts.
        grooves: the style's, for this metre.
        manner: how many ghost notes and fills there are, and how far strokes stray.
        chance: decides the choice of fills and small deviations; in a take that varies, of grooves and bars, too.
        name: of the part.
        foretold: the conductor's prediction; None where it predicts no strokes. In compound metres it is not asked.
        drums: what there is to be struck.
    """
    is_asked = style.follows_conductor and grid.beat_division == 2  # it learned in halves
    drummer = _Drummer(
        grid=grid,
        style=style,
        grooves=suiting(grooves, character, chance, name),
        readers={
            drum: RowReader(grid, manner, chance, f"{name}/{drum}", ghost=_GHOST, added=_GHOST) for drum in ALL_DRUMS
        },
        predicted=_PredictedStrokes(grid, foretold if is_asked else None),
        drums=drums,
    )
    strokes = [*_ending(grid, leader, style)]
    opening = int(np.argmax(leader.is_playing)) if grid.num_beats else 0
    had_fill = False
    for beat in np.flatnonzero(leader.is_playing[: grid.final_beat]).tolist():
        if not _sounds(leader, beat):
            strokes.append((float(beat), "closed_hat", 0.25))
            had_fill = False
            continue
        energy = float(character.energy[character.segments[beat]])
        fill = _fill(grid, beat, energy, style, manner, chance, name)
        landing = _landing(energy, style) if beat == opening or had_fill else {}
        strokes.extend(_beat(drummer, beat, fill, landing))
        had_fill = bool(fill)
    there = sorted(one for one in strokes if one[1] in drums)
    return _humanised(there, grid, manner, style.drummer, chance, name)


def count_in(grid: Grid, num_bars: int) -> tuple[Hit, ...]:
    """A stroke on every beat of the bars before the first; strokes on downbeats are harder."""
    return _clicks(grid, np.flatnonzero((grid.bars < 0) & (grid.bars >= -num_bars)).tolist())


def click(grid: Grid) -> tuple[Hit, ...]:
    """A stroke on every beat up to the last chord."""
    return _clicks(grid, range(min(grid.final_beat + 1, grid.num_beats)))


def _clicks(grid: Grid, beats: Iterable[int]) -> tuple[Hit, ...]:
    return tuple(
        Hit(
            time_s=float(grid.edges_s[beat]), drum="closed_hat", index=index,
            velocity=STRENGTH["X"] if grid.positions[beat] == 0 else STRENGTH["x"],
        )
        for index, beat in enumerate(beats)
    )  # fmt: skip


def _landing(energy: float, style: Style) -> Forces:
    """The strokes that open a phrase: a cymbal and a kick; none in a style without a cymbal for it."""
    if style.landing is None:
        return {}
    force = 0.4 + 0.5 * energy
    is_soft = style.landing == "crash" and energy < _CRASHES_FROM
    return {"open_hat" if is_soft else style.landing: force, "kick": force}


def _fill(
    grid: Grid, beat: int, energy: float, style: Style, manner: Manner, chance: Chance, name: str
) -> list[Forces]:
    """The strokes of a fill in each sixteenth of a beat, in the last beat of a phrase; empty in other beats.

    The louder the leader, the heavier the fill; at random it is one lighter.
    """
    bars = PHRASE_BARS if manner.complexity < _FILLS_OFTEN_FROM else PHRASE_BARS // 2
    is_due = style.fills and manner.complexity >= _FILLS_FROM and grid.bars[beat] >= 0
    if not is_due or not grid.opens_phrase(beat + 1, bars):
        return []
    heaviest = min(int(energy * len(style.fills)), len(style.fills) - 1)
    choices = _OTHER_FILLS if chance.varies else 2
    lighter = int(choices * chance.draws(f"{name}/fill", grid.bars[beat : beat + 1], 1)[0, 0])
    strength = 1.0 - _FILL_SOFTENS * (1.0 - energy)
    rows = style.fills[max(heaviest - lighter, 0)].rows.items()
    return [
        {drum: strength * STRENGTH[row[0][sixteenth]] for drum, row in rows if row[0][sixteenth] in STRENGTH}
        for sixteenth in range(SIXTEENTHS_PER_BEAT)
    ]


def _sounds(leader: Leader, beat: int) -> bool:
    """Whether the leader sounds in this beat or the one before."""
    first = max(beat - 1, 0) * STEPS_PER_BEAT
    return bool(leader.is_sounding[first : (beat + 1) * STEPS_PER_BEAT].any())


def _beat(drummer: _Drummer, beat: int, fill: list[Forces], landing: Forces) -> Iterator[DrumStroke]:
    """The strokes of one beat of a groove. Strokes of a fill replace all but the kick and percussion; `landing`, the
    strokes that open a phrase, replaces the cymbal on the first sixteenth.
    """
    grid = drummer.grid
    for sixteenth in playable(float(grid.edges_s[beat + 1] - grid.edges_s[beat]), grid.beat_division):
        written = drummer.written(beat, sixteenth)
        has_cymbal = any(written.get(drum, NOTHING) != NOTHING for drum in CYMBALS)
        struck: Forces = {}
        for drum in dict.fromkeys((*written, *_ALWAYS)):
            if has_cymbal and drum in CYMBALS and written[drum] == NOTHING:
                continue
            place = beat * SIXTEENTHS_PER_BEAT + sixteenth
            struck[drum] = drummer.predicted.velocity(place, drum, written.get(drum, NOTHING))
        if fill and fill[sixteenth]:
            beside = {drum: force for drum, force in struck.items() if drum == "kick" or drum in PERCUSSION}
            struck = {**beside, **fill[sixteenth]}
        if landing and sixteenth == 0:
            kept = {drum: velocity for drum, velocity in struck.items() if drum not in CYMBALS}
            struck = {**kept, **landing}
        for drum, velocity in _by_two_hands({drum: force for drum, force in struck.items() if drum in drummer.drums}):
            yield beat + sixteenth / SIXTEENTHS_PER_BEAT, drum, velocity


def _by_two_hands(struck: Forces) -> list[tuple[DrumClass, float]]:
    """The strokes that one drummer can play at once: the kick, and the two hardest of the others, percussion last."""
    sounding = sorted(
        ((drum, force) for drum, force in struck.items() if force > 0.0),
        key=lambda one: (one[0] in PERCUSSION, -one[1]),
    )
    hands = [one for one in sounding if one[0] != "kick"]
    return [one for one in sounding if one[0] == "kick" or one in hands[:2]]


def _ending(grid: Grid, leader: Leader, style: Style) -> Iterator[DrumStroke]:
    """Kick and cymbal on the final chord, if the leader still plays."""
    if grid.num_beats and leader.is_playing[grid.final_beat]:
        yield float(grid.final_beat), "kick", 0.9
        if style.landing is not None:
            yield float(grid.final_beat), style.landing, 0.75


def _humanised(
    strokes: list[DrumStroke], grid: Grid, manner: Manner, traits: DrummerTraits, chance: Chance, name: str
) -> tuple[Hit, ...]:
    """Turn beats into seconds, and change every stroke a little in time and strength, as its drummer would."""
    stray = strays(np.array([one[0] for one in strokes]), [one[1] for one in strokes], traits, chance, name)
    looseness = 2.0 * manner.humanize
    last_s = max(grid.end_s - _END_MARGIN_S, 0.0)
    timed: list[tuple[float, DrumClass, float]] = []
    for (beat, drum, velocity), late_ms, louder_db in zip(strokes, *(one.tolist() for one in stray), strict=True):
        time_s = min(max(grid.seconds(beat) + looseness * late_ms / 1000, 0.0), last_s)
        force = velocity * 10 ** (looseness * louder_db / 20)
        timed.append((time_s, drum, min(max(force, _SOFTEST), 1.0)))
    return tuple(
        Hit(time_s=time_s, drum=drum, velocity=velocity, index=index)
        for index, (time_s, drum, velocity) in enumerate(sorted(timed))
    )
