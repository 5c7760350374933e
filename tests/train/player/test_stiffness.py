"""Inharmonicity measured in sounds whose partials are known."""

from __future__ import annotations

import numpy as np
import pytest

from ensemble.play.inharmonicity import Inharmonicity
from ensemble.play.noise import filtered_noise, noise_key
from ensemble.play.oscillator import harmonic_bank
from ensemble.train.player.analysis import analyse, harmonic_to_noise_db
from ensemble.train.player.stiffness import measure_inharmonicity, stiffness
from ensemble.train.recordings import TrainingRecording

RATE = 48_000
KEYS = (40, 52, 64, 76)
STRINGS = Inharmonicity(pitch_midi=KEYS, coefficient=(1.5e-4, 2e-4, 5e-4, 1.2e-3))


def struck(inharmonicity: Inharmonicity | None, seed: int = 0, noise: float = 1e-3) -> TrainingRecording:
    """Notes of 0.6 s on some keys, which fade, the higher partials faster, over noise."""
    frames = 70 * len(KEYS)
    f0_hz = np.repeat(440 * 2 ** ((np.array(KEYS) - 69) / 12), 70).astype(np.float32)
    time_s, number = np.tile(np.arange(70) / 100, len(KEYS))[:, None], np.arange(1, 101)
    levels = (0.2 / number * np.exp(-time_s * (1 + 0.2 * number)) * (time_s < 0.65)).astype(np.float32)[None]
    levels[0, :, 40:] = 0
    phases = np.zeros(1) if inharmonicity is None else np.zeros((1, 100))
    sound, _ = harmonic_bank(f0_hz[None, :-1], f0_hz[None, 1:], levels, phases, RATE, inharmonicity)
    sound = np.append(sound, np.zeros(480, np.float32))
    sound += filtered_noise(np.full((frames + 1, 65), noise, np.float32), noise_key(seed, "noise"), 0, RATE)
    return TrainingRecording(
        name="struck", samples=sound, sample_rate=RATE, f0_hz=f0_hz, is_voiced=time_s[:, 0] < 0.65, licence="ours",
        loudness_db=np.full(frames, -20.0, np.float32),
    )  # fmt: skip


def test_b_of_every_key_comes_back() -> None:
    found = measure_inharmonicity([struck(STRINGS, seed) for seed in range(2)])
    assert found is not None
    assert found.pitch_midi == KEYS
    np.testing.assert_allclose(found.coefficient, STRINGS.coefficient, rtol=0.03)


def test_whole_multiples_and_noise_have_none() -> None:
    assert measure_inharmonicity([struck(None)]) is None
    assert measure_inharmonicity([struck(None, noise=0.3)]) is None
    noise = filtered_noise(np.ones((61, 65), np.float32), noise_key(0, "noise"), 0, RATE)
    assert stiffness(noise, RATE, 220.0) is None


@pytest.mark.parametrize("key", [40, 76])
def test_one_note_tells_even_where_its_pitch_is_only_nearly_known(key: int) -> None:
    recording, at = struck(STRINGS), KEYS.index(key)
    samples = recording.samples[(70 * at + 5) * 480 : (70 * at + 60) * 480]
    for cents in (-8.0, 0.0, 8.0):
        found = stiffness(samples, RATE, float(recording.f0_hz[70 * at]) * 2 ** (cents / 1200))
        assert found == pytest.approx(STRINGS.coefficient[at], rel=0.05)


def test_stretched_partials_are_no_noise_to_an_analysis_that_knows_of_them() -> None:
    recording = struck(STRINGS)
    unaware, aware = (np.median(harmonic_to_noise_db(analyse(recording, known), RATE)) for known in (None, STRINGS))
    assert aware > unaware + 3.0
    partials = analyse(recording, STRINGS).harmonics[20, :30].astype(np.float32)
    expected = 0.2 / np.arange(1, 31) * np.exp(-0.2 * (1 + 0.2 * np.arange(1, 31)))
    np.testing.assert_allclose(partials[:12], expected[:12], rtol=0.15)
