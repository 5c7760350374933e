"""The synthesizer in torch: differentiable, on any device, and the reference for the CPU kernels."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ensemble.clock import hop_samples
from ensemble.play.inharmonicity import Inharmonicity
from ensemble.play.noise import cosine_table, reach_samples
from ensemble.play.oscillator import STEEP, TAPER_START

CHUNK_INTERVALS = 20


def partial_hz(f0_hz: Tensor, num_partials: int, inharmonicity: Inharmonicity) -> Tensor:
    """See `Inharmonicity.partial_hz`; float64, without a gradient.  [...] -> [..., num_partials]"""
    return torch.from_numpy(inharmonicity.partial_hz(f0_hz.detach().cpu().numpy(), num_partials)).to(f0_hz.device)


def nyquist_taper(
    f0_hz: Tensor, num_harmonics: int, sample_rate: int, inharmonicity: Inharmonicity | None = None
) -> Tensor:
    """Weight of every harmonic: 1 up to 0.45 of the sample rate, falling to 0 at Nyquist.  [..., num_harmonics]"""
    if inharmonicity is None:
        number = torch.arange(1, num_harmonics + 1, device=f0_hz.device, dtype=f0_hz.dtype)
        height = f0_hz.unsqueeze(-1) * (number / sample_rate)
    else:
        height = (partial_hz(f0_hz, num_harmonics, inharmonicity) / sample_rate).to(f0_hz.dtype)
    return ((0.5 - height) / (0.5 - TAPER_START)).clamp(0.0, 1.0)


def harmonic_bank(
    f0_start_hz: Tensor, f0_stop_hz: Tensor, amplitudes: Tensor, phase_cycles: Tensor, sample_rate: int,
    inharmonicity: Inharmonicity | None = None,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Sum the harmonics of a batch of voices; see `oscillator.add_harmonics` for the convention.

    Args:
        f0_start_hz: fundamental at the start of every interval.  [batch, intervals]
        f0_stop_hz: fundamental at its end; linear between.  [batch, intervals]
        amplitudes: at the ends of the intervals, tapered.  [batch, intervals + 1, num_harmonics]
        phase_cycles: phases before the first sample, float64.  [batch], with stretched partials [batch, num_harmonics]
        sample_rate: in Hz.
        inharmonicity: stretches the partials; whole multiples where absent.

    Returns:
        samples [batch, intervals * hop], as precise as the amplitudes, and the phases after them, shaped as before.

    Sines are multiplied with the amplitudes in one batched product, so no amplitude is stored per sample. Gradients
    reach the amplitudes, and f0 where it requires them and nothing is stretched.
    """
    hop = hop_samples(sample_rate)
    device = amplitudes.device
    steps = torch.arange(1, hop + 1, device=device, dtype=torch.float64).unsqueeze(-1)
    straight = torch.arange(hop, device=device, dtype=amplitudes.dtype) / hop
    smooth = straight * straight * (3 - 2 * straight)  # see `oscillator.STEEP`
    num_harmonics, number = amplitudes.shape[-1], torch.ones((), device=device, dtype=torch.float64)
    if inharmonicity is None:  # every partial is a multiple of one running phase
        number = torch.arange(1, num_harmonics + 1, device=device, dtype=torch.float64)
        start, stop = (f0_hz.double().unsqueeze(-1) for f0_hz in (f0_start_hz, f0_stop_hz))
    else:
        start, stop = (partial_hz(f0_hz, num_harmonics, inharmonicity) for f0_hz in (f0_start_hz, f0_stop_hz))
    bend = (stop - start) / (2 * hop)
    advance = (start * hop + bend * (hop * (hop - 1))) / sample_rate
    first_cycles = phase_cycles.reshape(len(start), 1, start.shape[-1])
    total = first_cycles + torch.cumsum(advance - advance.floor(), dim=1)
    before = torch.cat([first_cycles, total[:, :-1]], dim=1)

    pieces = []
    for first in range(0, start.shape[1], CHUNK_INTERVALS):
        part = slice(first, first + CHUNK_INTERVALS)
        glide = start[:, part, None] * steps + bend[:, part, None] * (steps * (steps - 1))
        cycles = before[:, part, None] + glide / sample_rate
        cycles = (cycles - cycles.floor()) * number
        sines = torch.sin(2 * math.pi * (cycles - cycles.detach().round()).to(amplitudes.dtype))
        ends = amplitudes[:, first : first + sines.shape[1] + 1]
        slopes = torch.stack([ends[:, :-1], ends[:, 1:] - ends[:, :-1]], dim=-1)
        level, rise = (sines @ slopes).unbind(-1)
        loud = ends.detach().sum(dim=-1)
        here, there = loud[:, :-1], loud[:, 1:]
        steep = torch.maximum(here, there) > STEEP * torch.minimum(here, there)
        ramp = torch.where(steep.unsqueeze(-1), smooth, straight)
        pieces.append((level + ramp * rise).flatten(1))
    after = total[:, -1]
    return torch.cat(pieces, dim=1), (after - after.floor()).reshape(phase_cycles.shape)


def filtered_noise(magnitudes: Tensor, white: Tensor, sample_rate: int) -> Tensor:
    """Filter white noise with every frame's magnitudes; see `noise.add_noise` for the convention.

    Args:
        magnitudes: of each band.  [batch, intervals + 1, bands]
        white: white noise, `reach` samples longer on either side.  [batch, intervals * hop + 2 * reach]
        sample_rate: in Hz.

    Returns:
        samples [batch, intervals * hop].
    """
    hop, reach = hop_samples(sample_rate), reach_samples(sample_rate)
    half = magnitudes @ torch.from_numpy(cosine_table(sample_rate)).to(magnitudes)
    taps = torch.cat([half.flip(-1)[..., :-1], half], dim=-1)

    size = hop + 2 * reach  # in a transform of this size, samples that wrap around fall outside the interval
    source = torch.fft.rfft(white.unfold(-1, size, hop))
    response = torch.fft.rfft(taps, size)
    here: Tensor = torch.fft.irfft(source * response[:, :-1], size)[..., 2 * reach :]
    there: Tensor = torch.fft.irfft(source * response[:, 1:], size)[..., 2 * reach :]
    ramp = torch.arange(hop, device=white.device, dtype=white.dtype) / hop
    return (here + ramp * (there - here)).flatten(1)
