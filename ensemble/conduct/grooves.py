"""Two-bar grooves on a grid of sixteenths, and the fills that end phrases.

A row has one sign per sixteenth: X accent, x stroke, o ghost note, - nothing; | is the bar line. In compound metres the
four signs of a beat are its three eighths and the last sixteenth: where swing of two thirds puts them.
"""

from __future__ import annotations

from dataclasses import dataclass

from ensemble.types.music import DRUM_CLASSES, DrumClass

SIXTEENTHS_PER_BEAT = 4
CYMBALS: tuple[DrumClass, ...] = ("closed_hat", "open_hat", "ride")
"""The cymbals that keep time."""
STRENGTH = {"X": 0.95, "x": 0.72, "o": 0.36}
"""Velocity of a sign, 0..1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Groove:
    """A drum pattern of two bars."""

    name: str
    """Name for people."""
    beats_per_bar: int
    """Beats in each bar."""
    density: float
    """How many notes a leader plays whom it suits: 0 few, 1 many."""
    energy: float
    """How loud a leader plays whom it suits: 0 soft, 1 loud."""
    tempo_bpm: tuple[float, float]
    """Slowest and fastest tempo that it suits."""
    rows: dict[DrumClass, tuple[str, str]]
    """Signs of the first and of the second bar, by drum."""
    beat_division: int = 2
    """How many equal parts a beat has: 3 in compound metres."""


def _groove(
    name: str, density: float, energy: float, tempo_bpm: tuple[float, float], *, beats_per_bar: int = 4,
    beat_division: int = 2, **rows: str,
) -> Groove:  # fmt: skip
    drums: dict[DrumClass, tuple[str, str]] = {}
    for drum in DRUM_CLASSES:
        if drum in rows:
            first, second = rows[drum].split("|")
            drums[drum] = (first, second)
    return Groove(
        name=name, beats_per_bar=beats_per_bar, density=density, energy=energy, tempo_bpm=tempo_bpm, rows=drums,
        beat_division=beat_division,
    )  # fmt: skip


GROOVES: tuple[Groove, ...] = (
    _groove(
        "hush", 0.0, 0.0, (40, 240),
        kick="x---------------|x---------------",
        closed_hat="o---x---o---x---|o---x---o---x---",
    ),
    _groove(
        "lamp", 0.25, 0.1, (40, 150),
        kick="x---------o-----|x-------o-------",
        snare="--------o-------|--------o-----o-",
        closed_hat="x---o---x---o---|x---o---x---o-o-",
    ),
    _groove(
        "half-time", 0.15, 0.6, (70, 240),
        kick="X---------x-----|X-----x---------",
        snare="--------X-------|--------X-----o-",
        closed_hat="x---x---x---x---|x---x---x---x---",
    ),
    _groove(
        "four", 0.4, 0.5, (60, 200),
        kick="X-------x-------|X-------x-x-----",
        snare="----X-------X---|----X-------X---",
        closed_hat="x-o-x-o-x-o-x-o-|x-o-x-o-x-o-x-o-",
    ),
    _groove(
        "pocket", 0.6, 0.5, (60, 140),
        kick="X-----x---x-----|X-----x-x-x-----",
        snare="----X--o-o--X---|----X--o-o--X--o",
        closed_hat="x-o-x-o-x-o-x-o-|x-o-x-o-x-o-x---",
        open_hat="----------------|--------------x-",
    ),
    _groove(
        "rim", 0.45, 0.25, (50, 150),
        kick="x-----x---------|x-----x---x-----",
        snare="----o-------o---|----o-------o--o",
        closed_hat="x-o-x-o-x-o-x-o-|x-o-x-o-x-o-x-o-",
    ),
    _groove(
        "drive", 0.7, 0.85, (90, 220),
        kick="X---x---X---x---|X---x-x-X---x---",
        snare="----X-------X---|----X-------X---",
        closed_hat="X-x-X-x-X-x-X-x-|X-x-X-x-X-x-X---",
        open_hat="----------------|--------------X-",
    ),
    _groove(
        "sixteen", 0.95, 0.55, (50, 115),
        kick="X--x------x-----|X--x--x---x-----",
        snare="----X--o----X--o|----X--o-o--X--o",
        closed_hat="xoxoxoxoxoxoxoxo|xoxoxoxoxoxoxoxo",
    ),
    _groove(
        "break", 0.9, 0.8, (70, 130),
        kick="X-X-------xx----|X-X-------x-----",
        snare="----X--o-o--X--o|----X--o-o----X-",
        closed_hat="x-x-x-x-x-x-x-x-|x-x-x-x-x-x-x-x-",
    ),
    _groove(
        "ride out", 0.65, 0.95, (80, 200),
        kick="X-----x-X-------|X-----x-X-x-----",
        snare="----X-------X---|----X-------X--o",
        ride="X-x-X-x-X-x-X-x-|X-x-X-x-X-x-X-x-",
    ),
    _groove(
        "open road", 0.35, 0.9, (70, 200),
        kick="X-------X-x-----|X-------X-x-----",
        snare="----X-------X---|----X-------X---",
        open_hat="X---X---X---X---|X---X---X---X---",
    ),
    _groove(
        "toms", 0.75, 0.35, (60, 150),
        kick="X-----x-X-------|X-----x-X-------",
        tom="--x-o-----x-o-x-|--x-o-----x-o-o-",
        closed_hat="o---x---o---x---|o---x---o---x---",
    ),
    _groove(
        "sprint", 1.0, 0.9, (120, 240),
        kick="X-x-----X-x-----|X-x-----X-x---x-",
        snare="----X-------X---|----X-------X-o-",
        closed_hat="X-x-X-x-X-x-X-x-|X-x-X-x-X-x-X-x-",
    ),
    _groove(
        "slow waltz", 0.1, 0.1, (40, 240), beats_per_bar=3,
        kick="x-----------|x-----------",
        closed_hat="----o---o---|----o---o-o-",
    ),
    _groove(
        "lullaby", 0.35, 0.2, (40, 200), beats_per_bar=3,
        kick="x-----------|x-----------",
        snare="--------o---|--------o-o-",
        closed_hat="x---o---o---|x---o---o---",
    ),
    _groove(
        "waltz", 0.35, 0.6, (60, 240), beats_per_bar=3,
        kick="X-----------|X-----------",
        snare="----o---x---|----o---x---",
        closed_hat="x---x---x---|x---x---x-o-",
    ),
    _groove(
        "barn dance", 0.6, 0.4, (60, 200), beats_per_bar=3,
        kick="X-----------|X---------x-",
        snare="----o---x---|----o-o-x---",
        closed_hat="x-o-x-o-x-o-|x-o-x-o-x-o-",
    ),
    _groove(
        "leaning", 0.55, 0.65, (80, 240), beats_per_bar=3,
        kick="X-------x---|X-----x-----",
        snare="------o-----|----o-----x-",
        ride="X---x-x-x---|X---x-x-x---",
    ),
    _groove(
        "half a waltz", 0.05, 0.95, (80, 240), beats_per_bar=3,
        kick="X-----------|--------x---",
        snare="------------|X-----------",
        closed_hat="x---x---x---|x---x---x---",
    ),
    _groove(
        "turning", 0.8, 0.8, (60, 220), beats_per_bar=3,
        kick="X-----x-----|X-----x---x-",
        snare="--------X---|--o-----X--o",
        ride="X-x-x-x-x-x-|X-x-x-x-x-x-",
    ),
    _groove(
        "whirl", 1.0, 0.55, (50, 150), beats_per_bar=3,
        kick="X-----x-----|X--x--x-----",
        snare="----o--oX--o|----o--oX-o-",
        closed_hat="xoxoxoxoxoxo|xoxoxoxoxoxo",
    ),
    _groove(
        "rocking", 0.0, 0.0, (25, 240), beats_per_bar=2, beat_division=3,
        kick="x-------|x-------",
        closed_hat="o---x---|o---x-o-",
    ),
    _groove(
        "barcarole", 0.35, 0.3, (25, 160), beats_per_bar=2, beat_division=3,
        kick="x-------|x-----o-",
        snare="----x---|----x---",
        closed_hat="x-o-x-o-|x-o-x-o-",
    ),
    _groove(
        "six", 0.45, 0.65, (40, 200), beats_per_bar=2, beat_division=3,
        kick="X-------|X-----x-",
        snare="----X---|----X---",
        closed_hat="x-x-x-x-|x-x-x-x-",
    ),
    _groove(
        "jig", 0.8, 0.5, (40, 160), beats_per_bar=2, beat_division=3,
        kick="X-----x-|X-x---x-",
        snare="----X---|----X-o-",
        closed_hat="xox-xox-|xox-xox-",
    ),
    _groove(
        "reel around", 0.95, 0.9, (60, 180), beats_per_bar=2, beat_division=3,
        kick="X-x---x-|X-x---x-",
        snare="----X---|----X--o",
        closed_hat="XxxxXxx-|XxxxXx--",
        open_hat="--------|------x-",
    ),
    _groove(
        "long six", 0.4, 0.95, (40, 200), beats_per_bar=2, beat_division=3,
        kick="X-----x-|X-------",
        snare="----X---|----X---",
        ride="X-x-X-x-|X-x-X-x-",
    ),
    _groove(
        "nine at rest", 0.0, 0.0, (25, 240), beats_per_bar=3, beat_division=3,
        kick="x-----------|x-----------",
        closed_hat="----o---o---|----o---o-o-",
    ),
    _groove(
        "nine", 0.4, 0.5, (25, 200), beats_per_bar=3, beat_division=3,
        kick="X-----------|X-----------",
        snare="----o---x---|----o---x---",
        closed_hat="x-o-x-o-x-o-|x-o-x-o-x-o-",
    ),
    _groove(
        "slip jig", 0.85, 0.7, (40, 180), beats_per_bar=3, beat_division=3,
        kick="X-----x-----|X-----x---x-",
        snare="----o---X---|----o-o-X---",
        closed_hat="xox-xox-xox-|xox-xox-xox-",
    ),
)  # fmt: skip

FILLS: tuple[dict[DrumClass, str], ...] = (
    {"snare": "--ox"},
    {"snare": "--xX"},
    {"snare": "o-xX"},
    {"snare": "x-X-", "tom": "---X"},
    {"snare": "xxX-", "tom": "---X"},
    {"snare": "xX--", "tom": "--XX"},
    {"tom": "x-XX", "kick": "x---"},
    {"snare": "X-X-", "tom": "-X-X", "kick": "x---"},
)
"""Fills for the last beat of a phrase, from light to heavy; where a fill has no stroke, the groove goes on."""


def suits(groove: Groove, beats_per_bar: int, beat_division: int) -> bool:
    """Whether a groove suits bars of so many beats: grooves in three suit multiples of three, the others the rest."""
    return groove.beat_division == beat_division and (groove.beats_per_bar == 3) == (beats_per_bar % 3 == 0)


def sign(row: tuple[str, str], bar: int, sixteenth: int) -> str:
    """The sign of a row at a sixteenth of a bar; longer bars repeat the row, shorter ones use its beginning."""
    written = row[bar % 2]
    return written[sixteenth % len(written)]
