"""The compiled gradients against torch's own."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ensemble.play import torch_synth
from ensemble.play.inharmonicity import Inharmonicity
from ensemble.play.noise import reach_samples
from ensemble.train.player.losses import (
    LOG_CORNER_HZ,
    SCALES,
    log_mel_distance,
    longest_window,
    mel_l1_loss,
    multi_scale_distance,
    multi_scale_loss,
    scales,
)
from ensemble.train.sounding import sound

RATE = 16_000
FRAMES = 21


@pytest.fixture
def controls() -> tuple[torch.Tensor, ...]:
    torch.manual_seed(3)
    harmonics = torch.rand(2, FRAMES, 100)
    return (
        torch.rand(2, FRAMES) * 0.3,
        harmonics / harmonics.sum(dim=-1, keepdim=True),
        torch.rand(2, FRAMES, 65) * 0.05,
    )


@pytest.fixture
def pitch() -> torch.Tensor:
    return torch.stack([torch.linspace(90.0, 130.0, FRAMES), torch.linspace(1500.0, 700.0, FRAMES)])


def reference(controls, f0_hz, white, inharmonicity):
    amplitude, harmonics, noise = controls
    levels = amplitude.unsqueeze(-1) * harmonics * torch_synth.nyquist_taper(f0_hz, 100, RATE, inharmonicity)
    phase = torch.zeros(2 if inharmonicity is None else (2, 100), dtype=torch.float64)
    voiced, _ = torch_synth.harmonic_bank(f0_hz[:, :-1], f0_hz[:, 1:], levels, phase, RATE, inharmonicity)
    return voiced + torch_synth.filtered_noise(noise, white, RATE)


@pytest.mark.parametrize("inharmonicity", [None, Inharmonicity(pitch_midi=(40.0, 90.0), coefficient=(2e-4, 3e-3))])
def test_the_kernels_sound_and_learn_like_torch(controls, pitch, inharmonicity):
    white = torch.rand(2, (FRAMES - 1) * 160 + 2 * reach_samples(RATE)) * 2 - 1
    upstream = torch.randn(2, (FRAMES - 1) * 160)
    found = []
    for way in (
        lambda given: sound(given, pitch, torch.full_like(pitch, -20.0), white, RATE, inharmonicity),
        lambda given: reference(given, pitch, white, inharmonicity),
    ):
        given = tuple(control.clone().requires_grad_() for control in controls)
        heard = way(given)
        (heard * upstream).sum().backward()
        found.append([heard.detach()] + [control.grad for control in given])
    for ours, theirs in zip(*found, strict=True):
        assert float(theirs.abs().max()) > 0.01
        np.testing.assert_allclose(ours, theirs, atol=2e-5 * float(theirs.abs().max()))


@pytest.mark.parametrize(("linear_weight", "longest"), [(1.0, 2048), (7.0, 2048), (4.0, 8192)])
def test_the_spectral_loss_and_its_gradient_are_those_of_its_definition(linear_weight, longest):
    torch.manual_seed(5)
    wanted = torch.randn(2, 8000) * 0.1
    heard = (torch.randn(2, 8000) * 0.05).requires_grad_()
    loss = multi_scale_loss(heard, wanted, RATE, linear_weight, longest)
    loss.backward()
    loss = loss.detach()
    ours, heard.grad = heard.grad, None
    distance = multi_scale_distance(heard, wanted, RATE, LOG_CORNER_HZ, longest)
    expected = linear_weight * distance.linear + distance.logarithmic
    expected.backward()
    assert float(loss) == pytest.approx(float(expected.detach()), rel=1e-4)
    assert float((ours - heard.grad).norm() / heard.grad.norm()) < 5e-3


def test_windows_last_alike_at_every_rate_and_reach_as_far_as_asked():
    assert scales(48_000) == SCALES
    assert scales(48_000, 8192) == (8192, 4096, 1024, 512, 128, 64)
    assert [longest_window(lowest_hz) for lowest_hz in (220.0, 66.0, 43.0, 20.0)] == [2048, 4096, 8192, 8192]
    assert scales(16_000, 8192) == (2048, 1024, 256, 128, 32)


def test_a_fall_along_the_gradient_lowers_the_loss():
    torch.manual_seed(6)
    wanted = torch.sin(torch.arange(8000) * 0.1).unsqueeze(0) * 0.3
    heard = (wanted * 0.5 + torch.randn(1, 8000) * 0.01).requires_grad_()
    before = multi_scale_loss(heard, wanted, RATE)
    before.backward()
    step = heard.detach() - 1e-2 * heard.grad / heard.grad.norm()
    assert float(multi_scale_loss(step, wanted, RATE)) < float(before.detach())


def test_a_sound_is_no_distance_from_itself_and_silence_is_far():
    tone = torch.sin(torch.arange(16000) * 0.2).unsqueeze(0) * 0.1
    for measure in (
        lambda one, other: sum(multi_scale_distance(one, other, RATE)),
        lambda one, other: log_mel_distance(one, other, RATE),
        lambda one, other: mel_l1_loss(one, other, RATE),
    ):
        assert float(measure(tone, tone)) == 0.0
        assert float(measure(torch.zeros_like(tone), tone)) > 5 * float(measure(tone * 0.9, tone)) > 0.0


def test_the_weighting_counts_low_frequencies_more():
    time_s = torch.arange(48_000) / 48_000
    low, high = (torch.sin(2 * torch.pi * hz * time_s).unsqueeze(0) * 0.1 for hz in (500.0, 12_000.0))
    silence = torch.zeros_like(low)
    share = [
        float(multi_scale_distance(tone, silence, 48_000).logarithmic)
        / float(multi_scale_distance(tone, silence, 48_000, corner_hz=None).logarithmic)
        for tone in (low, high)
    ]
    assert share[0] > 1.5
    assert share[1] < 0.8


def test_what_was_measured_without_gradients_can_be_learned_from_afterwards():
    sound = torch.randn(1, 6000)
    with torch.inference_mode():
        multi_scale_distance(sound, sound, 12_000)
    heard = sound.clone().requires_grad_()
    distance = multi_scale_distance(heard, torch.zeros_like(sound), 12_000)
    (distance.linear + distance.logarithmic).backward()
    assert heard.grad is not None
    assert heard.grad.abs().sum() > 0
