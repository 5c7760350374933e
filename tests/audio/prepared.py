"""A whole clip prepared at once, as `render` prepares a leader piece by piece."""

from __future__ import annotations

from ensemble.audio.files import num_prepared, prepared
from ensemble.audio.sound import gathered
from ensemble.types.music import AudioClip


def prepare_leader(clip: AudioClip, sample_rate: int) -> AudioClip:
    """Convert a clip to the form that the band follows; see `prepared`."""
    num_samples = -(-clip.num_samples * sample_rate // clip.sample_rate)
    samples = gathered(prepared(clip, sample_rate), num_prepared(clip), num_samples)
    return AudioClip(samples=samples, sample_rate=sample_rate)
