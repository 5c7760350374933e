"""Joining two sounds: aligned by cross-correlation, cross-faded at constant power whatever they have in common."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ensemble.types.music import FloatArray

Array = NDArray[np.float64]
SHIFT_COST = 0.1
"""What the longest shift takes from the correlation: a little likeness is not worth being late."""
SILENT_POWER = 1e-10
"""-100 dBFS: there is nothing to align."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alignment:
    """How far into `incoming` its match begins, in samples from the middle of the reach, and how alike they are there.

    offset_samples: positive plays the incoming sound earlier. correlation: -1..1, 0 where either is silent.
    """

    offset_samples: int
    correlation: float


def align(outgoing: FloatArray, incoming: FloatArray) -> Alignment:
    """Shift the incoming sound to where it looks most like the outgoing one.

    Args:
        outgoing: [samples], mono.
        incoming: [samples + 2 * reach], mono: the place that lies on `outgoing` without a shift, and what lies around.

    Returns:
        The shift of largest normalised cross-correlation, less `SHIFT_COST` at the ends of the reach and in proportion
        to the square nearer by; of equals the smallest. No shift where either is silent.
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
    best = min(np.flatnonzero(worth == worth.max()).tolist(), key=lambda place: abs(place - reach))
    return Alignment(offset_samples=best - reach, correlation=float(np.clip(correlation[best], -1.0, 1.0)))


def fade_gains(num_samples: int, correlation: float) -> tuple[Array, Array]:
    """Gains out and in under which the power of the sum stays what it was.

    Equal power where the sounds have nothing in common, equal gain where they are the same, and in between by how
    alike they are; opposite sounds are faded as if unrelated, since no gain that is safe would hold their level. Both
    begin and end level: a fade with a corner would itself be heard in a low note.

    Args:
        num_samples: length of the fade.
        correlation: of the two sounds at equal power.

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
    """Normalised correlation of two sounds as they lie on each other.  [channels, samples] each, -1..1"""
    fixed, moving = outgoing.astype(np.float64).ravel(), incoming.astype(np.float64).ravel()
    powers = float(np.square(fixed).sum()), float(np.square(moving).sum())
    if min(powers) <= SILENT_POWER * len(fixed):
        return 0.0
    return float(np.clip((fixed * moving).sum() / np.sqrt(powers[0] * powers[1]), -1.0, 1.0))


def overlap_add(before: FloatArray, after: FloatArray, fade_samples: int) -> FloatArray:
    """One sound that fades out of `before` and into `after` where they overlap; outside it not a bit is changed.

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
