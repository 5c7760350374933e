from __future__ import annotations

import numpy as np

from ensemble.listen.onsets import onset_strength
from tests.listen.leader_sounds import RATE, sine, tune


def peaks(onset: np.ndarray, above: float) -> np.ndarray:
    return np.array(
        [i for i in range(len(onset)) if onset[i] > above and onset[i] == onset[max(0, i - 8) : i + 9].max()]
    )


def test_every_note_of_a_tune_is_one_onset_within_20_ms():
    samples = tune([60, 60, 64, 67, 67, 72], [1] * 6, 120).astype(np.float32)
    onset = onset_strength(samples, RATE, 300)
    found = peaks(onset, 0.2)
    np.testing.assert_allclose(found / 100, np.arange(6) * 0.5, atol=0.02)


def test_a_vibrato_is_no_onset():
    time_s = np.arange(3 * RATE) / RATE
    phase = 440 * time_s + 440 * (2 ** (30 / 1200) - 1) / (2 * np.pi * 5.5) * np.sin(2 * np.pi * 5.5 * time_s)
    samples = 0.3 * sum(np.sin(2 * np.pi * k * phase) / k for k in range(1, 7)).astype(np.float32)
    onset = onset_strength(samples, RATE, 300)
    assert onset[20:280].max() < 0.1 * onset[:5].max()


def test_level_does_not_matter():
    samples = tune([60, 64, 67], [1] * 3, 120).astype(np.float32)
    np.testing.assert_allclose(
        onset_strength(samples, RATE, 150), onset_strength(samples * np.float32(0.01), RATE, 150), atol=1e-3
    )


def test_silence_has_no_onset_and_a_held_tone_only_one():
    assert not onset_strength(np.zeros(RATE, dtype=np.float32), RATE, 100).any()
    assert len(peaks(onset_strength(sine(440.0, 2.0).astype(np.float32), RATE, 200)[:190], 0.3)) == 1
