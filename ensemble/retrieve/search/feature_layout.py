"""The layout of a chunk's vector: feature blocks of what came before it and of what follows, then its seam.

The time before a moment is cut into stretches that grow with their distance from it: near the join the order of things
matters by the half second, further back a tempo that is a few percent off must not matter. A look-back of some seconds
uses every block that reaches no further. Blocks are unit rows u. A chunk's row holds all blocks, then its seam s, then
the seam's square:

    row     = [ u_1 .. u_B,  s,  |s|^2 ]
    query   = [ a w_1 u_1 .. a w_B u_B,  2 b s_q,  -b ]
    product = a sum(w u u) - b |s_q - s|^2 + b |s_q|^2

so one inner product ranks by relevance (weight a) less the cost of the seam (weight b), and all weights stand in the
query: other weights need no new index.

Source: target and join cost, Hunt and Black, Unit selection in a concatenative speech synthesis system, ICASSP 1996.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ensemble.retrieve.search import standards
from ensemble.retrieve.search.outline import NUM_CEPSTRA, RunningMeans, SpectralOutline
from ensemble.types.arrays import FloatArray

Array = NDArray[np.float64]
Kind = Literal["chroma", "energy", "coherence"]
LOOK_BACKS_S = (1.0, 2.0, 4.0, 8.0)
AFTER_S = 4.0
SEAM_S = 0.4
LOWEST_DB = -70.0
"""Below it nothing is heard: lower levels count as this."""
_CONTOUR_PARTS = 8
_PARTS_PER_BEAT = 4
_SEAM_PARTS = 4
_MIN_SHARE = 0.5
"""Of a stretch that must lie inside the recording for its block to say anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureBlock:
    """One block of a row."""

    name: str
    """Unique."""
    kind: Kind
    """Which of the weights of `RelevanceWeights` it gets."""
    reach_s: float
    """How far back it reaches; 0: it describes what follows the moment."""
    width: int
    """Numbers in it."""


_CHROMA_STRETCHES_S = ((0.0, 0.5), (0.5, 1.0), (1.0, 2.0), (2.0, 4.0), (4.0, 8.0))
_TIMBRE_STRETCHES_S = ((0.0, 1.0), (1.0, 4.0))
_CONTOURS_S = (2.0, 8.0)
_PATTERNS_BEATS = {2.0: 2, 8.0: 8}
"""Beats of an onset pattern, by the look-back that it belongs to."""

BLOCKS = (
    *(FeatureBlock(name=f"chroma_{far:g}s", kind="chroma", reach_s=far, width=24) for _, far in _CHROMA_STRETCHES_S),
    FeatureBlock(name="chroma_after", kind="chroma", reach_s=0.0, width=24),
    *(FeatureBlock(name=f"contour_{far:g}s", kind="energy", reach_s=far, width=_CONTOUR_PARTS) for far in _CONTOURS_S),
    *(
        FeatureBlock(name=f"pattern_{beats}", kind="energy", reach_s=far, width=beats * _PARTS_PER_BEAT)
        for far, beats in _PATTERNS_BEATS.items()
    ),
    *(
        FeatureBlock(name=f"timbre_{far:g}s", kind="coherence", reach_s=far, width=2 * NUM_CEPSTRA)
        for _, far in _TIMBRE_STRETCHES_S
    ),
    FeatureBlock(name="timbre_after", kind="coherence", reach_s=0.0, width=2 * NUM_CEPSTRA),
    FeatureBlock(name="tempo", kind="coherence", reach_s=LOOK_BACKS_S[0], width=2),
)
_ENDS = np.cumsum([block.width for block in BLOCKS])
AT = {block.name: slice(int(end) - block.width, int(end)) for block, end in zip(BLOCKS, _ENDS, strict=True)}
"""Where each block lies in a row."""
SEAM_CHROMA = 12 * _SEAM_PARTS
SEAM_WIDTH = SEAM_CHROMA + NUM_CEPSTRA * _SEAM_PARTS + _SEAM_PARTS
DIMENSIONS = int(_ENDS[-1]) + SEAM_WIDTH + 1
SEAM = slice(DIMENSIONS - 1 - SEAM_WIDTH, DIMENSIONS - 1)


