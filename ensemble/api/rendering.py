"""`render`, `transform`, `redo`, `undo` and `verify` with values for results and arrays for leaders."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from ensemble.api.leaders import Samples, as_file
from ensemble.api.rendered import Render
from ensemble.band import LocalBand
from ensemble.config import FollowerSettings, voice_names
from ensemble.errors import ConfigError
from ensemble.events import Events, OnProgress
from ensemble.perform import Pace
from ensemble.play.quantum import Player
from ensemble.rendering import redo as redoing
from ensemble.rendering import render as rendering
from ensemble.rendering import transform as transforming
from ensemble.rendering import verify as verifying
from ensemble.rendering.edits import Edits
from ensemble.rendering.session import BandFactory
from ensemble.settings.installed import PLAYERS, lent

Players = Mapping[str, Callable[[FollowerSettings, int, int], Player]]
"""What makes a player of a part's settings, the sample rate in Hz and the seed; by name."""


def render(
    leader: str | Path | Samples | None,
    out: str | Path,
    *,
    leader_rate: int | None = None,
    players: Players | None = None,
    progress: OnProgress | None = None,
    events: Events | None = None,
    **settings: Any,
) -> Render:
    """Let a band follow a recording, a melody in **kern or MIDI, or an array.

    Args:
        leader: the recording or score, its URL, or an array; `None` plays the bundled guitar.
        out: the folder to fill, or the URL of one; made if absent, refused if not empty.
        leader_rate: sample rate of an array, in Hz.
        players: your own, by the name that a band says as `voice`; for a band in this process. Classes or functions
            of a .py file, outside of any function: `verify` holds a render to that file.
        progress: called with the stage, how much of it is done, and how much there is to do.
        events: more callbacks than `progress`, which it replaces.
        settings: what `ensemble.rendering.render.render` takes: `band`, `seed`, `levers`, `overrides`, `extension`,
            `band_factory` and so on.

    Raises:
        EnsembleError: an input is refused or a worker failed; `out` is left as it was.
    """
    heard = events or (Events(progress=progress) if progress else None)
    with _lent(players or {}):
        if leader is None or isinstance(leader, str | Path):  # a URL is no path
            return Render(Path(out), rendering.render(leader, out, events=heard, **settings))
        with as_file(leader, leader_rate) as path:
            return Render(Path(out), rendering.render(path, out, events=heard, **settings))


def transform(
    leader: str | Path | Samples | None,
    out: str | Path,
    *,
    voice: str,
    leader_rate: int | None = None,
    progress: OnProgress | None = None,
    **settings: Any,
) -> transforming.Transformed:
    """Let a voice play what a leader sings or plays; see `ensemble.rendering.transform.transform`.

    Args:
        leader: a recording of one line, a melody in **kern or MIDI, or an array; `None` is the bundled guitar.
        out: the WAV file to write.
        voice: the name of a shipped or added voice, or the path of a trained one.
        leader_rate: sample rate of an array, in Hz.
        progress: called with the stage, how much of it is done, and how much there is to do.
        settings: `seed`, `sample_rate`, `force`, `band_factory`.

    Raises:
        EnsembleError: an input is refused; `out` is left as it was.
    """
    with as_file(leader, leader_rate) as path:
        return transforming.transform(
            path, Path(out), voice=voice, events=Events(progress=progress) if progress else None, **settings
        )


def redo(
    out: str | Path | Render,
    edits: Edits,
    *,
    players: Players | None = None,
    progress: OnProgress | None = None,
    **settings: Any,
) -> Render:
    """Edit a finished render; see `ensemble.rendering.redo.redo`, and `render` for `players`.

    Raises:
        EnsembleError: an edit is refused or a worker failed; the version before is left as it was.
    """
    if progress:
        settings = {"events": Events(progress=progress)} | settings
    with _lent(players or {}):
        return Render(_folder(out), redoing.redo(_folder(out), edits, **settings))


def undo(out: str | Path | Render, *, force: bool = False) -> Render:
    """Go back to the version that was edited last.

    Raises:
        OutputError: there is none.
        VerifyError: a file of it was changed.
    """
    return Render(_folder(out), redoing.undo(_folder(out), force=force))


def verify(
    out: str | Path | Render,
    *,
    band_factory: BandFactory = LocalBand,
    players: Players | None = None,
    progress: OnProgress | None = None,
) -> verifying.Verification:
    """Render again elsewhere and compare every hash; see `render` for `players`.

    Raises:
        VerifyError: there is no manifest, or something that it names is missing or has changed.
    """
    with _lent(players or {}):
        return verifying.verify(_folder(out), band_factory, Pace(), Events(progress=progress) if progress else None)


def _lent(players: Players) -> AbstractContextManager[None]:
    """Know these players inside the block.

    Raises:
        ConfigError: a name is that of a voice, which would play in the player's place.
    """
    for name in players:
        if name in voice_names():
            raise ConfigError("players", f"{name!r} is the name of a voice already", "lend it under another name")
    return lent(PLAYERS, players)


def _folder(out: str | Path | Render) -> Path:
    return out.folder if isinstance(out, Render) else Path(out)
