"""The built-in drum kit: every drum as a sum of decaying sines, noise in bands, and a click."""

from __future__ import annotations

from dataclasses import dataclass

from ensemble.types.music import DrumClass


@dataclass(frozen=True, slots=True, kw_only=True)
class Mode:
    """A decaying sine of a drum."""

    f0_hz: float
    """Frequency once the drum's pitch has settled."""
    level: float
    """Amplitude relative to the drum's other sines."""
    decay_s: float
    """Time in which the amplitude falls to 1/e."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoiseBand:
    """Noise between two frequencies with a fast and a slow decay."""

    low_hz: float
    """Lower edge of the band."""
    high_hz: float
    """Upper edge of the band."""
    level: float
    """Root mean square at the beginning."""
    fast_s: float
    """Time in which the fast part falls to 1/e."""
    slow_s: float
    """Time in which the slow part falls to 1/e."""
    slow_level: float
    """Share of the slow part in the level at the beginning, 0..1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drum:
    """One drum or cymbal."""

    peak: float
    """Peak of a stroke at velocity 1."""
    duration_s: float
    """Length of a stroke, at whose end it has faded."""
    modes: tuple[Mode, ...] = ()
    """Its decaying sines."""
    bands: tuple[NoiseBand, ...] = ()
    """Its noise."""
    sweep: float = 0.0
    """How far above its settled pitch a hard stroke begins, as a share of that pitch."""
    sweep_s: float = 0.02
    """Time in which that excess falls to 1/e."""
    click: float = 0.0
    """Level of the stick's click, noise of 2 ms."""


def _modes(*rows: tuple[float, float, float]) -> tuple[Mode, ...]:
    return tuple(Mode(f0_hz=f0_hz, level=level, decay_s=decay_s) for f0_hz, level, decay_s in rows)


def _bands(*rows: tuple[float, float, float, float, float, float]) -> tuple[NoiseBand, ...]:
    return tuple(
        NoiseBand(low_hz=low, high_hz=high, level=level, fast_s=fast, slow_s=slow, slow_level=share)
        for low, high, level, fast, slow, share in rows
    )


KIT: dict[DrumClass, Drum] = {
    "kick": Drum(
        peak=0.8,
        duration_s=0.7,
        modes=_modes((54.0, 1.0, 0.16), (97.0, 0.25, 0.07), (161.0, 0.1, 0.035)),
        bands=_bands((300.0, 1200.0, 0.10, 0.006, 0.03, 0.2), (1200.0, 5000.0, 0.10, 0.004, 0.015, 0.15)),
        sweep=2.2,
        sweep_s=0.018,
        click=0.25,
    ),
    "snare": Drum(
        peak=0.68,
        duration_s=0.6,
        modes=_modes((184.0, 1.0, 0.075), (286.0, 0.5, 0.05), (331.0, 0.45, 0.045), (472.0, 0.2, 0.03)),
        bands=_bands(
            (250.0, 1000.0, 0.30, 0.03, 0.09, 0.3),
            (1000.0, 3000.0, 0.55, 0.035, 0.11, 0.35),
            (3000.0, 7000.0, 0.75, 0.03, 0.12, 0.4),
            (7000.0, 14000.0, 0.45, 0.025, 0.10, 0.4),
        ),
        sweep=0.35,
        sweep_s=0.012,
        click=0.35,
    ),
    "closed_hat": Drum(
        peak=0.34,
        duration_s=0.3,
        modes=_modes((5870.0, 0.20, 0.02), (6730.0, 0.16, 0.018), (7310.0, 0.14, 0.02), (9120.0, 0.12, 0.016)),
        bands=_bands(
            (4500.0, 7000.0, 0.45, 0.010, 0.045, 0.30),
            (7000.0, 11000.0, 1.00, 0.012, 0.050, 0.35),
            (11000.0, 19000.0, 0.70, 0.010, 0.040, 0.30),
        ),
        click=0.2,
    ),
    "open_hat": Drum(
        peak=0.36,
        duration_s=1.4,
        modes=_modes((5870.0, 0.16, 0.25), (6730.0, 0.14, 0.22), (7310.0, 0.12, 0.25), (9120.0, 0.10, 0.2)),
        bands=_bands(
            (4500.0, 7000.0, 0.50, 0.04, 0.30, 0.55),
            (7000.0, 11000.0, 1.00, 0.05, 0.34, 0.60),
            (11000.0, 19000.0, 0.60, 0.04, 0.26, 0.55),
        ),
        click=0.15,
    ),
    "crash": Drum(
        peak=0.55,
        duration_s=3.2,
        modes=_modes((421.0, 0.06, 0.5), (887.0, 0.06, 0.6), (2140.0, 0.06, 0.7), (3470.0, 0.06, 0.6)),
        bands=_bands(
            (500.0, 1500.0, 0.25, 0.06, 0.45, 0.4),
            (1500.0, 4000.0, 0.55, 0.09, 0.70, 0.5),
            (4000.0, 9000.0, 1.00, 0.12, 0.85, 0.55),
            (9000.0, 17000.0, 0.70, 0.10, 0.60, 0.5),
        ),
        click=0.3,
    ),
    "ride": Drum(
        peak=0.3,
        duration_s=2.4,
        modes=_modes(
            (1270.0, 0.18, 0.35), (2310.0, 0.30, 0.45), (3190.0, 0.45, 0.5), (4480.0, 0.40, 0.45), (5630.0, 0.30, 0.4)
        ),
        bands=_bands(
            (2500.0, 6000.0, 0.50, 0.02, 0.45, 0.30),
            (6000.0, 11000.0, 0.70, 0.02, 0.50, 0.30),
            (11000.0, 17000.0, 0.35, 0.02, 0.35, 0.25),
        ),
        click=0.5,
    ),
    "tom": Drum(
        peak=0.68,
        duration_s=0.9,
        modes=_modes((112.0, 1.0, 0.20), (178.0, 0.30, 0.11), (243.0, 0.18, 0.08), (309.0, 0.10, 0.06)),
        bands=_bands((200.0, 1000.0, 0.12, 0.015, 0.06, 0.3), (1000.0, 5000.0, 0.10, 0.008, 0.03, 0.2)),
        sweep=0.45,
        sweep_s=0.035,
        click=0.25,
    ),
}
