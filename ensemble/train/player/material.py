"""What a voice learns from, and what it is tried on: takes of one instrument, split by piece."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from ensemble.data.readers import recognise
from ensemble.data.takes import RecordedPart, Skip, Split
from ensemble.errors import AudioError, DataError
from ensemble.train.player.analysis import Analysis
from ensemble.train.prepared import default_cache, read_prepared
from ensemble.train.recordings import TrainingRecording, check_recording
from ensemble.types.instruments import instrument


@dataclass(frozen=True, slots=True, kw_only=True)
class PlayerMaterial:
    """Recordings in memory."""

    train: Sequence[TrainingRecording]
    """To learn from."""
    held_out: Sequence[TrainingRecording]
    """To audit with; never of a piece that is learned from."""
    analyses: Mapping[str, Analysis] = field(default_factory=dict)
    """Of recordings that were prepared, by name."""
    provenance: str = "recordings given by hand"
    """For the voice's card, as the next two."""
    licence: str = "unknown"
    """Of the recordings."""
    command: str = ""
    """The command that trains."""
    skips: tuple[Skip, ...] = ()
    """What could not be used."""

    @property
    def identity(self) -> str:
        """What a run and its continuation share: how much there is to learn from, and a digest of all of it."""
        digest = hashlib.sha256()
        for split in (self.train, self.held_out):
            digest.update(":".join(sorted(recording.digest for recording in split)).encode() + b";")
        minutes = sum(recording.num_frames for recording in self.train) / 6000.0
        return f"{minutes:.2f} min in {len(self.train)} takes ({digest.hexdigest()[:12]})"

    def at_fundamental(self, share: float) -> PlayerMaterial:
        """With a share of every pitch in its place; what was prepared was so for the pitch, and is left out."""
        if share == 1.0:
            return self
        train, held_out = (
            [replace(one, f0_hz=one.f0_hz * np.float32(share)) for one in split]
            for split in (self.train, self.held_out)
        )
        return replace(self, train=train, held_out=held_out, analyses={})


def takes_of(data: Path, instrument_name: str, split: Split) -> list[RecordedPart]:
    """The takes of one instrument in one split of a data set.

    Raises:
        ConfigError: the instrument is not in the catalogue.
        DataError: the folder has no known layout, or no such take.
    """
    instrument(instrument_name)
    dataset = recognise(data).read(data)
    of_instrument = [take for take in dataset.takes if take.instrument == instrument_name and take.audio is not None]
    if not of_instrument:
        there = ", ".join(sorted({take.instrument for take in dataset.takes if take.instrument}))
        raise DataError(str(data), f"has no take of {instrument_name}", f"it has {there or 'no instrument we know'}")
    takes = [take for take in of_instrument if take.split == split]
    if not takes:
        num_pieces = len({take.piece for take in of_instrument})
        problem = f"has no take of {instrument_name} in its {split} split (pieces with one: {num_pieces})"
        raise DataError(str(data), problem, "three pieces with it are the least: to learn from, validate and test with")
    return takes


def left_out(data: Path, instrument_name: str) -> list[Skip]:
    """What training one voice will pass over, as far as the files' beginnings tell: known before anything is loaded.

    Raises:
        ConfigError, DataError: see `takes_of`.
    """
    skips = list(recognise(data).read(data).skips)
    splits: tuple[Split, ...] = ("train", "valid")
    for split in splits:
        for take in takes_of(data, instrument_name, split):
            try:
                check_recording(take)
            except AudioError as error:
                skips.append(Skip(path=Path(error.what), reason=error.problem))
    return skips


def gather(
    data: Path, instrument_name: str, sample_rate: int, command: str = "", prepared: Path | None = None
) -> PlayerMaterial:
    """Read the takes that one voice is trained on (`train`) and tried on (`valid`).

    Args:
        data: a data set of a known layout.
        instrument_name: from the catalogue.
        sample_rate: in Hz.
        command: for the voice's card.
        prepared: where `data prepare` keeps its shards; its own place if absent. What is there is not heard again.

    Raises:
        ConfigError: the instrument is not in the catalogue.
        DataError: the folder has no known layout, or a split holds nothing that can be used.
    """
    recordings: dict[Split, list[TrainingRecording]] = {}
    skips: list[Skip] = []
    splits: tuple[Split, ...] = ("train", "valid")
    analyses: dict[str, Analysis] = {}
    takes = {split: takes_of(data, instrument_name, split) for split in splits}
    for split, found in takes.items():
        recordings[split], known, skipped = read_prepared(found, sample_rate, prepared or default_cache())
        analyses |= known
        skips += skipped
        if not recordings[split]:
            raise DataError(str(data), f"nothing in its {split} split can be used: {skipped[0].reason}")
    everything = takes["train"] + takes["valid"]
    may_ship = "may be shipped" if all(take.may_ship for take in everything) else "may not be shipped"
    return PlayerMaterial(
        train=recordings["train"],
        held_out=recordings["valid"],
        analyses=analyses,
        provenance=f"{everything[0].dataset}, {len({take.piece for take in everything})} pieces",
        licence=f"{'; '.join(sorted({take.licence for take in everything}))} ({may_ship})",
        command=command,
        skips=tuple(skips),
    )
