"""Can a small network tell played sound from recordings? A classifier two-sample test on patches of log-mel spectra.

Source: Lopez-Paz and Oquab, Revisiting Classifier Two-Sample Tests, ICLR 2017 (arXiv:1610.06545).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from ensemble.train.player.losses import LOG_FLOOR, mel_magnitudes
from ensemble.types.music import FloatArray

PATCH_S = 0.5
SPECTRA, MEL_BANDS = 24, 80
"""In a patch."""
QUIET_DB = -50.0
"""A patch of the recording whose RMS lies lower is passed over, and with it the played one."""
SEEDS, FOLDS = 3, 2
STEPS, BATCH, LEARNING_RATE = 120, 32, 3e-3


def patches(sound: FloatArray, truth: FloatArray, sample_rate: int) -> Tensor:
    """Cut a sound where the truth sounds.

    Args:
        sound: as long as the truth.  [samples]
        truth: the recording.  [samples]
        sample_rate: in Hz.

    Returns:
        Logarithms of mel bands.  [patches, 1, bands, spectra]
    """
    length = round(PATCH_S * sample_rate)
    count = len(truth) // length
    cut = [torch.from_numpy(one[: count * length].reshape(count, length)) for one in (truth, sound)]
    loud = 10 * torch.log10(cut[0].square().mean(dim=1) + 1e-12) > QUIET_DB
    if not loud.any():
        return torch.zeros(0, 1, MEL_BANDS, SPECTRA)
    bands = torch.log(mel_magnitudes(cut[1][loud], sample_rate) + LOG_FLOOR)
    return nn.functional.adaptive_avg_pool1d(bands, SPECTRA)[:, None]


def told_apart(recorded: Sequence[Tensor], played: Sequence[Tensor]) -> float | None:
    """How surely the network tells the two kinds apart on pieces that it did not learn from.

    Args:
        recorded: `patches` of the truth, by piece.
        played: of the same pieces.

    Returns:
        The area under the curve, the mean of `SEEDS` networks: 1 is told at once, 0.5 never. None with fewer than two
        pieces that sound.
    """
    pairs = [pair for pair in zip(recorded, played, strict=True) if len(pair[0])]
    if len(pairs) < FOLDS:
        return None
    areas = []
    for seed in range(SEEDS):
        for fold in range(FOLDS):
            learned = [pair for at, pair in enumerate(pairs) if at % FOLDS != fold]
            asked = [pair for at, pair in enumerate(pairs) if at % FOLDS == fold]
            areas.append(_area(_taught(learned, seed), asked))
    return round(float(np.mean(areas)), 4)


def _stacked(pairs: Sequence[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    """All patches, and 1 for those of recordings."""
    kinds = [torch.cat([torch.ones(len(true)), torch.zeros(len(played))]) for true, played in pairs]
    return torch.cat([torch.cat(pair) for pair in pairs]), torch.cat(kinds)


def _taught(pairs: Sequence[tuple[Tensor, Tensor]], seed: int) -> nn.Module:
    found, kinds = _stacked(pairs)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = nn.Sequential(
            nn.BatchNorm2d(1), nn.Conv2d(1, 8, 5, stride=2), nn.ReLU(), nn.Conv2d(8, 16, 3, stride=2), nn.ReLU(),
            nn.Conv2d(16, 16, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 1),
        )  # fmt: skip
        steps = torch.optim.Adam(network.parameters(), LEARNING_RATE)
        for _ in range(STEPS):
            batch = torch.randint(len(found), (BATCH,))
            loss = nn.functional.binary_cross_entropy_with_logits(network(found[batch])[:, 0], kinds[batch])
            steps.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            steps.step()
    return network.eval()


def _area(network: nn.Module, pairs: Sequence[tuple[Tensor, Tensor]]) -> float:
    found, kinds = _stacked(pairs)
    with torch.inference_mode():
        scores = network(found)[:, 0]
    above = scores[kinds == 1][:, None] - scores[kinds == 0][None]
    return float((above > 0).float().mean() + 0.5 * (above == 0).float().mean())
