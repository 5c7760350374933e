"""Preparing a data set for training: which takes are new, and one take's curves and analysis. Nothing in it is changed.

Who does the work, here or on a cluster, is decided in `cluster.training.prepare`.
"""

from __future__ import annotations

import fcntl
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ensemble.clock import hop_samples
from ensemble.data.readers import recognise
from ensemble.data.takes import RecordedPart, Skip
from ensemble.errors import AudioError, DataError, OutputError
from ensemble.events import OnProgress, unheard
from ensemble.threads import one_thread
from ensemble.train.player.analysis import analyse
from ensemble.train.prepared import find_shard, keep_shard, shard_path
from ensemble.train.recordings import read_recording
from ensemble.types.instruments import instrument

_READERS = 4
"""Threads that hash stems: the disk is what they wait for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrepareWork:
    """What there is to do."""

    root: Path
    """The data set."""
    cache: Path
    """Where shards lie."""
    sample_rate: int
    """That will be trained at, in Hz."""
    new: tuple[RecordedPart, ...]
    """Takes to prepare, no two with the same content."""
    num_kept: int
    """Takes that need nothing any more."""
    skips: tuple[Skip, ...]
    """What cannot be prepared, and why."""


def survey(
    root: Path,
    cache: Path,
    sample_rate: int,
    instruments: Collection[str] = (),
    on_progress: OnProgress = unheard,
) -> PrepareWork:
    """Find what is new in a data set by the content of its stems.

    Args:
        root: the data set.
        cache: where shards lie.
        sample_rate: that will be trained at, in Hz.
        instruments: only these; every pitched one if empty.
        on_progress: called after every take.

    Raises:
        ConfigError: nothing is played at such a rate, or an instrument is not in the catalogue.
        DataError: the folder has no known layout, or no take of these instruments.
    """
    hop_samples(sample_rate)
    for name in instruments:
        instrument(name)
    dataset = recognise(root).read(root)
    takes = [take for take in dataset.takes if not instruments or take.instrument in instruments]
    if not takes:
        there = ", ".join(sorted({take.instrument for take in dataset.takes if take.instrument}))
        raise DataError(str(root), f"has no take of {', '.join(sorted(instruments))}", f"it has {there}")
    skips = list(dataset.skips)
    new: dict[Path, RecordedPart] = {}
    num_kept = 0
    with ThreadPoolExecutor(_READERS) as pool:
        for done, (take, found) in enumerate(
            zip(takes, pool.map(lambda take: _look_up(take, sample_rate, cache), takes), strict=True), start=1
        ):
            if isinstance(found, Skip):
                skips.append(found)
            elif found is None or found in new:
                num_kept += 1
            else:
                new[found] = take
            on_progress("find what is new", done, len(takes))
    return PrepareWork(
        root=root, cache=cache, sample_rate=sample_rate, new=tuple(new.values()), num_kept=num_kept, skips=tuple(skips)
    )


def _look_up(take: RecordedPart, sample_rate: int, cache: Path) -> Path | Skip | None:
    """The path of the shard that a take lacks, None where it is there, or why there will be none."""
    where = take.audio or take.notes or Path(take.piece) / take.part
    if take.audio is None:
        return Skip(path=where, reason="has no sound")
    if take.instrument is None:
        return Skip(path=where, reason=f"{take.label} is no instrument of the catalogue")
    if instrument(take.instrument).family == "drums":
        return Skip(path=where, reason="drums are learned from hits, not from curves")
    try:
        path = shard_path(cache, take, sample_rate)
    except AudioError as error:
        return Skip(path=Path(error.what), reason=error.problem)
    return None if find_shard(path) else path


def prepare_take(take: RecordedPart, sample_rate: int, cache: Path) -> float:
    """Read, hear and analyse one take, and keep its shard. Doing it again changes nothing.

    Returns:
        Seconds of sound.

    Raises:
        AudioError: it cannot be used.
        OutputError: the shard cannot be written; nothing half-written is left.
    """
    with one_thread():
        path = shard_path(cache, take, sample_rate)
        recording = read_recording(take, sample_rate)
        keep_shard(path, recording, analyse(recording))
    return recording.num_frames / 100.0


@contextmanager
def only_writer(cache: Path) -> Iterator[None]:
    """Hold a cache for one preparation; its lock ends with the process, however that ends.

    Raises:
        OutputError: the folder cannot be made, or another process prepares into it.
    """
    try:
        cache.mkdir(parents=True, exist_ok=True)
        lock = (cache / ".lock").open("wb")
    except OSError as error:
        raise OutputError(str(cache), f"cannot be written ({error.strerror})", "name another folder") from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise OutputError(str(cache), "is being filled by another process", "wait for it") from error
        yield
