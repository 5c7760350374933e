"""A finished render, as a value: its sound is read when it is asked for."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ensemble.audio.files import read_clip
from ensemble.audio.flac import begin_as_flac
from ensemble.manifest import MANIFEST, Manifest
from ensemble.mix.room import ROOM
from ensemble.types.music import FloatArray

LONGEST_PLAYED_S = 120.0
"""A notebook keeps so much of each sound at most."""


@dataclass(frozen=True)
class RenderedTake:
    """One take of a render: the leader as given, or with one continuation."""

    folder: Path
    """Where it lies."""
    parts: tuple[str, ...]
    """Names of the parts that sound."""
    sample_rate: int
    """Of everything, in Hz."""

    @property
    def mix(self) -> FloatArray:
        """The band and the leader.  [channels, samples]"""
        return read_clip(self.folder / "mix.wav").samples

    @property
    def stems(self) -> Mapping[str, FloatArray]:
        """Each part after gain and pan, and the room, read when it is asked for.  [channels, samples]"""
        return Stems(self._paths)

    @property
    def _paths(self) -> dict[str, Path]:
        """The file of each part, and of the room where there is one."""
        paths = {part: self.folder / "stems" / f"{part}.wav" for part in (*self.parts, ROOM)}
        return {name: path for name, path in paths.items() if name != ROOM or path.exists()}

    @property
    def midi(self) -> Mapping[str, Path]:
        """The MIDI file of each part."""
        return {part: self.folder / "parts" / f"{part}.mid" for part in self.parts}

    def _repr_html_(self) -> str:
        sounds = {"mix": self.folder / "mix.wav"} | self._paths
        rows = (f"<tr><th>{html.escape(name)}</th><td>{_player(path)}</td></tr>" for name, path in sounds.items())
        return f"<table>{''.join(rows)}</table>"


class Stems(Mapping[str, FloatArray]):
    """Sounds by name, each read when it is asked for.

    Args:
        paths: their files.
    """

    def __init__(self, paths: Mapping[str, Path]) -> None:
        self.paths = dict(paths)

    def __getitem__(self, name: str) -> FloatArray:
        return read_clip(self.paths[name]).samples

    def __iter__(self) -> Iterator[str]:
        return iter(self.paths)

    def __len__(self) -> int:
        return len(self.paths)


@dataclass(frozen=True)
class Render:
    """A finished render.

    What its manifest has can be read from it, too (`render.heard`), as where `render` returned a manifest.
    """

    folder: Path
    """Where it lies."""
    manifest: Manifest
    """What was asked for, what was heard, and the hashes of every file."""

    @staticmethod
    def open(folder: str | Path) -> Render:
        """A render of earlier.

        Raises:
            VerifyError: the folder holds no manifest that this release reads.
        """
        return Render(folder=Path(folder), manifest=Manifest.read(Path(folder) / MANIFEST))

    @cached_property
    def all_takes(self) -> tuple[RenderedTake, ...]:
        """The leader as given, then each continuation, best first."""
        request = self.manifest.plan.request
        parts = tuple(follower.name for follower in request.band.followers)
        return tuple(
            RenderedTake(folder=self.folder / name, parts=parts, sample_rate=request.sample_rate)
            for name in sorted(self.manifest.takes)
        )

    @property
    def sample_rate(self) -> int:
        """Of everything that sounds, in Hz."""
        return self.manifest.plan.request.sample_rate

    @property
    def mix(self) -> FloatArray:
        """The mix of the first take.  [channels, samples]"""
        return self.all_takes[0].mix

    @property
    def stems(self) -> Mapping[str, FloatArray]:
        """The stems of the first take, each read when it is asked for.  [channels, samples]"""
        return self.all_takes[0].stems

    @property
    def report(self) -> Path:
        """The page to look at and listen to; absent with `report=False`."""
        return self.folder / "report.html"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self.manifest, name)

    def _repr_html_(self) -> str:
        heard = self.manifest.heard
        about = f"{heard.tempo_bpm:.0f} bpm, {heard.key}" if heard.key else f"{heard.tempo_bpm:.0f} bpm"
        takes = "".join(f"<h4>{take.folder.name}</h4>{take._repr_html_()}" for take in self.all_takes)
        return f"<p>{html.escape(self.manifest.source)}: {html.escape(about)}</p>{takes}"


def _player(path: Path) -> str:
    """An audio element with the sound inside."""
    data = base64.b64encode(begin_as_flac(path, LONGEST_PLAYED_S)).decode()
    return f'<audio controls preload="none" src="data:audio/flac;base64,{data}"></audio>'
