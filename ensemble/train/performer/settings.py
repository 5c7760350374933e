"""What decides a performer's training run; `configs/train_performer.yaml` spells it out."""

from __future__ import annotations

from pydantic import Field

from ensemble.config import Device
from ensemble.train.settings import FitSettings


class TrainPerformerSettings(FitSettings):
    """One performer's training."""

    hidden: int = Field(default=64, ge=8, le=128)
    """Width of the network."""
    device: Device = "cpu"
    """Where it computes."""
    batch_size: int = Field(default=48, ge=1)
    """Notes per step."""
    crop_frames: int = Field(default=400, ge=20)
    """Control frames of a note that are looked at."""
    learning_rate: float = Field(default=0.004, gt=0.0)
    """At its highest."""
    weight_decay: float = Field(default=0.01, ge=0.0)
    """Of every step."""
    max_steps: int = Field(default=1500, ge=1)
    """Optimiser steps."""
    max_minutes: float = Field(default=6.0, gt=0.0)
    """Of CPU time."""
    patience: int = Field(default=8, ge=1)
    """Audits without improvement after which training ends."""
