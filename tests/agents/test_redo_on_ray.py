"""A redo on Ray gives what one in this process gives, whoever rendered before."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from agents import RayBand
from ensemble.band import LocalBand
from ensemble.rendering.edits import Edits
from ensemble.rendering.redo import redo, undo
from ensemble.rendering.render import render
from tests.rendering.redone import BAND, RATE, strum, tree

EDITS = Edits(parts=("drums", "keys"), seed=3, gain_db={"bass": 1.0})


@pytest.mark.ray
def test_a_redo_on_ray_and_one_here_are_equal(local_ray: None, tmp_path: Path) -> None:
    leader, song = strum(tmp_path / "strummed.wav"), tmp_path / "song"
    render(leader, song, band=BAND, sample_rate=RATE, band_factory=RayBand, report=False)
    before = tree(song)
    here = Path(shutil.copytree(song, tmp_path / "here"))
    on_ray = redo(song, EDITS, band_factory=RayBand, report=False)
    assert on_ray.takes == redo(here, EDITS, band_factory=LocalBand, report=False).takes
    assert {"drums", "keys"} <= on_ray.execution.busy_s.keys()
    assert not {"bass", "violin"} & {name for name, spent_s in on_ray.execution.busy_s.items() if spent_s > 0}
    mixed = redo(song, Edits(pan={"keys": -0.5}), band_factory=RayBand, report=False)
    assert (mixed.execution.band_kind, mixed.execution.actors) == ("memory", 0)
    undo(song)
    undo(song)
    assert tree(song) == before
