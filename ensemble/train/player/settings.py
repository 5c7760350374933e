"""What decides a training run; `configs/train_player.yaml` spells it out."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ensemble.config import Settings
from ensemble.play.voice_file import Size
from ensemble.train.settings import FitSettings

Loss = Literal["multi_scale", "mel_l1"]


class AugmentSettings(Settings):
    """Every kind is drawn for itself, for a share of the crops."""

    share: float = Field(default=0.1, ge=0.0, le=1.0)
    """Of the crops whose pitch drifts, and of those whose loudness is off."""
    f0_cents: float = Field(default=10.0, ge=0.0, le=100.0)
    """Spread of a slow drift of the pitch that is asked for."""
    loudness_db: float = Field(default=1.0, ge=0.0, le=12.0)
    """Spread of an offset of the loudness that is asked for; the sound stays."""
    waver_db: float = Field(default=0.0, ge=0.0, le=12.0)
    """Spread, at most, of what is added to the loudness that is asked for, frame by frame; the sound stays. In breath a
    leader's loudness wavers, and a voice that has heard only clean notes takes every small rise for an onset."""
    gain_share: float = Field(default=0.5, ge=0.0, le=1.0)
    """Of the loud crops, whose sound and loudness are raised together: leaders ask for more than stems are recorded
    at, and there a voice must go on as bright as at its loudest. Quiet crops stay, or brightness would not follow."""
    gain_db: float = Field(default=18.0, ge=0.0, le=40.0)
    """By how much at most."""


class TrainPlayerSettings(FitSettings):
    """One voice's training."""

    instrument: str = "violin"
    """A name from the catalogue."""
    size: Size = "starter"
    """starter: a GRU of 3 x 128; large: 3 x 512."""
    start: str | None = None
    """A voice to go on from, by name or path, of the same instrument and size, in place of random weights;
    without stage one."""
    loss: Loss = "multi_scale"
    """multi_scale: analysed controls first, then spectra at six scales; mel_l1: the first recipe, mel spectrograms."""
    sample_rate: int = 48_000
    """Takes at another rate are resampled."""
    fundamental: float | None = Field(default=None, ge=0.25, le=1.0)
    """Of the pitch: the frequency whose multiples the partials are, 0.5 for an organ with a rank at one and a half
    times the pitch. None: that of the voice in `start`, or 1. Of that one it may be a half, a third or a quarter."""
    crop_frames: int = Field(default=100, ge=20)
    """Of 10 ms: what is sounded and compared."""
    warmup_frames: int = Field(default=50, ge=0)
    """Frames before the crop that only fill the network's memory."""
    max_minutes: float = Field(default=25.0, gt=0)
    regression_share: float = Field(default=0.1, ge=0.0, le=1.0)
    """Of the run: stage one, on analysed controls; only for multi_scale."""
    rise_steps: int = Field(default=40, ge=0)
    """Over which the learning rate rises, at the start of either stage."""
    linear_weight: float = Field(default=4.0, ge=0.0)
    """Of the linear against the logarithmic term."""
    noise_weight: float = Field(default=1.0, ge=0.0)
    """Of the distance between the noises between the partials, beside both; only for multi_scale."""
    loudness_weight: float = Field(default=0.5, ge=0.0)
    """Of the error in loudness, where it is steady, against the spectral distance; only for multi_scale."""
    longest_window: Literal[2048, 4096, 8192] | None = None
    """Of the spectral loss, in samples at 48 kHz. None: long enough to tell apart the partials of all but the lowest
    twentieth of the notes, so 8192 for double basses and 4096 for cellos."""
    audit_crops: int = Field(default=16, ge=1)
    """Held-out crops that every audit listens to."""
    patience: int = Field(default=60, ge=1)
    augment: AugmentSettings = AugmentSettings()
