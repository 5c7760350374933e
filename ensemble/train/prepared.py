"""What `data prepare` keeps of a take: its curves and its analysis, in a file named by the content they come from.

A name is the sha256 of the stem's bytes, of its labels' bytes, and of everything that decides the result. A stem that
has changed has another name, so nothing that is kept can be out of date; the samples themselves stay in the data set.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from ensemble.data.takes import RecordedPart, Skip
from ensemble.errors import AudioError
from ensemble.files.digest import recording_digest
from ensemble.files.replace import write_output
from ensemble.settings.user_folder import user_folder
from ensemble.train.player.analysis import ANALYSIS_VERSION, Analysis
from ensemble.train.recordings import Curves, TrainingRecording, read_recording

SHARD_VERSION = 2
_CURVES = ("f0_hz", "loudness_db", "is_voiced")
_ANALYSIS = ("harmonics", "noise", "is_known")


class Shard(NamedTuple):
    """What is kept of one take at one rate."""

    curves: Curves
    """Pitch and loudness, which need not be heard again."""
    analysis: Analysis
    """Its harmonics and noise."""


def default_cache() -> Path:
    """Where shards lie unless somebody says otherwise: in the user's cache directory."""
    return user_folder("cache") / "prepared"


def shard_path(cache_folder: Path, take: RecordedPart, sample_rate: int) -> Path:
    """Where a take's shard lies, whether or not it is there.

    Raises:
        AudioError: the take has no sound, or its files cannot be read.
    """
    if take.audio is None:
        raise AudioError(f"{take.piece}/{take.part}", "has no sound")
    facts = (
        SHARD_VERSION, ANALYSIS_VERSION, sample_rate, _version("torchaudio"), recording_digest(take.audio),
        recording_digest(take.labels) if take.labels else f"swift-f0 {_version('swift-f0')}",
    )  # fmt: skip
    name = hashlib.sha256(":".join(map(str, facts)).encode()).hexdigest()
    return cache_folder / name[:2] / f"{name}.safetensors"


def keep_shard(path: Path, recording: TrainingRecording, analysis: Analysis) -> None:
    """Write a shard, whole or not at all.

    Raises:
        OutputError: it cannot be written.
    """
    tensors = {name: np.ascontiguousarray(getattr(recording, name)) for name in _CURVES}
    tensors |= {name: np.ascontiguousarray(getattr(analysis, name)) for name in _ANALYSIS}
    content = save(tensors, metadata={"sha256": _digest(tensors)})  # one entry: of several the order is not settled
    write_output(path, content, "make room, then prepare again: what is finished is kept")


def find_shard(path: Path) -> Shard | None:
    """Read a shard; one that is missing or damaged counts as none."""
    try:
        with safe_open(path, framework="numpy") as kept:
            tensors = {name: kept.get_tensor(name) for name in (*_CURVES, *_ANALYSIS)}
            promised = (kept.metadata() or {}).get("sha256")
    except (OSError, SafetensorError):
        return None
    if _digest(tensors) != promised:
        return None
    curves, analysis = ({name: tensors[name] for name in names} for names in (_CURVES, _ANALYSIS))
    return Shard(Curves(**curves), Analysis(**analysis))


def read_prepared(
    takes: Iterable[RecordedPart], sample_rate: int, cache_folder: Path | None = None
) -> tuple[list[TrainingRecording], dict[str, Analysis], list[Skip]]:
    """Read takes whole, at one rate; what cannot be used is skipped by name.

    A take without labels is listened to: pitch by swift-f0, loudness as everywhere. One that was prepared is not heard
    again, and gives the same bytes.

    Args:
        takes: with a sound file.
        sample_rate: in Hz; takes at another one are resampled.
        cache_folder: where shards lie, if any do.

    Returns:
        The recordings; the analyses of those that were prepared, by the recordings' names; what was passed over.
    """
    recordings: list[TrainingRecording] = []
    analyses: dict[str, Analysis] = {}
    skips: list[Skip] = []
    kept = cache_folder if cache_folder is not None and cache_folder.is_dir() else None
    for take in takes:
        try:
            shard = find_shard(shard_path(kept, take, sample_rate)) if kept is not None else None
            recording = read_recording(take, sample_rate, shard.curves if shard else None)
        except AudioError as error:
            skips.append(Skip(path=Path(error.what), reason=error.problem))
            continue
        recordings.append(recording)
        if shard:
            analyses[recording.name] = shard.analysis
    return recordings, analyses, skips


def _digest(tensors: dict[str, np.ndarray]) -> str:
    digest = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tensor.shape}".encode())
        digest.update(np.ascontiguousarray(tensor).data)
    return digest.hexdigest()


@cache
def _version(distribution: str) -> str:
    return version(distribution)
