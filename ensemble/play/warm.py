"""Compiles the CPU kernels ahead of the first render."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from ensemble.clock import QUANTUM_FRAMES, SAMPLE_RATES_HZ
from ensemble.config import FollowerSettings
from ensemble.play.inharmonicity import Inharmonicity
from ensemble.play.kernels import KERNELS, is_cached
from ensemble.play.oscillator import harmonic_bank
from ensemble.play.player import make_player
from ensemble.play.sizes import NUM_HARMONICS
from ensemble.settings.effects import AmplifierSettings, CompressorSettings
from ensemble.types.music import Cue, Hit


def kernels_are_cached() -> bool:
    """Whether the machine code of every kernel is cached; if not, the first render takes some seconds longer."""
    return all(is_cached(kernel) for kernel in KERNELS)


def compile_kernels(rates: Iterable[int] = SAMPLE_RATES_HZ) -> None:
    """Compile or load every kernel, and fill the tables of the given rates, by playing one quantum at each.

    Raises:
        ConfigError: a rate is unknown.
    """
    f0_hz = np.full((1, QUANTUM_FRAMES), 220.0, np.float32)
    cue = Cue(
        part="warm",
        start_frame=0,
        f0_hz=f0_hz,
        level_db=np.zeros_like(f0_hz),
        loudness_db=np.full(QUANTUM_FRAMES, -20.0, np.float32),
        hits=(Hit(time_s=0.0, drum="closed_hat", velocity=1.0, index=0),),
        is_last=True,
    )
    line = FollowerSettings(
        name="warm", instrument="violin", role="double", voice="seeded", amplifier=AmplifierSettings(), tilt_db=1.0
    )
    kit = FollowerSettings(
        name="warm", instrument="drums", role="drums", voice="drums", compressor=CompressorSettings()
    )
    stiff = Inharmonicity(pitch_midi=(60.0,), coefficient=(1e-4,))
    loud = np.ones((1, QUANTUM_FRAMES, NUM_HARMONICS), np.float32)
    for sample_rate in rates:
        harmonic_bank(f0_hz[:, 1:], f0_hz[:, 1:], loud, np.zeros((1, NUM_HARMONICS)), sample_rate, stiff)
        for follower in (line, kit):
            player = make_player(follower, sample_rate, seed=0)
            player.play(cue, player.start())
