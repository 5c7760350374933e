"""The built-in drum kits, sticks and brushes: every drum as a sum of decaying sines, noise in bands, and a click."""

from __future__ import annotations

from dataclasses import dataclass, replace

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
    attack_s: float = 0.0006
    """Time in which a stroke begins."""
    bursts_s: tuple[float, ...] = (0.0,)
    """When its noise begins, and begins again."""


def _modes(*rows: tuple[float, float, float]) -> tuple[Mode, ...]:
    return tuple(Mode(f0_hz=f0_hz, level=level, decay_s=decay_s) for f0_hz, level, decay_s in rows)


def _bands(*rows: tuple[float, float, float, float, float, float]) -> tuple[NoiseBand, ...]:
    return tuple(
        NoiseBand(low_hz=low, high_hz=high, level=level, fast_s=fast, slow_s=slow, slow_level=share)
        for low, high, level, fast, slow, share in rows
    )


def _tuned(drum: Drum, pitch: float, length: float, peak: float) -> Drum:
    """The same kind of drum, of another size."""
    return replace(
        drum,
        peak=peak,
        duration_s=drum.duration_s * length,
        modes=tuple(replace(one, f0_hz=one.f0_hz * pitch, decay_s=one.decay_s * length) for one in drum.modes),
        bands=tuple(
            replace(
                one, low_hz=one.low_hz * pitch, high_hz=min(one.high_hz * pitch, 19_000.0),
                fast_s=one.fast_s * length, slow_s=one.slow_s * length,
            )
            for one in drum.bands
        ),
    )  # fmt: skip


_STRUCK: dict[DrumClass, Drum] = {
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
TOMS: dict[DrumClass, tuple[float, float]] = {"high_tom": (1.45, 0.85), "low_tom": (0.73, 1.2)}
"""Pitch and length of the other toms against the middle one."""
KIT: dict[DrumClass, Drum] = {
    **_STRUCK,
    "rim": Drum(
        peak=0.36,
        duration_s=0.2,
        modes=_modes((830.0, 0.5, 0.016), (1740.0, 1.0, 0.013), (2660.0, 0.55, 0.010), (4130.0, 0.3, 0.007)),
        bands=_bands((1500.0, 6000.0, 0.35, 0.004, 0.016, 0.2), (6000.0, 12000.0, 0.15, 0.003, 0.010, 0.2)),
        click=0.5,
    ),
    "ride_bell": Drum(
        peak=0.22,
        duration_s=2.4,
        modes=_modes(
            (1390.0, 0.45, 0.55), (2130.0, 0.7, 0.7), (2890.0, 1.0, 0.65), (4270.0, 0.7, 0.5), (5710.0, 0.4, 0.4)
        ),
        bands=_bands((2500.0, 7000.0, 0.25, 0.02, 0.4, 0.3), (7000.0, 14000.0, 0.3, 0.02, 0.4, 0.3)),
        click=0.45,
    ),
    "crash_2": _tuned(_STRUCK["crash"], 1.3, 0.8, peak=0.45),
    "high_tom": _tuned(_STRUCK["tom"], *TOMS["high_tom"], peak=0.52),
    "low_tom": _tuned(_STRUCK["tom"], *TOMS["low_tom"], peak=0.88),
    "shaker": Drum(
        peak=0.3,
        duration_s=0.25,
        bands=_bands(
            (3500.0, 6000.0, 0.5, 0.03, 0.05, 0.4),
            (6000.0, 10000.0, 1.0, 0.03, 0.05, 0.4),
            (10000.0, 16000.0, 0.7, 0.025, 0.04, 0.4),
        ),
        attack_s=0.018,
    ),
    "tambourine": Drum(
        peak=0.3,
        duration_s=0.6,
        modes=_modes((4710.0, 0.2, 0.09), (6390.0, 0.3, 0.12), (8260.0, 0.3, 0.1), (9730.0, 0.2, 0.08)),
        bands=_bands(
            (3500.0, 7000.0, 0.5, 0.015, 0.10, 0.4),
            (7000.0, 12000.0, 1.0, 0.02, 0.12, 0.45),
            (12000.0, 18000.0, 0.5, 0.015, 0.09, 0.4),
        ),
        click=0.2,
        attack_s=0.002,
    ),
    "high_conga": Drum(
        peak=0.5,
        duration_s=0.5,
        modes=_modes((229.0, 1.0, 0.085), (418.0, 0.35, 0.05), (611.0, 0.18, 0.03), (897.0, 0.1, 0.02)),
        bands=_bands((500.0, 2500.0, 0.22, 0.006, 0.02, 0.25), (2500.0, 6000.0, 0.18, 0.005, 0.014, 0.2)),
        sweep=0.1,
        sweep_s=0.015,
        click=0.25,
    ),
    "low_conga": Drum(
        peak=0.62,
        duration_s=0.65,
        modes=_modes((168.0, 1.0, 0.13), (309.0, 0.3, 0.07), (452.0, 0.15, 0.04), (663.0, 0.08, 0.025)),
        bands=_bands((400.0, 2000.0, 0.22, 0.007, 0.025, 0.25), (2000.0, 5000.0, 0.18, 0.005, 0.015, 0.2)),
        sweep=0.1,
        sweep_s=0.02,
        click=0.2,
    ),
    "clap": Drum(
        peak=0.34,
        duration_s=0.35,
        bands=_bands(
            (700.0, 1400.0, 1.0, 0.005, 0.04, 0.35),
            (1400.0, 3000.0, 0.8, 0.005, 0.035, 0.3),
            (3000.0, 8000.0, 0.35, 0.004, 0.03, 0.3),
        ),
        bursts_s=(0.0, 0.009, 0.019),
    ),
    "woodblock": Drum(
        peak=0.33,
        duration_s=0.2,
        modes=_modes((1130.0, 1.0, 0.022), (1710.0, 0.45, 0.014), (2870.0, 0.2, 0.009)),
        bands=_bands((1000.0, 5000.0, 0.3, 0.005, 0.015, 0.2)),
        click=0.5,
    ),
}
"""The kit with sticks, and percussion."""


def _brushed(drum: Drum, peak: float, noise: float) -> Drum:
    """The drum under a fan of wires: a softer beginning, no click, less of its own ring and more rustle."""
    return replace(
        drum, peak=drum.peak * peak, click=0.0, attack_s=0.004,
        bands=tuple(replace(one, level=one.level * noise, fast_s=one.fast_s * 1.6) for one in drum.bands),
    )  # fmt: skip


BRUSHED_KIT: dict[DrumClass, Drum] = {
    **KIT,
    "kick": replace(KIT["kick"], peak=0.6, click=0.05),
    "snare": _brushed(KIT["snare"], 0.48, 1.8),
    "closed_hat": _brushed(KIT["closed_hat"], 0.7, 1.2),
    "open_hat": _brushed(KIT["open_hat"], 0.7, 1.2),
    "crash": _brushed(KIT["crash"], 0.65, 1.1),
    "crash_2": _brushed(KIT["crash_2"], 0.65, 1.1),
    "ride": _brushed(KIT["ride"], 0.75, 1.6),
    **{drum: _brushed(KIT[drum], 0.75, 1.5) for drum in ("tom", "high_tom", "low_tom")},
}
"""The kit with brushes."""
