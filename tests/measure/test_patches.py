"""Patches of sound, from which a network tells recordings and played sound apart."""

from __future__ import annotations

import numpy as np
import pytest

from ensemble.measure.patches import MEL_BANDS, SPECTRA, patches, told_apart


@pytest.mark.parametrize(("num_samples", "level"), [(1_000, 0.5), (48_000, 0.0), (48_000, 1e-4)])
def test_a_piece_that_is_short_or_quiet_has_no_patch_and_is_passed_over(num_samples: int, level: float) -> None:
    sound = np.full(num_samples, level, np.float32)
    found = patches(sound, sound, 16_000)
    assert found.shape == (0, 1, MEL_BANDS, SPECTRA)
    assert told_apart([found, found], [found, found]) is None


def test_a_patch_is_half_a_second() -> None:
    noise = np.random.default_rng(0).normal(0, 0.1, 16_000 * 2 + 100).astype(np.float32)
    assert patches(noise, noise, 16_000).shape == (4, 1, MEL_BANDS, SPECTRA)
