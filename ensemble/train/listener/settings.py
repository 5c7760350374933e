"""What decides a causal listener's training run; `configs/train_listener.yaml` spells it out."""

from __future__ import annotations

from pydantic import Field

from ensemble.config import Settings
from ensemble.train.settings import FitSettings
from ensemble.types.harmony import Quality


class ListenerAugmentation(Settings):
    """What happens to a piece before it is heard."""

    shift_semitones: float = Field(default=3.0, ge=0.0, le=6.0)
    """How far it is played faster and higher, or slower and lower, at most; the rest of a semitone is its tuning."""
    gain_db: float = Field(default=8.0, ge=0.0)
    """By how much each part is louder or softer, at most."""
    drop_share: float = Field(default=0.3, ge=0.0, lt=1.0)
    """Of the parts, those left out; one that sounds the chords always stays."""
    alone_share: float = Field(default=0.12, ge=0.0, lt=1.0)
    """Of the crops in which one line or the kit is heard alone, or nobody: there is no chord."""
    room_share: float = Field(default=0.6, ge=0.0, le=1.0)
    """Of the crops that sound in a room."""
    longest_room_s: float = Field(default=1.2, gt=0.0)
    """Its reverberation time at most."""
    band_share: float = Field(default=0.4, ge=0.0, le=1.0)
    """Of the crops whose lows and highs are cut off, as a telephone does."""
    drive_share: float = Field(default=0.2, ge=0.0, le=1.0)
    """Of the crops that are distorted."""
    noise_share: float = Field(default=0.7, ge=0.0, le=1.0)
    """Of the crops with noise."""
    least_snr_db: float = 5.0
    """Where it is loudest."""
    quietest_db: float = Field(default=-36.0, lt=0.0)
    """Peak of the softest crop."""


class TrainListenerSettings(FitSettings):
    """One causal listener's training."""

    hidden: int = Field(default=64, ge=8, le=512)
    qualities: tuple[Quality, ...] = Field(default=("maj", "min", "7", "maj7", "min7", "dim"), min_length=1)
    """Of the chords that it tells apart; where another one sounds, nothing is asked."""
    batch_size: int = Field(default=8, ge=1)
    crop_frames: int = Field(default=250, ge=25)
    """Of 40 ms."""
    dropout: float = Field(default=0.1, ge=0.0, lt=1.0)
    max_steps: int = Field(default=2000, ge=1)
    learning_rate: float = Field(default=0.002, gt=0.0)
    weight_decay: float = Field(default=0.01, ge=0.0)
    rise_steps: int = Field(default=50, ge=0)
    """Over which the learning rate rises at the start."""
    beat_weight: float = Field(default=1.0, ge=0.0)
    """Of the beats' loss against the chords'."""
    audit_crops: int = Field(default=48, ge=1)
    """Held-out crops in each audit."""
    augment: ListenerAugmentation = ListenerAugmentation()
