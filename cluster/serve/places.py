"""Where the sound of a version, or of a render that grows, lies, and how much of it is there."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from cluster.serve.sound import WavPlace, wav_place
from cluster.serve.storage import SongFolder, StudioStorage
from cluster.serve.take_desks import TakeDesks
from ensemble.clock import hop_samples
from ensemble.manifest import MANIFEST, Manifest
from ensemble.output.staging import HISTORY
from ensemble.rendering.earlier import STEMS
from ensemble.takes import AS_GIVEN, LEADER

MIX = "mix"
LEADER_LANE = "leader"


class Growth(NamedTuple):
    """How far a render is."""

    base: int | None
    """The version that it is made from; of a part that has not become another yet, the sound is that version's."""
    played_frames: int
    """Control frames that are played."""
    is_played: bool
    """Whether it has been played to its end."""


class SoundPlaces:
    """Finds sound. Names are looked up, never put into a path.

    Args:
        storage: holds the files.
    """

    def __init__(self, storage: StudioStorage) -> None:
        self._storage = storage

    def version_folder(self, song: str, number: int) -> Path | None:
        """The folder of a version: a whole render."""
        folder = self._storage.song(song).render / HISTORY / f"{number:03d}"
        return folder if (folder / MANIFEST).is_file() else None

    def manifest(self, song: str, number: int) -> Manifest | None:
        """The manifest of a version."""
        folder = self.version_folder(song, number)
        return None if folder is None else _manifest(folder / MANIFEST, (folder / MANIFEST).stat().st_mtime_ns)

    def sound(self, song: str, version: int, take: str, name: str) -> Path | None:
        """The file of a lane, or of the mix, in a version."""
        folder, manifest = self.version_folder(song, version), self.manifest(song, version)
        if folder is None or manifest is None or take not in manifest.takes:
            return None
        if name == LEADER_LANE:
            return folder / LEADER if take == AS_GIVEN else folder / take / LEADER
        file = f"{MIX}.wav" if name == MIX else f"{STEMS}/{name}.wav"
        return folder / take / file if file in manifest.takes[take].files else None

    def growing(self, song: str, growth: Growth, take: str, name: str) -> tuple[WavPlace | None, int]:
        """The file of a lane of a render that runs, and how many samples of it are there."""
        folder = self._storage.song(song)
        found = _unpublished(folder, take, name)
        if found is not None:
            place = wav_place(found)
            return place, place.available
        before = self.sound(song, growth.base or 1, take, name)  # a first render that was just published is version 1
        if before is None:
            return None, 0
        place = wav_place(before)
        played = growth.played_frames * hop_samples(place.sample_rate) if take == AS_GIVEN else 0
        is_whole = growth.is_played or name == LEADER_LANE
        return place, place.num_samples if is_whole else min(played, place.num_samples)

    def progress(self, song: str, growth: Growth) -> Iterator[tuple[str, int, int]]:
        """Of every take of a render that runs: its name, how many samples of all parts are there, and will be."""
        folder = self._storage.song(song)
        desks = newest_desks(folder)
        if desks is None:
            return
        parts = [one.name for one in desks.plan.request.band.followers]
        for take, heard in desks.takes.items():
            there = min(self.growing(song, growth, take, part)[1] for part in parts)
            yield take, there, heard.num_samples


def newest_desks(folder: SongFolder) -> TakeDesks | None:
    """What was heard by the job that runs."""
    written = sorted(folder.jobs.glob("*.desk"), key=lambda path: path.stat().st_mtime_ns)
    return desks(written[-1]) if written else None


def desks(path: Path) -> TakeDesks | None:
    """What was heard, as a renderer has written it down; None where it has not."""
    try:
        return _desks(path, path.stat().st_mtime_ns)
    except FileNotFoundError:
        return None


def _unpublished(folder: SongFolder, take: str, name: str) -> Path | None:
    """The file of a lane in the render that is being written."""
    new = folder.unpublished()
    if new is None or name == MIX:
        return None
    if name == LEADER_LANE:
        path = new / LEADER if take == AS_GIVEN else new / take / LEADER
    else:
        path = new / take / STEMS / f"{name}.wav"
    return path if path.is_file() else None


@lru_cache(maxsize=64)
def _manifest(path: Path, _mtime_ns: int) -> Manifest:
    return Manifest.read(path)


@lru_cache(maxsize=64)
def _desks(path: Path, _mtime_ns: int) -> TakeDesks:
    return TakeDesks.read(path)
