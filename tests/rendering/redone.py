"""A short leader, its render, and what tests of `redo` compare."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np

from ensemble.audio.files import write_pieces
from ensemble.band import LocalBand
from ensemble.config import BandSettings, FollowerSettings
from ensemble.events import Events
from ensemble.manifest import Manifest
from ensemble.perform import Pace
from ensemble.rendering.render import render_request

RATE = 16_000
BAND = BandSettings(
    name="four",
    followers=(
        FollowerSettings(name="bass", instrument="electric_bass", role="bass"),
        FollowerSettings(name="keys", instrument="piano", role="pad", pan=0.3),
        FollowerSettings(name="violin", instrument="violin", role="counter", pan=-0.3),
        FollowerSettings(name="drums", instrument="drums", role="drums"),
    ),
)


def strum(path: Path, times: int = 1) -> Path:
    """Write a leader: four chords of 0.6 s each, so many times."""
    time_s = np.arange(round(0.6 * RATE)) / RATE
    chords = [(57, 60, 64), (53, 57, 60), (55, 59, 62), (57, 60, 64)]
    sound = np.concatenate(
        [
            sum(np.sin(2 * np.pi * 440 * 2 ** ((note - 69) / 12) * time_s) for note in chord) * np.exp(-4 * time_s)
            for chord in chords * times
        ]
    )
    write_pieces(path, [0.2 * sound[None].astype(np.float32)], RATE, 1)
    return path


def tree(folder: Path) -> dict[str, str]:
    """The hash of every file that a user sees."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    seen = {path.relative_to(folder): path for path in files}
    return {
        str(name): hashlib.sha256(path.read_bytes()).hexdigest()
        for name, path in seen.items()
        if not str(name).startswith(".")
    }


def in_full(manifest: Manifest, leader: Path, out: Path) -> Manifest:
    """A render of a manifest's request, with nothing remembered."""
    return render_request(
        manifest.plan.request, leader, out, force=False, band_factory=LocalBand, pace=Pace(), events=Events(),
        report=False,
    )  # fmt: skip
