"""The chord network hears triads, at any level and in any tuning, and no chord in one voice."""

from __future__ import annotations

import numpy as np
import pytest

from ensemble.listen.chord_network import STEP_FRAMES, chord_probability
from tests.listen.leader_sounds import RATE, chords, tone

LOOP = ((48, 60, 64, 67), (45, 60, 64, 69), (41, 60, 65, 69), (43, 59, 62, 67))
TRIADS = (1, 13 + 9, 1 + 5, 1 + 7)


def expected(num_steps: int, chord_steps: int) -> np.ndarray:
    return np.array([TRIADS[step // chord_steps % 4] for step in range(num_steps)])


@pytest.mark.parametrize(("gain", "cents"), [(1.0, 0.0), (0.003, 0.0), (1.0, 37.0)])
def test_triads_are_heard_at_any_level_and_in_any_tuning(gain: float, cents: float) -> None:
    bent = [tuple(midi + cents / 100 for midi in chord) for chord in LOOP]
    samples = np.float32(gain) * chords(bent * 2, 1.0)
    said = chord_probability(samples.astype(np.float32), RATE, cents)
    assert said.shape[0] == 100
    heard = said[:73].argmax(axis=0)[:80]
    assert np.mean(heard == expected(80, 10)) > 0.8


def test_every_window_hears_the_same() -> None:
    """A loop of 4 s over two windows of half a minute: all rounds are alike, also where windows meet."""
    said = chord_probability(chords(list(LOOP) * 9, 1.0).astype(np.float32), RATE, 0.0)
    heard = said[:73].argmax(axis=0)[:360].reshape(9, 40)
    alike = (heard == expected(40, 10)).mean(axis=1)
    assert alike.min() > 0.8
    assert 360 <= said.shape[1] <= 361


def test_one_voice_is_no_chord() -> None:
    voice = np.concatenate([tone(midi, 0.4) for midi in (60, 62, 64, 65, 67, 65, 64, 62) * 3])
    assert chord_probability(voice.astype(np.float32), RATE, 0.0)[0].mean() > 0.5


def test_a_step_is_a_tenth_of_a_second() -> None:
    assert STEP_FRAMES == 10
    assert chord_probability(np.zeros(RATE // 2, np.float32), RATE, 0.0).shape[1] == 5
