"""A recording goes in, chunks that begin at its beats come out, each with what came before it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ensemble.retrieve.search import feature_layout, pulse, transition
from ensemble.retrieve.search.outline import LISTENING_RATE_HZ, RunningMeans, SpectralOutline, outline
from ensemble.threads import one_thread
from ensemble.types.arrays import FloatArray
from ensemble.types.described import DESCRIPTORS_VERSION, Described, IndexedRecording
from ensemble.types.music import SILENCE_DB, AudioClip, Heard

HEAD_S = 2.0
"""Over which levels are measured: in one second a single accent would decide."""
MIN_REMAINING_S = 0.5
"""A chunk with less music left is none."""


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
    with one_thread():
        return _described(outline(clip, heard), recording, heard)


def check_listening(clip: AudioClip) -> None:
    """Refuse a clip that is not as it is listened to.

    Raises:
        ValueError: it is not mono at 16 kHz.
    """
    if clip.num_channels != 1 or clip.sample_rate != LISTENING_RATE_HZ:
        raise ValueError(f"a clip of {clip.num_channels} channels at {clip.sample_rate} Hz was not prepared")


def _described(course: SpectralOutline, recording: IndexedRecording, heard: Heard) -> Described:
    beats_s = heard.beats_s if pulse.has_beat(heard.frames.onset, heard.beats_s) else np.empty(0)
    start_s = beats_s if len(beats_s) else np.arange(0.0, course.duration_s, pulse.EVEN_STEP_S)
    start_s = start_s[start_s <= course.duration_s - MIN_REMAINING_S]
    return Described(
        version=DESCRIPTORS_VERSION,
        recording=recording,
        tempo_bpm=heard.tempo_bpm if len(beats_s) else 0.0,
        tuning_cents=heard.tuning_cents,
        beats_s=beats_s,
        start_s=start_s,
        level_db=level_over(course.level_db, start_s, start_s + HEAD_S),
        low_db=level_over(course.low_db, start_s, start_s + HEAD_S),
        remaining_s=(course.duration_s - start_s).astype(np.float32),
        vectors=_rows(course, start_s, pulse.period_around(beats_s, start_s)),
        details=course.arrays() | {f"own_{name}": own for name, own in transition.natural(course, start_s).items()},
    )


def level_over(level_db: FloatArray, start_s: NDArray[np.float64], stop_s: NDArray[np.float64]) -> FloatArray:
    """Level of the mean power over each stretch.  [stretches]"""
    power = RunningMeans((10 ** (level_db / 10)).astype(np.float32)[None]).over(start_s, stop_s)[0]
    mean_db: FloatArray = np.maximum(10 * np.log10(np.maximum(power, 1e-10)), SILENCE_DB).astype(np.float32)
    return mean_db


def _rows(outlined: SpectralOutline, start_s: NDArray[np.float64], period_s: NDArray[np.float64]) -> FloatArray:
    """The vectors of the chunks.  [chunks, blocks.DIMENSIONS]"""
    course = feature_layout.Course(outlined)
    after = feature_layout.blocks_around(course, start_s, start_s + feature_layout.AFTER_S)
    found = feature_layout.blocks_before(course, start_s, period_s) | after
    seam = feature_layout.seam_before(course, start_s)
    rows = [*(found[block.name] for block in feature_layout.BLOCKS), seam, np.square(seam).sum(axis=1, keepdims=True)]
    return np.ascontiguousarray(np.concatenate(rows, axis=1), dtype=np.float32)
