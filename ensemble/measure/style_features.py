"""Where in the bar a band strikes: onset patterns, swing and syncopation of written parts."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ensemble.clock import FRAME_RATE_HZ
from ensemble.conduct.grid import Grid
from ensemble.settings.style import SIXTEENTHS_PER_BEAT
from ensemble.types.music import DrumClass, Hits, Part

Floats = NDArray[np.float64]

LINES = ("kick", "snare", "cymbals", "bass", "chords")
SYNCOPATED = ("kick", "snare", "bass", "chords")
"""The lines whose syncopation counts; cymbals keep time."""
_LINE_OF: dict[DrumClass, str] = {
    "kick": "kick", "snare": "snare", "rim": "snare", "tom": "snare", "high_tom": "snare", "low_tom": "snare",
}  # fmt: skip
"""All others belong to the cymbals."""
_TOGETHER_S = 0.03
_EARLY_S = 0.012
_HALVES = (0.42, 0.72)
"""Within a beat, where its second half is looked for."""


class OnsetPattern(NamedTuple):
    """What a band struck in each bar."""

    struck: NDArray[np.bool_]
    """Whether a line strikes on a sixteenth, in bars that the grid has whole.  [lines, bars, sixteenths]"""
    swing: float | None
    """Where in a beat its second half begins, as the cymbals have it; None where they strike nothing there."""
    length_beats: tuple[float, float]
    """Mean length of the notes of basses and of chords; 0 where there are none."""

    @property
    def features(self) -> Floats:
        """Share of the bars in which each line strikes on each sixteenth, and both lengths.  [features]"""
        return np.concatenate([self.struck.mean(axis=1).ravel(), self.length_beats])


def pattern_of(parts: Sequence[Part | Hits], roles: Sequence[str], grid: Grid, swing: float) -> OnsetPattern:
    """Summarise what was written.

    Args:
        parts: of the band.
        roles: of the followers.
        grid: the beats.
        swing: where the second half of a beat begins; sixteenths are counted by it.
    """
    per_bar = grid.beats_per_bar * SIXTEENTHS_PER_BEAT
    opening = np.flatnonzero(
        (grid.positions == 0) & (np.arange(grid.num_beats) + grid.beats_per_bar <= grid.final_beat)
    )
    struck = np.zeros((len(LINES), max(len(opening), 1), per_bar), np.bool_)
    inside: list[Floats] = []
    lengths: dict[str, Floats] = {"bass": np.zeros(0), "chords": np.zeros(0)}
    beat_s = float(np.median(np.diff(grid.edges_s)))
    for part, role in zip(parts, roles, strict=True):
        for line, times_s in _lines(part, role).items():
            place = np.interp(times_s + _EARLY_S, grid.edges_s, np.arange(len(grid.edges_s)))
            share = place - np.floor(place)
            if line == "cymbals":
                inside.append(share[(share > _HALVES[0]) & (share < _HALVES[1])] - _EARLY_S / beat_s)
            written = np.floor(place) + np.interp(share, (0.0, swing, 1.0), (0.0, 0.5, 1.0))
            sixteenth = np.round((written - _EARLY_S / beat_s) * SIXTEENTHS_PER_BEAT).astype(np.int64)
            bar = np.searchsorted(opening * SIXTEENTHS_PER_BEAT, sixteenth, side="right") - 1
            at = sixteenth - opening[np.maximum(bar, 0)] * SIXTEENTHS_PER_BEAT if len(opening) else sixteenth
            fits = (bar >= 0) & (at < per_bar)
            struck[LINES.index(line), bar[fits], at[fits]] = True
        if isinstance(part, Part) and part.notes and role in ("bass", "pad"):
            held = [note.stop_frame - note.start_frame for note in part.notes]
            lengths["bass" if role == "bass" else "chords"] = np.array(held) / (FRAME_RATE_HZ * beat_s)
    halves = np.concatenate(inside) if inside else np.zeros(0)
    means = [float(found.mean()) if len(found) else 0.0 for found in lengths.values()]
    return OnsetPattern(struck, float(np.median(halves)) if len(halves) else None, (means[0], means[1]))


def _lines(part: Part | Hits, role: str) -> dict[str, Floats]:
    """When each line strikes, by its name; notes of one chord count once."""
    if isinstance(part, Part):
        if role not in ("bass", "pad"):
            return {}
        times_s = np.unique([note.start_frame / FRAME_RATE_HZ for note in part.notes])
        return {"bass" if role == "bass" else "chords": times_s[np.diff(times_s, prepend=-1.0) > _TOGETHER_S]}
    found: dict[str, list[float]] = {"kick": [], "snare": [], "cymbals": []}
    for hit in part.hits:
        found[_LINE_OF.get(hit.drum, "cymbals")].append(hit.time_s)
    return {line: np.array(times_s) for line, times_s in found.items()}


def syncopation(struck: NDArray[np.bool_], beats_per_bar: int, beat_division: int) -> float:
    """How much the lines syncopate, as a mean over `SYNCOPATED` and bars.

    A note on a weak place before rests on stronger ones counts by how much stronger the strongest of them is.

    Args:
        struck: as in `OnsetPattern`.
        beats_per_bar: beats in a bar.
        beat_division: equal parts of a beat.

    Source: Longuet-Higgins and Lee, The Rhythmic Interpretation of Monophonic Music, Music Perception 1(4), 1984.
    """
    weights = metrical_weights(beats_per_bar, beat_division)
    found = []
    for line in SYNCOPATED:
        flat = struck[LINES.index(line)].ravel()
        places = np.flatnonzero(flat)
        total = 0.0
        for here, after in pairwise([*places.tolist(), len(flat)]):
            rests = weights[np.arange(here + 1, after) % len(weights)]
            total += max(float(rests.max(initial=-np.inf)) - float(weights[here % len(weights)]), 0.0)
        found.append(total / len(struck[0]))
    return float(np.mean(found))


def metrical_weights(beats_per_bar: int, beat_division: int) -> Floats:
    """The weight of each sixteenth of a bar: 0 for its first, -1 for the beat that halves it, and so on.
    [sixteenths]
    """
    inside = (0.0, -2.0, -1.0, -2.0) if beat_division == 2 else (0.0, -1.0, -1.0, -2.0)
    halves = beats_per_bar == 4
    beats = [0.0, *(-1.0 if not halves or beat == 2 else -2.0 for beat in range(1, beats_per_bar))]
    deepest = min(beats)
    return np.array([beat if not place else deepest + place for beat in beats for place in inside])
