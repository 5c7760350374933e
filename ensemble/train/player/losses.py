"""How far a sound is from the one wanted: spectra at several scales, mel bands, or analysed controls.

Conventions: Hann windows that overlap by three quarters and lie wholly inside the sound; magnitudes are divided by the
window's energy, so that white noise reads its root mean square at every scale; `LOG_FLOOR` is added before every
logarithm (natural).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple, ParamSpec, TypeVar

import numpy as np
import torch
from torch import Tensor

from ensemble.audio.spectra import mel_bands
from ensemble.clock import hop_samples
from ensemble.play.inharmonicity import Inharmonicity
from ensemble.play.noise import BAND_HZ
from ensemble.train.gradients import add_windows, compare_spectra
from ensemble.train.player.analysis import NEAR_HARMONIC

P = ParamSpec("P")
T = TypeVar("T")

SCALES = (2048, 1024, 512, 256, 128, 64)
"""Samples per window at 48 kHz; at other rates they last about as long."""
LOG_FLOOR = 1e-4
LOG_CORNER_HZ = 1000.0
"""At 48 kHz four bins in five lie where only noise lives: unweighted, a voice learns to be noise alone."""
LONGEST = (2048, 4096, 8192)
"""The lengths that the longest window may have, in samples at 48 kHz."""
_BINS_APART = 4
PATCH_S = 0.1
"""Over which the power of noise is averaged."""
NOISE_FLOOR = 1e-10
"""Is added to it."""
MEL_WINDOW = 1024
MEL_BANDS = 80


class Distance(NamedTuple):
    """Mean L1 over the scales."""

    linear: Tensor
    """Of magnitudes."""
    logarithmic: Tensor
    """Of their logarithms."""


def _kept(make: Callable[P, T]) -> Callable[P, T]:
    """Keep what was made, for everybody: who measures without gradients may come before who trains."""
    kept: Callable[P, T] = cache(torch.inference_mode(mode=False)(make))  # type: ignore[assignment]
    return kept


@_kept
def _window(size: int, device: torch.device) -> Tensor:
    return torch.hann_window(size, device=device)


@_kept
def log_weights(size: int, sample_rate: int, corner_hz: float | None) -> Tensor:
    """1 / (1 + f / corner), scaled to a mean of 1; all ones without a corner.  [bins]"""
    frequency_hz = torch.arange(size // 2 + 1) * (sample_rate / size)
    weight = torch.ones_like(frequency_hz) if corner_hz is None else 1.0 / (1.0 + frequency_hz / corner_hz)
    return weight / weight.mean()


def spectra(samples: Tensor, size: int) -> Tensor:
    """Complex spectra, a quarter of a window apart.  [batch, samples] -> [batch, bins, frames]"""
    window = _window(size, samples.device)
    return torch.stft(samples, size, size // 4, window=window, center=False, return_complex=True)


def _unit(size: int, device: torch.device) -> float:
    return float(_window(size, device).square().sum().rsqrt())


def scales(sample_rate: int, longest: int = SCALES[0]) -> tuple[int, ...]:
    """The windows' lengths at a rate, powers of two, 32 or more.

    Args:
        sample_rate: in Hz.
        longest: at 48 kHz; where it is not `SCALES`' own, as many windows are spread from it to the shortest. Two
            partials are told apart where they lie four bins apart; see `longest_window`.
    """
    octaves = round(float(np.log2(48_000 / sample_rate)))
    powers = np.linspace(np.log2(longest), np.log2(SCALES[-1]), len(SCALES)).round().astype(int)
    return tuple(1 << power >> octaves for power in powers.tolist() if 1 << power >> octaves >= 32)


def longest_window(lowest_hz: float) -> int:
    """The shortest of `LONGEST` that tells the partials of a note apart, or the longest of them."""
    return next((size for size in LONGEST if size * lowest_hz >= _BINS_APART * 48_000), LONGEST[-1])


def multi_scale_distance(
    samples: Tensor,
    target: Tensor,
    sample_rate: int,
    corner_hz: float | None = LOG_CORNER_HZ,
    longest: int = SCALES[0],
) -> Distance:
    """Compare sounds at every scale, by torch alone: the reference, and the measure.

    Args:
        samples: what is heard.  [batch, samples]
        target: what is wanted.  [batch, samples]
        sample_rate: in Hz.
        corner_hz: above it the logarithmic term counts less and less; None counts every bin alike.
        longest: window; see `scales`.

    Source: Wang et al., 2019 (arXiv:1904.12088); Engel et al., 2020 (arXiv:2001.04643), section 4.2.
    """
    linear, logarithmic = [], []
    for size in scales(sample_rate, longest):
        unit = _unit(size, samples.device)
        heard, wanted = (spectra(sound, size).abs() * unit for sound in (samples, target))
        weight = log_weights(size, sample_rate, corner_hz).to(samples.device).unsqueeze(-1)
        linear.append((heard - wanted).abs().mean())
        apart = torch.log(heard + LOG_FLOOR) - torch.log(wanted + LOG_FLOOR)
        logarithmic.append((weight * apart.abs()).mean())
    return Distance(torch.stack(linear).mean(), torch.stack(logarithmic).mean())


class _MultiScale(torch.autograd.Function):
    """`linear_weight * linear + logarithmic` with its gradient in closed form: four times as fast as torch's own."""

    @staticmethod
    def forward(
        ctx: Any,
        samples: Tensor,
        target: Tensor,
        sample_rate: int,
        corner_hz: float | None,
        linear_weight: float,
        longest: int,
    ) -> Tensor:
        total, gradient = 0.0, torch.zeros_like(samples)
        sizes = scales(sample_rate, longest)
        for size in sizes:
            unit = _unit(size, samples.device)
            heard, wanted = (torch.view_as_real(spectra(sound, size).mT.contiguous()) for sound in (samples, target))
            count = heard.numel() // 2
            weight = log_weights(size, sample_rate, corner_hz).numpy()
            linear, logarithmic = compare_spectra(
                heard.flatten(0, 1).numpy(), wanted.flatten(0, 1).numpy(), weight, unit, LOG_FLOOR, linear_weight
            )
            total += (linear_weight * linear + logarithmic) / count
            _add_adjoint(gradient, torch.view_as_complex(heard), size, 1.0 / (count * len(sizes)))
        ctx.save_for_backward(gradient)
        return torch.tensor(total / len(sizes))

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor, None, None, None, None, None]:
        return upstream[0] * ctx.saved_tensors[0], None, None, None, None, None


