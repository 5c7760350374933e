"""How far a voice's controls are from the loudness that was asked for: their power tells it, before they sound.

A spectral distance says little of it in low notes: the fundamental holds most of the magnitude and noise most of the
bins, while A-weighting hears the partials between. A double bass was 1 dB too soft in every held note.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ensemble.audio.spectra import a_weighting
from ensemble.play.noise import BAND_HZ, WHITE_POWER
from ensemble.play.torch_synth import nyquist_taper

AUDIBLE_DB = -60.0
STEADY_DB = 1.0
"""In a frame: where loudness moves faster, its window holds an onset or an end, and controls are not judged."""
_SINE_POWER = 0.5


def loudness_error(
    controls: tuple[Tensor, Tensor, Tensor], f0_hz: Tensor, loudness_db: Tensor, sample_rate: int
) -> Tensor:
    """Mean L1 between the loudness of controls and the one asked for, as the logarithm of an amplitude (natural).

    Args:
        controls: amplitude [batch, frames], harmonics [batch, frames, num_harmonics] and noise [batch, frames, bands].
        f0_hz: of the controls.  [batch, frames]
        loudness_db: A-weighted, of a full-scale 1 kHz sine 0.  [batch, frames]
        sample_rate: in Hz.

    Returns:
        Over frames that sound and are steady; 0 where none are.
    """
    amplitude, shares, magnitudes = controls
    moved_db = loudness_db.diff(dim=1).abs()
    frames = torch.maximum(moved_db[:, 1:], moved_db[:, :-1]) < STEADY_DB
    frames &= loudness_db[:, 1:-1] > AUDIBLE_DB
    if not frames.any():
        return torch.zeros((), device=f0_hz.device)
    pitch_hz, asked_db = f0_hz[:, 1:-1][frames], loudness_db[:, 1:-1][frames]
    levels = (amplitude.unsqueeze(-1) * shares)[:, 1:-1][frames]
    levels = levels * nyquist_taper(pitch_hz, levels.shape[-1], sample_rate)
    noise = magnitudes[:, 1:-1][frames]
    number = torch.arange(1, levels.shape[-1] + 1, device=f0_hz.device)
    power = (levels.square() * _weight(pitch_hz.unsqueeze(-1) * number)).sum(dim=-1)
    bands = _weight(BAND_HZ * torch.arange(noise.shape[-1], device=f0_hz.device))
    power = power + noise.square() @ bands * (WHITE_POWER / (noise.shape[-1] - 1) / _SINE_POWER)
    error: Tensor = (0.5 * torch.log(power + 1e-12) - asked_db * (np.log(10.0) / 20.0)).abs().mean()
    return error


def _weight(frequency_hz: Tensor) -> Tensor:
    """Power gain of A-weighting."""
    gain = a_weighting(frequency_hz.detach().double().cpu().numpy())
    return torch.from_numpy(np.asarray(gain, np.float32)).to(frequency_hz.device)
