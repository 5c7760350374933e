"""Curves as SVG paths, which need no script and few bytes per point.

Every path lies in a box of `WIDTH` by `HEIGHT` units that the page stretches; time runs over the whole width.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ensemble.audio.flac import Envelope
from ensemble.clock import FRAME_RATE_HZ
from ensemble.types.music import ALL_DRUMS, PITCH_CLASSES, Hits, Note

WIDTH = 20_000
HEIGHT = 1_000
MAX_POINTS = 3_000
RANGE_DB = 60.0
MAX_ENLARGEMENT = 30.0
"""Of a waveform: what is 30 dB below full scale still fills its lane."""

Values = NDArray[np.floating]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """A name on a vertical axis."""

    label: str
    """The name."""
    top_percent: float
    """Where it stands: 0 is the top."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """A vertical axis."""

    low: float
    """The value at the bottom."""
    high: float
    """The value at the top."""

    def height(self, values: Values) -> Values:
        """Where values stand in the box; beyond the axis is on its edge."""
        return np.asarray(HEIGHT * (1 - np.clip((values - self.low) / (self.high - self.low), 0.0, 1.0)))

    def tick(self, label: str, value: float) -> Tick:
        """A name at a value."""
        return Tick(label=label, top_percent=round(float(self.height(np.array(value))) / HEIGHT * 100, 2))


def midi(f0_hz: Values) -> Values:
    """Fractional MIDI; NaN where there is no pitch."""
    with np.errstate(divide="ignore"):
        pitch = 69 + 12 * np.log2(np.asarray(f0_hz, dtype=np.float64) / 440)
    return np.where(np.isfinite(pitch), pitch, np.nan)


def pitch_axis(*pitches: Values) -> Axis:
    """Room for every pitch, two semitones around them, an octave at least."""
    heard = np.concatenate([pitch[np.isfinite(pitch)].ravel() for pitch in pitches])
    if not len(heard):
        return Axis(low=48.0, high=72.0)
    low, high = np.percentile(heard, [0.2, 99.8])  # a stray frame of the tracker must not squeeze the music
    middle, half = (low + high) / 2, max((high - low) / 2 + 2, 6.5)
    return Axis(low=float(middle - half), high=float(middle + half))


def pitch_ticks(axis: Axis) -> list[Tick]:
    """Note names: every C, and G where there is room."""
    classes = (0,) if axis.high - axis.low > 30 else (0, 7)
    notes = range(int(np.ceil(axis.low + 0.5)), int(axis.high - 0.5) + 1)
    return [axis.tick(f"{PITCH_CLASSES[note % 12]}{note // 12 - 1}", note) for note in notes if note % 12 in classes]


def loudness_axis(curves: Iterable[Values]) -> Axis:
    """The loudest 60 dB, in whole tens."""
    loudest = max((float(curve.max()) for curve in curves if curve.size), default=0.0)
    high = 10 * float(np.ceil((loudest + 1) / 10))
    return Axis(low=high - RANGE_DB, high=high)


def loudness_ticks(axis: Axis) -> list[Tick]:
    """Every 20 dB inside."""
    levels = range(20 * int(np.ceil((axis.low + 5) / 20)), int(axis.high) - 4, 20)
    return [axis.tick(f"{level}".replace("-", "\N{MINUS SIGN}"), level) for level in levels]


def wave(envelope: Envelope) -> str:
    """A waveform as one closed shape around the middle, enlarged to fill the box, `MAX_ENLARGEMENT` at most."""
    across = np.linspace(0, WIDTH, len(envelope.low))
    loudest = float(max(envelope.high.max(), -envelope.low.min(), 1 / MAX_ENLARGEMENT))
    top = HEIGHT / 2 * (1 - envelope.high / loudest)
    bottom = HEIGHT / 2 * (1 - envelope.low / loudest)
    hair = 4  # silence is a hairline
    return _closed(across, np.minimum(top, HEIGHT / 2 - hair), np.maximum(bottom, HEIGHT / 2 + hair))


def curve(values: Values, axis: Axis, duration_s: float, start_frame: int = 0, max_step: float = np.inf) -> str:
    """A curve in control frames, broken where there is no value and where two neighbours lie `max_step` apart."""
    step = max(1, -(-len(values) // MAX_POINTS))
    kept = np.asarray(values[::step], dtype=np.float64)
    across = _across(start_frame + step * np.arange(len(kept)), duration_s)
    breaks = np.flatnonzero(~(np.abs(np.diff(kept)) <= max_step)) + 1  # also beside every NaN
    runs = zip(np.split(across, breaks), np.split(kept, breaks), strict=True)
    return "".join(_open(x, axis.height(y)) for x, y in runs if len(y) > 1)


def smooth(values: Values) -> Values:
    """The mean of every few frames: a loudness curve for the eye."""
    step = max(4, -(-len(values) // MAX_POINTS))
    starts = np.arange(0, len(values), step)
    means = np.add.reduceat(values.astype(np.float64), starts) / np.diff(np.append(starts, len(values)))
    middles = np.minimum(starts + step / 2, len(values) - 1)
    return np.interp(np.arange(len(values)), middles, means)


def band(low: Values, high: Values, axis: Axis, duration_s: float, start_frame: int) -> str:
    """The area between two curves."""
    step = max(4, -(-len(low) // MAX_POINTS))
    across = _across(start_frame + step * np.arange(len(low[::step])), duration_s)
    return _closed(across, axis.height(high[::step]), axis.height(low[::step]))


def notes(written: Sequence[Note], axis: Axis, duration_s: float) -> str:
    """Written notes as level strokes."""
    strokes = []
    for note in written:
        start, stop = _across(np.array([note.start_frame, note.stop_frame]), duration_s)
        y = axis.height(np.array(note.pitch_midi))
        strokes.append(f"M{start:.0f} {float(y):.0f}H{stop:.0f}")
    return "".join(strokes)


def drum_rows(hits: Hits) -> dict[str, float]:
    """The drums that are played, lowest at the bottom, and their heights in the box."""
    played = {hit.drum for hit in hits.hits}
    rows = [drum for drum in reversed(ALL_DRUMS) if drum in played]
    return {drum: HEIGHT * (row + 0.5) / len(rows) for row, drum in enumerate(rows)}


def drum_ticks(hits: Hits) -> list[Tick]:
    """The drums by name."""
    rows = drum_rows(hits).items()
    return [Tick(label=drum.replace("_", " "), top_percent=round(y / HEIGHT * 100, 2)) for drum, y in rows]


def strokes(hits: Hits, duration_s: float, sizes: int = 4) -> list[str]:
    """Drum strokes as dots (lines of no length with round ends), one path per size, softest first."""
    rows = drum_rows(hits)
    paths = [""] * sizes
    for hit in hits.hits:
        size = min(int(hit.velocity * sizes), sizes - 1)
        paths[size] += f"M{hit.time_s / duration_s * WIDTH:.0f} {rows[hit.drum]:.0f}h0"
    return paths


def rules(ticks: Sequence[Tick]) -> str:
    """A level line at every tick."""
    return "".join(f"M0 {tick.top_percent / 100 * HEIGHT:.0f}H{WIDTH}" for tick in ticks)


def bar_lines(times_s: Values, duration_s: float) -> str:
    """Vertical lines."""
    return "".join(f"M{x:.0f} 0V{HEIGHT}" for x in np.asarray(times_s) / duration_s * WIDTH)


def _across(frames: NDArray[np.integer] | Values, duration_s: float) -> Values:
    return np.asarray(frames) / (FRAME_RATE_HZ * duration_s) * WIDTH


def _open(x: Values, y: Values) -> str:
    """A line through points; those inside a level stretch are left out."""
    across, down = np.rint(x).astype(int), np.rint(y).astype(int)
    inside = np.zeros(len(down), dtype=bool)
    inside[1:-1] = (down[1:-1] == down[:-2]) & (down[1:-1] == down[2:])
    across, down = across[~inside], down[~inside]
    steps = np.stack([np.diff(across), np.diff(down)], axis=1)
    return f"M{across[0]} {down[0]}l" + " ".join(f"{dx} {dy}" for dx, dy in steps)


def _closed(x: Values, top: Values, bottom: Values) -> str:
    """The shape between two lines over the same points."""
    return _open(np.concatenate([x, x[::-1]]), np.concatenate([top, bottom[::-1]])) + "z"
