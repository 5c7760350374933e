"""Describes a recording: chunks that begin at its beats, each with the features of what came before it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ensemble.retrieve.search import feature_layout, pulse, transition
from ensemble.retrieve.search.outline import (
    LISTENING_RATE_HZ,
    RunningMeans,
    SpectralOutline,
    power_db,
    spectral_outline,
)
from ensemble.threads import one_thread
from ensemble.types.arrays import FloatArray
from ensemble.types.described import DESCRIPTORS_VERSION, Described, IndexedRecording
from ensemble.types.music import AudioClip, Heard

HEAD_S = 2.0
"""Levels are measured over this long: in one second a single accent would decide."""
MIN_REMAINING_S = 0.5
"""No chunk begins with less music left than this."""


@one_thread()
def describe(clip: AudioClip, recording: IndexedRecording, heard: Heard) -> Described:
    """Describe a recording for search: the same on any number of threads, about 0.2 s for a minute of sound.

    Args:
        clip: the recording as it is listened to: mono, 16 kHz.
        recording: the file it was read from.
        heard: what `Listener().listen(clip)` gave.

    Raises:
        ValueError: the clip is not mono at 16 kHz.
    """
    check_listening(clip)
    outline = spectral_outline(clip, heard)
    beats_s = pulse.played_beats_s(heard)
    start_s = pulse.moments_s(beats_s, outline.duration_s)
    start_s = start_s[start_s <= outline.duration_s - MIN_REMAINING_S]
    return Described(
        version=DESCRIPTORS_VERSION,
        recording=recording,
        tempo_bpm=heard.tempo_bpm if len(beats_s) else 0.0,
        tuning_cents=heard.tuning_cents,
        beats_s=beats_s,
        start_s=start_s,
        level_db=level_over(outline.level_db, start_s, start_s + HEAD_S),
        low_db=level_over(outline.low_db, start_s, start_s + HEAD_S),
        remaining_s=(outline.duration_s - start_s).astype(np.float32),
        vectors=_rows(outline, start_s, pulse.period_around(beats_s, start_s)),
        details=outline.arrays() | {f"own_{name}": own for name, own in transition.natural(outline, start_s).items()},
        metres=pulse.metres_of(heard, beats_s),
    )


def check_listening(clip: AudioClip) -> None:
    """Refuse a clip that is not as it is listened to.

    Raises:
        ValueError: it is not mono at 16 kHz.
    """
    if clip.num_channels != 1 or clip.sample_rate != LISTENING_RATE_HZ:
        raise ValueError(f"a clip of {clip.num_channels} channels at {clip.sample_rate} Hz was not prepared")


def level_over(level_db: FloatArray, start_s: NDArray[np.float64], stop_s: NDArray[np.float64]) -> FloatArray:
    """Level of the mean power over each stretch.  [stretches]"""
    power = RunningMeans((10 ** (level_db / 10)).astype(np.float32)[None]).over(start_s, stop_s)[0]
    return power_db(power)


def _rows(outline: SpectralOutline, start_s: NDArray[np.float64], period_s: NDArray[np.float64]) -> FloatArray:
    """The vectors of the chunks.  [chunks, feature_layout.DIMENSIONS]"""
    means = feature_layout.OutlineMeans(outline)
    after = feature_layout.blocks_around(means, start_s, start_s + feature_layout.AFTER_S)
    found = feature_layout.blocks_before(means, start_s, period_s) | after
    seam = feature_layout.seam_before(means, start_s)
    rows = [*(found[block.name] for block in feature_layout.BLOCKS), seam, np.square(seam).sum(axis=1, keepdims=True)]
    return np.ascontiguousarray(np.concatenate(rows, axis=1), dtype=np.float32)
