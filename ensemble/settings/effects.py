"""What a part's sound goes through on its way into the mix."""

from __future__ import annotations

from pydantic import Field

from ensemble.settings.reading import Settings


class CompressorSettings(Settings):
    """Makes loud moments softer, so that all can be louder."""

    threshold_db: float = Field(default=-28.0, ge=-60.0, le=0.0)
    """Level above which it works, in dB of full scale: the usual one is where kits play."""
    ratio: float = Field(default=3.0, ge=1.0, le=20.0)
    """How many dB above the threshold become one."""
    knee_db: float = Field(default=6.0, ge=0.0, le=24.0)
    """Width of the bend around the threshold."""
    attack_ms: float = Field(default=1.0, ge=0.1, le=200.0)
    """Time in which it follows a rise to 1/e: strokes keep what is shorter."""
    release_ms: float = Field(default=90.0, ge=5.0, le=2000.0)
    """Time in which it follows a fall to 1/e."""
    makeup_db: float = Field(default=5.0, ge=0.0, le=24.0)
    """Gain afterwards."""


class AmplifierSettings(Settings):
    """A guitar amplifier and its loudspeaker."""

    drive_db: float = Field(default=24.0, ge=0.0, le=48.0)
    """Gain into the valve: 0 is clean, 24 crunches, 36 sustains."""
    bias: float = Field(default=0.15, ge=0.0, le=0.5)
    """How far the valve's middle is off: gives even harmonics."""
    presence_db: float = Field(default=4.0, ge=-6.0, le=12.0)
    """How much the loudspeaker raises what lies around 2.5 kHz."""
