"""A leader as a file or as an array."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensemble.audio.files import prepared_clip, write_clip
from ensemble.audio.recording import opened
from ensemble.errors import AudioError
from ensemble.leaders import leader_path
from ensemble.listen.listener import Listener
from ensemble.listen.overrides import Overrides, with_overrides
from ensemble.scores.score import is_score, read_score
from ensemble.scores.symbolic import hear_melody
from ensemble.types.music import AudioClip, Heard

Samples = NDArray[np.floating[Any]]
"""Sound: full scale is 1.  [samples] or [channels, samples]"""


def listen(
    leader: str | Path | Samples | None,
    sample_rate: int | None = None,
    *,
    overrides: Overrides | None = None,
    expansion: str | None = None,
) -> Heard:
    """Hear pitch, loudness, onsets, beats, bars, key and chords.

    Args:
        leader: a recording, a score (**kern, MIDI), or an array; `None` is the bundled guitar.
        sample_rate: of an array, in Hz.
        overrides: a tempo, a metre, a key or chords that replace what is heard.
        expansion: which expansion list a kern score's sections follow.

    Raises:
        AudioError: the recording cannot be used.
        DataError: the score cannot be used.
    """
    with as_file(leader, sample_rate) as path:
        if is_score(path):
            heard = hear_melody(read_score(path, expansion).melody)
        else:
            with opened(path) as recording:
                clip = prepared_clip(recording.clip(), recording.sample_rate)
            heard = Listener().listen(clip)
            heard = replace(heard, diagnostics=recording.diagnostics + heard.diagnostics)
    return with_overrides(heard, overrides or Overrides())


@contextmanager
def as_file(leader: str | Path | Samples | None, sample_rate: int | None) -> Iterator[Path]:
    """The file of a leader; an array is written to one for as long as it is needed.

    Raises:
        AudioError: it is no array of sound, or its sample rate is not said.
    """
    if leader is None or isinstance(leader, str | Path):
        yield leader_path() if leader is None else Path(leader)
        return
    samples = np.atleast_2d(np.asarray(leader))
    is_sound = samples.ndim == 2 and samples.dtype.kind == "f" and samples.shape[0] <= samples.shape[1]
    if not is_sound or not np.isfinite(samples).all():
        shape, kind = np.shape(leader), np.asarray(leader).dtype
        raise AudioError(
            f"an array {shape} of {kind}", "is no sound", "give finite floats, [samples] or [channels, samples]"
        )
    if sample_rate is None or sample_rate < 1:
        raise AudioError("an array", "has no sample rate", "say it in Hz")
    with tempfile.TemporaryDirectory(prefix="ensemble-array-") as folder:
        path = Path(folder) / "array.wav"
        loudest = max(1.0, float(np.abs(samples).max(initial=0.0)))  # a file holds no more than full scale
        write_clip(path, AudioClip(samples=(samples / loudest).astype(np.float32), sample_rate=sample_rate))
        yield path
