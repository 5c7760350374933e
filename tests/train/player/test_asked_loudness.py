"""The loudness of controls, against the loudness of what they sound like."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ensemble.listen.loudness import loudness_db
from ensemble.play.noise import reach_samples
from ensemble.train.player.asked_loudness import loudness_error
from ensemble.train.sounding import sound

RATE = 48_000
FRAMES = 101
DB = 20.0 / np.log(10.0)


@pytest.fixture
def controls() -> tuple[torch.Tensor, ...]:
    torch.manual_seed(1)
    harmonics = torch.rand(1, 1, 100) / torch.arange(1, 101)
    noise = torch.linspace(0.02, 0.001, 65).expand(1, FRAMES, 65)
    return torch.full((1, FRAMES), 0.1), (harmonics / harmonics.sum()).expand(1, FRAMES, 100), noise


@pytest.mark.parametrize("f0_hz", [41.2, 110.0, 880.0])
def test_controls_are_as_loud_as_what_they_sound_like(controls, f0_hz):
    pitch = torch.full((1, FRAMES), f0_hz)
    white = torch.rand(1, (FRAMES - 1) * 480 + 2 * reach_samples(RATE)) * 2 - 1
    heard = sound(controls, pitch, torch.full_like(pitch, -20.0), white, RATE)[0].numpy()
    asked = torch.full_like(pitch, float(np.median(loudness_db(heard, RATE, FRAMES - 1)[10:-10])))
    assert float(loudness_error(controls, pitch, asked, RATE)) * DB < 0.3
    assert float(loudness_error(controls, pitch, asked + 6.0, RATE)) * DB == pytest.approx(6.0, abs=0.3)


def test_a_louder_gain_is_learned_where_more_is_asked_for(controls):
    amplitude, harmonics, noise = controls
    pitch, asked = torch.full((1, FRAMES), 55.0), torch.full((1, FRAMES), -10.0)
    amplitude = amplitude.clone().requires_grad_()
    loudness_error((amplitude, harmonics, noise), pitch, asked, RATE).backward()
    assert amplitude.grad is not None
    assert (amplitude.grad[0, 1:-1] < 0).all()


def test_onsets_and_rests_are_not_judged(controls):
    pitch, asked = torch.full((1, FRAMES), 55.0), torch.linspace(-90.0, 120.0, FRAMES)[None]
    assert float(loudness_error(controls, pitch, asked, RATE)) == 0.0
    assert float(loudness_error(controls, pitch, torch.full((1, FRAMES), -100.0), RATE)) == 0.0
