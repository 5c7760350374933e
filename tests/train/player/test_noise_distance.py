"""The level of the noise between partials: the distance that voices learn it by is smallest where it is right."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ensemble.play.inharmonicity import Inharmonicity
from ensemble.play.noise import filtered_noise, noise_key
from ensemble.play.oscillator import harmonic_bank
from ensemble.train.player.losses import multi_scale_loss, noise_distance

RATE = 48_000
FRAMES = 101
STRETCHED = Inharmonicity(pitch_midi=(60.0,), coefficient=(1e-3,))
LEVELS_DB = (-12.0, -9.0, -6.0, -3.0, 0.0, 3.0, 6.0)


def tone(f0_hz: float, noise: float, seed: int, inharmonicity: Inharmonicity | None = None) -> torch.Tensor:
    """Partials under which lies noise of a magnitude.  [1, samples]"""
    pitch = np.full((1, FRAMES), f0_hz, np.float32)
    levels = np.zeros((1, FRAMES, 100), np.float32)
    number = np.arange(1, min(int(0.45 * RATE / f0_hz), 100) + 1)
    levels[..., : len(number)] = 0.05 / number
    phases = np.zeros(1 if inharmonicity is None else (1, 100))
    samples, _ = harmonic_bank(pitch[:, :-1], pitch[:, 1:], levels, phases, RATE, inharmonicity)
    samples += filtered_noise(np.full((FRAMES, 65), noise, np.float32), noise_key(seed, "tone"), 0, RATE)
    return torch.from_numpy(samples[None])


@pytest.mark.parametrize("inharmonicity", [None, STRETCHED])
@pytest.mark.parametrize("f0_hz", [220.0, 880.0])
def test_it_is_smallest_at_the_true_level_of_another_noise(f0_hz, inharmonicity):
    wanted, asked = tone(f0_hz, 0.01, 1, inharmonicity), torch.full((1, FRAMES), f0_hz)
    others = [tone(f0_hz, 0.01 * 10 ** (level_db / 20), 2, inharmonicity) for level_db in LEVELS_DB]
    found = [float(noise_distance(other, wanted, asked, RATE, inharmonicity)) for other in others]
    assert LEVELS_DB[int(np.argmin(found))] == 0.0
    assert min(found) < 0.3
    assert 2.0 < found[0] < 3.0  # natural, of power: 2.8 where no partial spills into a gap


def test_magnitudes_alone_teach_less_noise_than_there_is():
    """What it mends: where a partial and a noise share a bin, the best second noise is none."""
    wanted = tone(440.0, 0.003, 1)
    found = [
        float(multi_scale_loss(tone(440.0, 0.003 * 10 ** (level_db / 20), 2), wanted, RATE)) for level_db in LEVELS_DB
    ]
    assert LEVELS_DB[int(np.argmin(found))] < 0.0


def test_partials_do_not_count():
    """Unless they are not where they are asked for."""
    asked = torch.full((1, FRAMES), 880.0)
    wanted = tone(880.0, 0.003, 1)
    louder = wanted + 0.5 * tone(880.0, 0.0, 1)
    assert float(noise_distance(louder, wanted, asked, RATE)) < 0.05
    assert float(noise_distance(louder, wanted, 1.4 * asked, RATE)) > 0.2


def test_silence_and_a_crop_before_the_first_note_are_no_distance():
    nothing = torch.zeros(2, RATE // 2, requires_grad=True)
    distance = noise_distance(nothing, torch.zeros(2, RATE // 2), torch.zeros(2, 51), RATE)
    distance.backward()
    assert float(distance.detach()) == 0.0
    assert bool(nothing.grad.isfinite().all())
