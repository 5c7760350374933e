"""From the network's controls to sound, with gradients: the playing kernels on a CPU, torch elsewhere."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ensemble.clock import hop_samples
from ensemble.play import torch_synth
from ensemble.play.inharmonicity import Inharmonicity
from ensemble.play.noise import add_noise, cosine_table
from ensemble.play.oscillator import add_harmonics, is_steep
from ensemble.play.partials import add_partials
from ensemble.train.gradients import project_harmonics, project_noise, project_partials
from ensemble.types.music import SILENCE_DB


class _HarmonicBank(torch.autograd.Function):
    """The oscillator's kernels, and their gradient with respect to the amplitudes; f0 gets none."""

    @staticmethod
    def forward(
        ctx: Any,
        amplitudes: Tensor,
        f0_start_hz: Tensor,
        f0_stop_hz: Tensor,
        sample_rate: int,
        inharmonicity: Inharmonicity | None,
    ) -> Tensor:
        ctx.shape, ctx.sample_rate, ctx.inharmonicity = amplitudes.shape, sample_rate, inharmonicity
        levels, rate = amplitudes.detach().numpy(), float(sample_rate)
        start, stop = _ends_hz(f0_start_hz, f0_stop_hz, levels.shape[-1], inharmonicity)
        steep = is_steep(levels)
        ctx.save_for_backward(f0_start_hz, f0_stop_hz, torch.from_numpy(steep))
        samples = np.zeros((len(levels), start.shape[1] * hop_samples(sample_rate)), np.float32)
        for item, (out, low, high) in enumerate(zip(samples, start, stop, strict=True)):
            if inharmonicity is None:
                add_harmonics(out, low, high, levels[item], steep[item], 0.0, rate)
            else:
                add_partials(out, low, high, levels[item], steep[item], np.zeros(levels.shape[-1]), rate)
        return torch.from_numpy(samples)

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor, None, None, None, None]:
        f0_start_hz, f0_stop_hz, steep = ctx.saved_tensors
        start, stop = _ends_hz(f0_start_hz, f0_stop_hz, ctx.shape[-1], ctx.inharmonicity)
        given, steep = upstream[0].contiguous().numpy(), steep.numpy()
        gradient = np.zeros(ctx.shape, np.float32)
        project = project_harmonics if ctx.inharmonicity is None else project_partials
        for item in range(len(given)):
            project(given[item], start[item], stop[item], steep[item], gradient[item], float(ctx.sample_rate))
        return torch.from_numpy(gradient), None, None, None, None


def _ends_hz(
    f0_start_hz: Tensor, f0_stop_hz: Tensor, num_partials: int, inharmonicity: Inharmonicity | None
) -> list[NDArray[Any]]:
    """What the kernels ask for: fundamentals [batch, intervals], or stretched partials [batch, intervals, partials]."""
    ends_hz = [f0_start_hz.numpy(), f0_stop_hz.numpy()]
    return ends_hz if inharmonicity is None else [inharmonicity.partial_hz(one, num_partials) for one in ends_hz]


class _FilteredNoise(torch.autograd.Function):
    """The noise kernel, and its gradient with respect to the magnitudes."""

    @staticmethod
    def forward(ctx: Any, magnitudes: Tensor, white: Tensor, sample_rate: int) -> Tensor:
        ctx.save_for_backward(white)
        ctx.num_frames, ctx.sample_rate = magnitudes.shape[1], sample_rate
        table, levels, source = cosine_table(sample_rate), magnitudes.detach().numpy(), white.numpy()
        samples = np.zeros((len(levels), (ctx.num_frames - 1) * hop_samples(sample_rate)), np.float32)
        for item in range(len(levels)):
            add_noise(samples[item], levels[item], source[item], table)
        return torch.from_numpy(samples)

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor, None, None]:
        table, source = cosine_table(ctx.sample_rate), ctx.saved_tensors[0].numpy()
        given = upstream[0].contiguous().numpy()
        taps = np.zeros((len(given), ctx.num_frames, table.shape[1]), np.float32)
        for item in range(len(given)):
            project_noise(given[item], source[item], taps[item])
        return torch.from_numpy(taps) @ torch.from_numpy(table.T.copy()), None, None


def sound(
    controls: tuple[Tensor, Tensor, Tensor], f0_hz: Tensor, loudness_db: Tensor, white: Tensor, sample_rate: int,
    inharmonicity: Inharmonicity | None = None,
) -> Tensor:  # fmt: skip
    """Sound a batch of voices as `pitched.PitchedPlayer` would, from phase 0 and without its headroom.

    Args:
        controls: amplitude [batch, frames], harmonics [batch, frames, num_harmonics] and noise [batch, frames, bands].
        f0_hz: held through rests.  [batch, frames]
        loudness_db: what was asked for.  [batch, frames]
        white: noise before the filter.  [batch, (frames - 1) * hop + 2 * reach]
        sample_rate: in Hz.
        inharmonicity: stretches the partials; whole multiples where absent.

    Returns:
        samples [batch, (frames - 1) * hop], from the first frame to the last.

    Source: Engel et al., DDSP, ICLR 2020 (arXiv:2001.04643). The closed-form gradient: but for the choice of its
    ramps, the bank is linear in its amplitudes.
    """
    amplitude, harmonics, magnitudes = controls
    taper = torch_synth.nyquist_taper(f0_hz, harmonics.shape[-1], sample_rate, inharmonicity)
    levels = (amplitude.unsqueeze(-1) * harmonics * taper).contiguous()
    stop_hz = f0_hz[:, 1:].contiguous()
    sounded = loudness_db[:, :-1] > SILENCE_DB
    start_hz = torch.where(sounded, f0_hz[:, :-1], stop_hz).contiguous()  # a note begins at its own pitch
    if levels.device.type == "cpu":
        voiced: Tensor = _HarmonicBank.apply(levels, start_hz, stop_hz, sample_rate, inharmonicity)
        noise: Tensor = _FilteredNoise.apply(magnitudes.contiguous(), white, sample_rate)
        return voiced + noise
    shape = (len(levels),) if inharmonicity is None else (len(levels), levels.shape[-1])
    phase = torch.zeros(shape, device=levels.device, dtype=torch.float64)
    voiced, _ = torch_synth.harmonic_bank(start_hz, stop_hz, levels, phase, sample_rate, inharmonicity)
    return voiced + torch_synth.filtered_noise(magnitudes, white, sample_rate)
