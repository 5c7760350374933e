"""What every training run is told, whatever is trained."""

from __future__ import annotations

from pydantic import Field

from ensemble.config import Device, Settings

MAY_CHANGE = {"device", "max_steps", "max_minutes", "audit_steps", "patience", "checkpoint_minutes"}
"""Where a run computes and how long it may: all other settings are shared by a run and its continuation."""


class FitSettings(Settings):
    """Settings of one run; what is trained adds its own."""

    seed: int = Field(default=0, ge=0)
    device: Device = "auto"
    batch_size: int = Field(default=8, ge=1)
    """Crops per step, of each worker."""
    max_steps: int = Field(default=20_000, ge=1)
    max_minutes: float = Field(default=30.0, gt=0)
    """Of this process's CPU time (of the clock on a GPU). Steps or minutes, whichever ends first. Runs that end by
    steps are repeatable to the bit."""
    learning_rate: float = Field(default=2e-3, gt=0)
    clip_norm: float = Field(default=1.0, gt=0)
    """Longer gradients are shortened to this."""
    audit_steps: int = Field(default=100, ge=1)
    """Between two audits on held-out material."""
    patience: int = Field(default=20, ge=1)
    """Audits without improvement after which training ends."""
    checkpoint_minutes: float = Field(default=2.0, gt=0)
    """Of the clock: what a lost process can cost."""

    def fingerprint(self) -> dict[str, str]:
        """What a run and its continuation share, as far as the settings say."""
        return {name: str(value) for name, value in self if name not in MAY_CHANGE}
