"""How loud the drums of a fitted kit are, and how much darker a soft stroke is than a hard one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ensemble.audio.spectra import a_weighting
from ensemble.play.fitted_kit import FittedDrum, band_centres_hz, octaves_up
from ensemble.play.kit_file import KitWeights
from ensemble.play.strokes import MADE_AT_HZ, NUM_VARIANTS, VELOCITY_STEPS, stroke

Array = NDArray[np.float64]
BALANCED_STEPS = (2, 3, 4, 6, 8)
HIGHEST_PEAK = 0.9
"""Of a stroke at velocity 1, whatever its hand."""
_SPECTRUM_SAMPLES = 1 << 18
_HEARD_S = 0.25
_HALF_BAND_OCTAVES = 0.15


def tilt_db(soft: Array, hard: Array, halvings: float) -> float:
    """How much darker a soft stroke is: dB per octave (of `octaves_up`) and halving of velocity.

    The slope of a line through the differences of their bands, each weighted by the square root of what of the hard
    stroke passes A-weighting there.

    Args:
        soft: [samples], at 48 kHz.
        hard: [samples].
        halvings: of the velocity, between them.
    """
    hz = _spectrum_hz()
    heard = round(_HEARD_S * MADE_AT_HZ)
    powers = [np.square(np.abs(np.fft.rfft(one[:heard], _SPECTRUM_SAMPLES))) for one in (soft, hard)]
    centres = band_centres_hz()
    near = np.abs(np.log2(np.maximum(hz, 1.0) / centres[:, None])) < _HALF_BAND_OCTAVES
    bands = np.array([[power[one].sum() for one in near] for power in powers]) + 1e-12
    difference_db = 10.0 * np.log10(bands[1] / bands[0])
    weight = np.sqrt(bands[1] * a_weighting(centres))
    slope = np.polyfit(octaves_up(centres), difference_db, 1, w=np.sqrt(weight))[0]
    return float(slope / halvings)


def pivot_hz(hard: Array) -> float:
    """The middle of a stroke's spectrum as it is heard: the A-weighted mean of the logarithm of frequency."""
    hz = _spectrum_hz()[1:]
    power = np.square(np.abs(np.fft.rfft(hard, _SPECTRUM_SAMPLES)))[1:] * a_weighting(hz)
    return float(np.exp((power * np.log(hz)).sum() / power.sum()))


def balanced(kit: KitWeights) -> KitWeights:
    """Make every drum as loud as the formula's at every velocity, or as a peak of `HIGHEST_PEAK` allows.

    The formula's levels are what the bands were balanced with. A line over the logarithm of velocity gives what a
    drum's level lacks: its slope is the contrast, its height the gain.
    """
    tensors = dict(kit.tensors)
    for drum in kit.card.drums:
        fitted = FittedDrum(drum, kit)
        lacking = [
            0.5 * np.log(loudness(stroke(drum, step, 0, MADE_AT_HZ)) / loudness(fitted.made(step / VELOCITY_STEPS, 0)))
            for step in BALANCED_STEPS
        ]
        contrast, level = np.polyfit(np.log(np.array(BALANCED_STEPS) / VELOCITY_STEPS), lacking, 1)
        peak = max(float(np.abs(fitted.made(1.0, variant)).max()) for variant in range(NUM_VARIANTS))
        tensors[f"{drum}/gain"] = np.array([min(np.exp(level), HIGHEST_PEAK / peak)], np.float32)
        tensors[f"{drum}/contrast"] = np.array([max(contrast, 0.0)], np.float32)
    return KitWeights(card=kit.card, tensors=tensors)


def loudness(samples: NDArray[np.floating]) -> float:
    """A-weighted energy."""
    power = np.square(np.abs(np.fft.rfft(samples, _SPECTRUM_SAMPLES)))
    return float((power * a_weighting(_spectrum_hz())).sum())


def _spectrum_hz() -> Array:
    hz: Array = np.fft.rfftfreq(_SPECTRUM_SAMPLES, 1.0 / MADE_AT_HZ).astype(np.float64)
    return hz