def _add_adjoint(gradient: Tensor, by_bin: Tensor, size: int, scale: float) -> None:
    """Carry a gradient from spectra [batch, frames, bins] back to samples [batch, samples], in place.

    The inverse transform counts every bin but the outermost twice, so that those come doubled and all are halved.
    """
    frames = torch.fft.irfft(by_bin, size, norm="forward").numpy()
    window = (_window(size, by_bin.device) * (0.5 * scale)).numpy()
    for item in range(len(frames)):
        add_windows(gradient[item].numpy(), frames[item], window)


def multi_scale_loss(
    samples: Tensor, target: Tensor, sample_rate: int, linear_weight: float = 1.0, longest: int = SCALES[0]
) -> Tensor:
    """What stage two minimises: `multi_scale_distance`, its two terms added up, the linear one weighted."""
    if samples.device.type == "cpu":
        loss: Tensor = _MultiScale.apply(samples, target, sample_rate, LOG_CORNER_HZ, linear_weight, longest)
        return loss
    distance = multi_scale_distance(samples, target, sample_rate, longest=longest)
    return linear_weight * distance.linear + distance.logarithmic


def noise_distance(
    samples: Tensor,
    target: Tensor,
    f0_hz: Tensor,
    sample_rate: int,
    inharmonicity: Inharmonicity | None = None,
    window: int = SCALES[0],
) -> Tensor:
    """How far the noise between the partials is from the one wanted: mean L1 between logarithms of its mean power.

    Two noises are never alike. Where one shares a bin with a partial it only adds to a distance between magnitudes,
    which is smallest without noise; the power of many bins without partials, averaged, tells its level.

    Args:
        samples: what is heard.  [batch, samples]
        target: what is wanted.  [batch, samples]
        f0_hz: held through rests.  [batch, frames]
        sample_rate: in Hz.
        inharmonicity: stretches the partials; whole multiples where absent.
        window: in samples at 48 kHz; twice as long as one that tells partials apart keeps the gaps clear of them.

    Source: averaged periodograms: Welch, The use of fast Fourier transform for the estimation of power spectra, IEEE
    Trans. Audio Electroacoust. 15 (1967).
    """
    size = scales(sample_rate, window)[0]
    heard, wanted = (spectra(sound, size) for sound in (samples, target))
    centre = torch.arange(heard.shape[-1]) * (size // 4) + size // 2
    asked_hz = f0_hz[:, (centre // hop_samples(sample_rate)).clamp(max=f0_hz.shape[1] - 1)]
    bin_hz = torch.arange(size // 2 + 1, device=f0_hz.device) * (sample_rate / size)
    gaps = _between_partials(bin_hz, asked_hz, inharmonicity).float()

    num_bands = int(sample_rate / 2 // BAND_HZ) + 1
    band = (bin_hz / BAND_HZ).round().long().clamp(max=num_bands - 1)
    share = torch.nn.functional.one_hot(band, num_bands).float().T
    windows = min(max(round(4 * PATCH_S * sample_rate / size), 1), heard.shape[-1])

    def patches(powers: Tensor) -> Tensor:
        """Sums over a band, means over time.  [batch, bins, frames] -> [batch, bands, patches]"""
        return torch.nn.functional.avg_pool1d(share @ (powers * gaps), windows)

    count = patches(torch.ones_like(gaps))
    unit = _unit(size, samples.device) ** 2
    levels = (
        torch.log(unit * patches(torch.view_as_real(sound).square().sum(-1)) / count.clamp(min=1.0) + NOISE_FLOOR)
        for sound in (heard, wanted)
    )
    weight = log_weights(2 * (num_bands - 1), sample_rate, LOG_CORNER_HZ).to(samples.device).unsqueeze(-1)
    weight = weight * (count >= 1.0)
    distance: Tensor = ((next(levels) - next(levels)).abs() * weight).sum() / weight.sum().clamp(min=1e-6)
    return distance


def _between_partials(bin_hz: Tensor, f0_hz: Tensor, inharmonicity: Inharmonicity | None) -> Tensor:
    """Whether a bin is farther than `NEAR_HARMONIC` of f0 from every partial.  [batch, bins, frames]"""
    height = bin_hz.unsqueeze(-1) / f0_hz.unsqueeze(1).clamp(min=1.0)
    if inharmonicity is not None:  # number k of the partial k f0 sqrt(1 + B k^2) that would lie here
        stiffness = torch.from_numpy(inharmonicity.at(f0_hz.cpu().numpy())).to(height).unsqueeze(1)
        height = height * (2.0 / (1.0 + (1.0 + 4.0 * stiffness * height.square()).sqrt())).sqrt()
    return ((height - height.round()).abs() > NEAR_HARMONIC) & (height > 0.5)


@_kept
def _mel(sample_rate: int, device: torch.device) -> Tensor:
    bands = mel_bands(MEL_BANDS, MEL_WINDOW, sample_rate, 0.0, sample_rate / 2)
    return torch.from_numpy(bands.T.copy()).to(device)


def mel_magnitudes(samples: Tensor, sample_rate: int, power: float = 1.0) -> Tensor:
    """Mel bands of the magnitudes, or of their power.  [batch, samples] -> [batch, 80, frames]"""
    heard = spectra(samples, MEL_WINDOW).abs() * _unit(MEL_WINDOW, samples.device)
    return _mel(sample_rate, samples.device) @ heard.pow(power)


def log_mel_distance(samples: Tensor, target: Tensor, sample_rate: int) -> Tensor:
    """Mean L1 between logarithms of mel bands: a measure."""
    heard, wanted = (torch.log(mel_magnitudes(sound, sample_rate) + LOG_FLOOR) for sound in (samples, target))
    return (heard - wanted).abs().mean()


@_kept
def _torchaudio_mel(sample_rate: int, device: torch.device) -> Any:
    from torchaudio.transforms import MelSpectrogram  # type: ignore[import-untyped]

    return MelSpectrogram(sample_rate, n_fft=1024, hop_length=256, n_mels=80, norm="slaney").to(device)


def mel_l1_loss(samples: Tensor, target: Tensor, sample_rate: int) -> Tensor:
    """The first recipe: L1 between torchaudio's mel spectrograms, of power, n_fft 1024, 80 mels."""
    mel = _torchaudio_mel(sample_rate, samples.device)
    distance: Tensor = (mel(samples) - mel(target)).abs().mean()
    return distance


def regression_loss(
    controls: tuple[Tensor, Tensor, Tensor], harmonics: Tensor, noise: Tensor, is_voiced: Tensor
) -> Tensor:
    """What stage one minimises: analysed levels against the network's, by logarithm and by value.

    Args:
        controls: the network's amplitude, harmonics and noise, as in `sound`.
        harmonics: analysed amplitude of every harmonic.  [batch, frames, num_harmonics]
        noise: analysed magnitudes.  [batch, frames, bands]
        is_voiced: where the analysis knows the harmonics, 0 or 1.  [batch, frames]
    """
    amplitude, shares, magnitudes = controls
    levels = amplitude.unsqueeze(-1) * shares
    low = 1.0 / torch.arange(1, levels.shape[-1] + 1, device=levels.device).sqrt()  # low harmonics are heard most
    where = is_voiced.unsqueeze(-1) * (low / low.mean())
    apart = torch.log(levels + LOG_FLOOR) - torch.log(harmonics + LOG_FLOOR)
    harmonic = (where * (apart.abs() + 10.0 * (levels - harmonics).abs())).mean()
    noisy = (torch.log(magnitudes + LOG_FLOOR) - torch.log(noise + LOG_FLOOR)).abs().mean()
    return harmonic + 0.5 * noisy