class OutlineMeans:
    """Means and mean squares of an outline over any stretches of time.

    Args:
        outline: of the recording, or of its part up to a moment.
    """

    def __init__(self, outline: SpectralOutline) -> None:
        self.chroma = RunningMeans(outline.chroma)
        self.chroma_squares = RunningMeans(np.square(outline.chroma))
        self.cepstra = RunningMeans(outline.cepstra)
        self.cepstra_squares = RunningMeans(np.square(outline.cepstra))
        self.level = RunningMeans(np.maximum(outline.level_db, LOWEST_DB)[None])
        self.onset = RunningMeans(np.sqrt(np.maximum(outline.onset, 0.0))[None])
        self.sounding = RunningMeans((outline.level_db > LOWEST_DB).astype(np.float32)[None])


def blocks_before(means: OutlineMeans, at_s: Array, period_s: Array) -> dict[str, FloatArray]:
    """What came before each moment; zeros where a block would lie before the beginning, or in silence.

    Args:
        means: of the recording.
        at_s: [moments]
        period_s: of the beat around each moment, 0 where there is none.  [moments]

    Returns:
        Unit rows by block.  [moments, width]
    """
    blocks = {}
    for near, far in _CHROMA_STRETCHES_S:
        is_there = _is_there(means, at_s - far, at_s - near)
        blocks[f"chroma_{far:g}s"] = _unit(_chroma(means, at_s - far, at_s - near) * is_there)
    for near, far in _TIMBRE_STRETCHES_S:
        is_there = _is_there(means, at_s - far, at_s - near)
        blocks[f"timbre_{far:g}s"] = _unit(_timbre(means, at_s - far, at_s - near) * is_there)
    for far in _CONTOURS_S:
        contour = _parts(means.level, at_s - far, at_s, _CONTOUR_PARTS)[0] / np.float32(standards.CONTOUR_DB)
        blocks[f"contour_{far:g}s"] = _unit(_centred(contour) * _is_there(means, at_s - far, at_s))
    for beats in _PATTERNS_BEATS.values():
        start_s = at_s - beats * period_s
        pattern = _parts(means.onset, start_s, at_s, beats * _PARTS_PER_BEAT)[0]
        blocks[f"pattern_{beats}"] = _unit(_centred(pattern) * _is_there(means, start_s, at_s))
    turn = 2 * np.pi * np.log2(np.where(period_s > 0, period_s, 1.0))  # half and double tempo are the same direction
    blocks["tempo"] = (np.stack([np.cos(turn), np.sin(turn)], axis=1) * (period_s > 0)[:, None]).astype(np.float32)
    return blocks


def blocks_around(means: OutlineMeans, start_s: Array, stop_s: Array) -> dict[str, FloatArray]:
    """Harmony and timbre of longer stretches: what follows a chunk, or the tail that it should suit."""
    is_there = _is_there(means, start_s, stop_s)
    return {
        "chroma_after": _unit(_chroma(means, start_s, stop_s) * is_there),
        "timbre_after": _unit(_timbre(means, start_s, stop_s) * is_there),
    }


def seam_before(means: OutlineMeans, at_s: Array) -> FloatArray:
    """The last 400 ms before each moment, in four parts: chroma, timbre and level, scaled to a mean square near 1.

    Squared distances between two of these are the cost of a seam.  [moments, SEAM_WIDTH]
    """
    start_s = at_s - SEAM_S
    chroma = _parts(means.chroma, start_s, at_s, _SEAM_PARTS) / np.float32(standards.SEAM_CHROMA)
    cepstra = _parts(means.cepstra, start_s, at_s, _SEAM_PARTS)
    cepstra = (cepstra - standards.CEPSTRA_MEAN[:, None, None]) / standards.CEPSTRA_DEVIATION[:, None, None]
    level = _centred(_parts(means.level, start_s, at_s, _SEAM_PARTS)[0]) / np.float32(standards.SEAM_LEVEL_DB)
    shares = standards.SEAM_SHARES
    rows = [
        _flat(chroma - chroma.mean(axis=0)) * np.float32(np.sqrt(shares["chroma"] / SEAM_CHROMA)),
        _flat(np.clip(cepstra, -4, 4)) * np.float32(np.sqrt(shares["timbre"] / (NUM_CEPSTRA * _SEAM_PARTS))),
        np.clip(level, -4, 4) * np.float32(np.sqrt(shares["level"] / _SEAM_PARTS)),
    ]
    seam: FloatArray = np.concatenate(rows, axis=1) * _is_there(means, start_s, at_s)
    return seam


