"""How fast a voice trains on one core, beside a textbook step in the same process.

Convention: CPU seconds of one forward and backward pass over the same seconds of sound at 48 kHz, the best of the
turns that the two sides take. The textbook's step: a GRU of 3 x 512, controls interpolated to every sample, phase by a
running sum, a bank of a hundred sines, noise scaled per frame by a filter, and L1 between mel spectrograms.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import torch
from torch import Tensor

from ensemble.clock import hop_samples
from ensemble.play.noise import reach_samples
from ensemble.play.seeded import seeded_voice
from ensemble.play.voice_network import NeuralSynthesizer
from ensemble.threads import one_thread
from ensemble.train.player.losses import mel_l1_loss, multi_scale_loss
from ensemble.train.sounding import sound

RATE = 48_000
BATCH, FRAMES = 8, 100
TURNS = 3


def bench_train() -> dict[str, float]:
    """Measure a training step.

    Returns:
        train_step_s, textbook_step_s: CPU seconds for `BATCH` crops of a second; train_ratio: how many times faster;
        train_realtime: seconds of sound learned from per CPU second.
    """
    with one_thread():
        small = NeuralSynthesizer.from_weights(seeded_voice(0, "violin", "starter"))
        large = NeuralSynthesizer.from_weights(seeded_voice(0, "violin", "large"))
        draw = torch.Generator().manual_seed(0)
        f0_hz = torch.linspace(250.0, 900.0, BATCH)[:, None].expand(BATCH, FRAMES + 1).contiguous()
        asked_db = torch.full_like(f0_hz, -20.0)
        num_samples = FRAMES * hop_samples(RATE)
        wanted = 0.1 * torch.randn(BATCH, num_samples, generator=draw)
        white = torch.rand(BATCH, num_samples + 2 * reach_samples(RATE), generator=draw) * 2 - 1

        def ours() -> None:
            amplitude, harmonics, noise, _ = small(f0_hz, asked_db)
            heard = sound((amplitude, harmonics, noise), f0_hz, asked_db, white, RATE)
            multi_scale_loss(heard, wanted, RATE).backward()  # type: ignore[no-untyped-call]

        def textbook() -> None:
            mel_l1_loss(_textbook_sound(large, f0_hz[:, :-1], asked_db[:, :-1]), wanted, RATE).backward()  # type: ignore[no-untyped-call]

        for side in (ours, textbook):
            side()  # compile, and fill the tables
        turns = [(_cpu_s(ours), _cpu_s(textbook)) for _ in range(TURNS)]
    step_s, textbook_s = (min(seconds) for seconds in zip(*turns, strict=True))
    return {
        "train_step_s": step_s,
        "textbook_step_s": textbook_s,
        "train_ratio": textbook_s / step_s,
        "train_realtime": BATCH * FRAMES / 100.0 / step_s,
    }


def _cpu_s(step: Callable[[], None]) -> float:
    began = time.process_time()
    step()
    return time.process_time() - began


def _textbook_sound(network: NeuralSynthesizer, f0_hz: Tensor, asked_db: Tensor) -> Tensor:
    """The textbook's synthesizer.  [batch, frames] -> [batch, samples]"""
    amplitude, harmonics, noise, _ = network(f0_hz, asked_db)
    batch, num_frames = f0_hz.shape
    hop = hop_samples(RATE)

    def to_samples(curve: Tensor) -> Tensor:
        spread = torch.nn.functional.interpolate(curve.mT, size=num_frames * hop, mode="linear")
        return spread.mT

    phase_rad = 2 * math.pi * torch.cumsum(to_samples(f0_hz.unsqueeze(-1)) / RATE, dim=1)
    number = torch.arange(1, harmonics.shape[-1] + 1)
    voiced = (torch.sin(phase_rad * number) * to_samples(harmonics)).sum(-1) * to_samples(amplitude.unsqueeze(-1))[
        ..., 0
    ]
    white = torch.rand(batch * num_frames, hop) * 2 - 1
    response = torch.fft.rfft(torch.fft.irfft(noise.flatten(0, 1)), 1024)
    filtered = torch.fft.irfft(torch.fft.rfft(white, 1024) * response)[:, :hop]
    samples: Tensor = voiced + filtered.reshape(batch, -1)
    return samples
