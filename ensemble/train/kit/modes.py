"""Which decaying sines a drum sounds with: matching pursuit over every frequency and a range of decays.

Source: Goodwin and Vetterli, Matching pursuit and atomic signal models based on recursive filter banks, IEEE Trans.
Signal Processing 47 (1999): damped sinusoids as atoms. The drum's skin is tightest when struck, so every mode begins
too high by one share: strokes are first played along a warped time in which it stays (`settled_time`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from ensemble.play.kit_kernels import add_modes
from ensemble.play.strokes import MADE_AT_HZ

Array = NDArray[np.float64]
_NUM_DECAYS = 8
_RIDGE = 3e-3
_SEARCH_MODES, _SEARCH_DECAYS = 4, 4
_GLIDES = (0.08, 0.15, 0.25, 0.4, 0.6, 0.9, 1.3, 1.8)
_GLIDE_S = (0.008, 0.015, 0.03, 0.05, 0.08)


@dataclass(frozen=True, slots=True, kw_only=True)
class ModeLimits:
    """Where modes are looked for."""

    num_modes: int
    """How many are found."""
    low_hz: float
    """The lowest frequency."""
    high_hz: float
    """The highest."""
    shortest_s: float
    """The shortest time to 1/e."""
    longest_s: float
    """The longest."""
    glides: bool
    """Whether their pitch falls after the stroke."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Glide:
    """How the pitch of a drum's modes falls after the stroke."""

    share: float
    """By which they begin too high."""
    time_s: float
    """When 1/e of that is left."""


STILL = Glide(share=0.0, time_s=0.03)


@dataclass(frozen=True, slots=True, kw_only=True)
class Modes:
    """Modes of one drum."""

    hz: Array
    """Settled frequencies.  [modes]"""
    cosine: Array
    """Levels.  [layers, modes]"""
    sine: Array
    """Levels.  [layers, modes]"""
    decay_s: Array
    """Times to 1/e.  [layers, modes]"""
    glides: tuple[Glide, ...]
    """One per layer."""

    def sounded(self, layer: int, num_samples: int) -> Array:
        """One layer's modes alone.  [num_samples]"""
        out, glide = np.zeros(num_samples), self.glides[layer]
        add_modes(
            out,
            self.hz / MADE_AT_HZ,
            self.cosine[layer],
            self.sine[layer],
            self.decay_s[layer] * MADE_AT_HZ,
            glide.share,
            glide.time_s * MADE_AT_HZ,
        )
        return out


def find_modes(strokes: Sequence[Array], limits: ModeLimits) -> Modes:
    """Find the modes that strokes on one drum share.

    Args:
        strokes: softest first.  [samples] each
        limits: where to look.
    """
    glides = [STILL] * len(strokes)
    if limits.glides:
        glides = [_best_glide(stroke, limits) for stroke in strokes]
    return _pursued(strokes, glides, limits, limits.num_modes, _NUM_DECAYS)


def _best_glide(stroke: Array, limits: ModeLimits) -> Glide:
    """The glide under which a few modes leave least of a stroke."""
    gliding = [Glide(share=share, time_s=time_s) for share in _GLIDES for time_s in _GLIDE_S]
    part = stroke[: round(0.4 * MADE_AT_HZ)]

    def left(glide: Glide) -> float:
        modes = _pursued([part], [glide], limits, _SEARCH_MODES, _SEARCH_DECAYS)
        return float(np.square(part - modes.sounded(0, len(part))).sum())

    return min([STILL, *gliding], key=left)


def _pursued(
    strokes: Sequence[Array], glides: Sequence[Glide], limits: ModeLimits, num_modes: int, num_decays: int
) -> Modes:
    """Take the best-matching damped sine away, again and again; then fit all levels together."""
    longest = max(len(stroke) for stroke in strokes)
    size = scipy.fft.next_fast_len(2 * longest, real=True)
    hz = np.arange(size // 2 + 1) * (MADE_AT_HZ / size)
    bins = np.flatnonzero((hz >= limits.low_hz) & (hz <= limits.high_hz))
    decays_s = np.geomspace(limits.shortest_s, limits.longest_s, num_decays)
    time = np.arange(longest) / MADE_AT_HZ
    windows = np.exp(-time / decays_s[:, None])
    left = [settled_time(stroke, glide) for stroke, glide in zip(strokes, glides, strict=True)]
    energies = [[np.square(window[: len(stroke)]).sum() for window in windows] for stroke in left]
    chosen_hz, chosen_decay = [], []
    for _ in range(num_modes):
        found = np.zeros((len(left), num_decays, len(bins)), complex)
        for layer, stroke in enumerate(left):
            spectra = scipy.fft.rfft(windows[:, : len(stroke)] * stroke, size, axis=1)[:, bins]
            found[layer] = spectra / np.sqrt(energies[layer])[:, None]
        matched = np.square(np.abs(found))
        best = int(np.argmax(matched.max(axis=1).sum(axis=0)))
        decays = matched[:, :, best].argmax(axis=1)
        frequency = float(hz[bins[best]])
        chosen_hz.append(frequency)
        chosen_decay.append(decays_s[decays])
        turning = np.exp(2j * np.pi * frequency * time)
        for layer, decay in enumerate(decays):
            stroke = left[layer]
            level = 2.0 * found[layer, decay, best] / np.sqrt(energies[layer][decay])
            left[layer] = stroke - windows[decay, : len(stroke)] * (level * turning[: len(stroke)]).real
    order = np.argsort(chosen_hz)
    decay_s = np.array(chosen_decay)[order].T
    return levelled(strokes, np.array(chosen_hz)[order], decay_s, tuple(glides))


def levelled(strokes: Sequence[Array], hz: Array, decay_s: Array, glides: tuple[Glide, ...]) -> Modes:
    """The levels of known modes, by least squares on the waveform.

    Args:
        strokes: one per layer.  [samples] each
        hz: [modes].
        decay_s: [layers, modes].
        glides: one per layer.
    """
    cosine, sine = np.zeros_like(decay_s), np.zeros_like(decay_s)
    for layer, (stroke, glide) in enumerate(zip(strokes, glides, strict=True)):
        time = np.arange(len(stroke)) / MADE_AT_HZ
        reach = time + glide.share * glide.time_s * (1.0 - np.exp(-time / glide.time_s))
        phase = 2.0 * np.pi * reach * hz[:, None]
        fall = np.exp(-time / decay_s[layer][:, None])
        known = np.concatenate([fall * np.cos(phase), fall * np.sin(phase)])
        squares = known @ known.T
        squares += _RIDGE * np.diag(np.diag(squares))
        cosine[layer], sine[layer] = np.split(np.linalg.solve(squares, known @ stroke), 2)
    return Modes(hz=hz, cosine=cosine, sine=sine, decay_s=decay_s, glides=glides)


def settled_time(stroke: Array, glide: Glide) -> Array:
    """A stroke played along the time in which its modes do not glide.  [samples] -> [samples]"""
    if glide.share == 0.0:
        return stroke
    time = np.arange(len(stroke)) / MADE_AT_HZ
    reach = time + glide.share * glide.time_s * (1.0 - np.exp(-time / glide.time_s))
    when = np.interp(time, reach, time)
    return np.interp(when, time, stroke)