def rolled(rows: FloatArray, semitones: int) -> FloatArray:
    """Rows of chroma (any number of twelves) as they are when everything sounds so much higher."""
    by_class = rows.reshape(*rows.shape[:-1], -1, 12)
    return np.roll(by_class, semitones, axis=-1).reshape(rows.shape)


def rolled_seam(seam: FloatArray, semitones: int) -> FloatArray:
    """A seam as it is when everything sounds so much higher; its timbre stays.  [SEAM_WIDTH]"""
    return np.concatenate([rolled(seam[:SEAM_CHROMA], semitones), seam[SEAM_CHROMA:]])


def without_colour(seams: FloatArray) -> FloatArray:
    """Seams whose timbre is only how it changes within them: two instruments' own colours are no distance.

    Args:
        seams: or differences of seams.  [moments, SEAM_WIDTH]
    """
    timbre = seams[:, SEAM_CHROMA:-_SEAM_PARTS].reshape(len(seams), _SEAM_PARTS, NUM_CEPSTRA)
    change = (timbre - timbre.mean(axis=1, keepdims=True)).reshape(len(seams), -1)
    return np.concatenate([seams[:, :SEAM_CHROMA], change, seams[:, -_SEAM_PARTS:]], axis=1)


def _flat(parts: FloatArray) -> FloatArray:
    """[rows, moments, parts] -> [moments, parts * rows]"""
    return np.ascontiguousarray(parts.transpose(1, 2, 0)).reshape(parts.shape[1], -1)


def _parts(running: RunningMeans, start_s: Array, stop_s: Array, num_parts: int) -> FloatArray:
    """Means over equal parts of each stretch.  [rows, moments, parts]"""
    edges = start_s[:, None] + (stop_s - start_s)[:, None] * np.linspace(0.0, 1.0, num_parts + 1)
    return running.over(edges[:, :-1], edges[:, 1:])


def _chroma(means: OutlineMeans, start_s: Array, stop_s: Array) -> FloatArray:
    """Mean and deviation by pitch class, each without its mean over the classes, which no transposition moves."""
    mean = means.chroma.over(start_s, stop_s)
    deviation = _deviation(mean, means.chroma_squares.over(start_s, stop_s))
    mean, deviation = mean / np.float32(standards.CHROMA_MEAN), deviation / np.float32(standards.CHROMA_DEVIATION)
    rows: FloatArray = np.concatenate([mean - mean.mean(axis=0), deviation - deviation.mean(axis=0)]).T
    return rows


def _timbre(means: OutlineMeans, start_s: Array, stop_s: Array) -> FloatArray:
    """Mean and deviation of each cepstrum, standardised.  [moments, 24]"""
    mean = means.cepstra.over(start_s, stop_s)
    deviation = _deviation(mean, means.cepstra_squares.over(start_s, stop_s))
    rows = np.concatenate([mean, deviation])
    scaled: FloatArray = ((rows - standards.TIMBRE_MEAN[:, None]) / standards.TIMBRE_DEVIATION[:, None]).T
    return scaled


def _is_there(means: OutlineMeans, start_s: Array, stop_s: Array) -> FloatArray:
    """1 where enough of a stretch sounds inside the recording, else 0.  [moments, 1]"""
    sounding = means.sounding.over(start_s, stop_s)[0] > 0
    inside = stop_s - np.maximum(start_s, 0.0) >= _MIN_SHARE * (stop_s - start_s)
    is_there: FloatArray = (sounding & inside & (stop_s > start_s)).astype(np.float32)[:, None]
    return is_there


def _deviation(mean: FloatArray, mean_square: FloatArray) -> FloatArray:
    return np.asarray(np.sqrt(np.maximum(mean_square - np.square(mean), 0.0)))


def _centred(rows: FloatArray) -> FloatArray:
    return np.asarray(rows - rows.mean(axis=1, keepdims=True))


def _unit(rows: FloatArray) -> FloatArray:
    """Each row at length 1, or zeros where it is nothing."""
    length = np.sqrt(np.square(rows).sum(axis=1, keepdims=True))
    unit: FloatArray = (rows / np.where(length > 1e-6, length, np.inf)).astype(np.float32)
    return unit
