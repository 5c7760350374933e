"""The constant-Q transform against librosa's."""

from __future__ import annotations

import librosa
import numpy as np
import pytest

from ensemble.listen.constant_q import constant_q
from tests.listen.leader_sounds import RATE, chords

LOWEST_HZ, HOP, BINS, PER_OCTAVE = 32.703195662574829, 384, 252, 36


@pytest.mark.parametrize("cents", [0.0, -37.0, 44.0])
def test_magnitudes_are_those_of_librosa(cents: float) -> None:
    samples = chords([(36, 55, 64), (41, 69, 84)], 2.5).astype(np.float32)
    samples += np.random.default_rng(0).normal(0.0, 0.01, len(samples)).astype(np.float32)
    ours = constant_q(samples, RATE, HOP, LOWEST_HZ * 2 ** (cents / 1200), BINS, PER_OCTAVE)
    theirs = np.abs(
        librosa.hybrid_cqt(
            samples, sr=RATE, hop_length=HOP, fmin=LOWEST_HZ, n_bins=BINS, bins_per_octave=PER_OCTAVE,
            tuning=cents * PER_OCTAVE / 1200, sparsity=0.0,
        )
    ).T  # fmt: skip
    assert ours.shape == theirs.shape
    apart = np.abs(ours - theirs).max(axis=0) / theirs.max(axis=0)
    assert apart.max() < 0.02  # librosa's filters begin on whole samples
