"""Joins two sounds: aligns them by cross-correlation, and cross-fades them so that the power stays constant."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ensemble.types.music import FloatArray

Array = NDArray[np.float64]
SHIFT_COST = 0.1
"""Taken from the correlation at the longest shift, so that a slightly better match does not shift the sound far."""
SILENT_POWER = 1e-10
"""At this power (-100 dBFS) and below a sound counts as silent, and is not aligned."""


def align(outgoing: FloatArray, incoming: FloatArray) -> int:
    """Find the shift at which the incoming sound matches the outgoing one best; positive plays it earlier.

    Args:
        outgoing: mono.  [samples]
        incoming: mono; without a shift, its middle lies on `outgoing`.  [samples + 2 * reach]

    Returns:
        The shift, up to `reach` samples either way, with the largest normalised cross-correlation minus a cost that
        grows with the square of the shift, up to `SHIFT_COST`; the smallest of equally good shifts. No shift where
        either sound is silent.
    """
    reach = (len(incoming) - len(outgoing)) // 2
    fixed, moving = outgoing.astype(np.float64), incoming.astype(np.float64)
    products = np.correlate(moving, fixed, mode="valid")
    running = np.concatenate([[0.0], np.cumsum(np.square(moving))])
    powers = running[len(fixed) :] - running[: len(running) - len(fixed)]
    power = float(np.square(fixed).sum())
    silent = SILENT_POWER * len(fixed)
    audible = (powers > silent) & (power > silent)
    correlation = np.where(audible, products / np.sqrt(np.maximum(powers * power, silent**2)), 0.0)
    offsets = np.arange(len(correlation)) - reach
    worth = correlation - SHIFT_COST * np.square(offsets / max(reach, 1))
    best: int = min(offsets[worth == worth.max()].tolist(), key=abs)
    return best


def fade_gains(num_samples: int, correlation: float) -> tuple[Array, Array]:
    """The gains of a cross-fade under which the power of the sum stays constant.

    Equal power for unrelated sounds, equal gain for identical ones, and between the two by their correlation. Sounds
    of negative correlation are faded as if unrelated, since the gains that keep their level would be too large. Both
    curves begin and end with slope 0, since a corner would be audible in a low note.

    Args:
        num_samples: length of the fade.
        correlation: normalised correlation of the two sounds.

    Returns:
        Gain of the outgoing and of the incoming sound.  [num_samples] each

    Source: the normalisation is Fink, Holters, Zölzer, Signal-Matched Power-Complementary Cross-Fading and Dry-Wet
    Mixing, DAFx 2016.
    """
    time = (np.arange(num_samples) + 0.5) / num_samples
    angle = np.pi / 2 * np.square(np.sin(np.pi / 2 * time))
    fade_out, fade_in = np.cos(angle), np.sin(angle)
    power = 1.0 + 2.0 * max(correlation, 0.0) * fade_out * fade_in
    return fade_out / np.sqrt(power), fade_in / np.sqrt(power)


def likeness(outgoing: FloatArray, incoming: FloatArray) -> float:
    """Normalised correlation of two sounds of equal length, -1..1.  [channels, samples] each"""
    fixed, moving = outgoing.astype(np.float64).ravel(), incoming.astype(np.float64).ravel()
    powers = float(np.square(fixed).sum()), float(np.square(moving).sum())
    if min(powers) <= SILENT_POWER * len(fixed):
        return 0.0
    return float(np.clip((fixed * moving).sum() / np.sqrt(powers[0] * powers[1]), -1.0, 1.0))


def overlap_add(before: FloatArray, after: FloatArray, fade_samples: int) -> FloatArray:
    """Cross-fade from `before` to `after` where they overlap; the samples outside the overlap stay as they are.

    Args:
        before: [channels, samples], its last `fade_samples` overlap.
        after: [channels, samples], its first `fade_samples` overlap.
        fade_samples: length of the cross-fade, 0 or more.

    Returns:
        [channels, before + after - fade_samples]

    Raises:
        ValueError: either is shorter than the fade, or they differ in channels.
    """
    shorter = min(before.shape[1], after.shape[1])
    if not 0 <= fade_samples <= shorter or len(before) != len(after):
        raise ValueError(f"cannot fade over {fade_samples} samples from {before.shape} to {after.shape}")
    kept = before.shape[1] - fade_samples
    outgoing, incoming = before[:, kept:], after[:, :fade_samples]
    fade_out, fade_in = fade_gains(fade_samples, likeness(outgoing, incoming))
    faded = (outgoing * fade_out + incoming * fade_in).astype(np.float32)
    return np.concatenate([before[:, :kept], faded, after[:, fade_samples:]], axis=1)
