"""Parallel fifths and octaves are avoided where there is another way."""

from __future__ import annotations

import numpy as np
import pytest

from ensemble.conduct import voicing
from ensemble.conduct.parts import write_parts
from ensemble.config import FollowerSettings
from ensemble.types.music import Quality
from tests.conduct.handmade_leader import heard_of, of, pitches

BASS = FollowerSettings(name="bass", instrument="cello", role="bass")
VIOLA = FollowerSettings(name="viola", instrument="viola", role="pad", voices=1)
STEPWISE: tuple[tuple[int, Quality], ...] = ((0, "maj"), (2, "min"), (4, "min"), (5, "maj"), (7, "maj"), (9, "min"))
FALLING: tuple[tuple[int, Quality], ...] = ((9, "min"), (7, "maj"), (5, "maj"), (4, "maj"))


def parallels(loop: tuple[tuple[int, Quality], ...]) -> tuple[int, int]:
    """Parallel fifths and octaves between bass and viola from bar to bar, and how often both move."""
    heard = heard_of(bars=24, loop=loop, melody=((84, 4.0),))
    bass, viola = (
        pitches(of(part).notes, heard.frames.num_frames)[0] for part in write_parts(heard, (BASS, VIOLA), 4800, 0)
    )
    at = np.arange(24) * 200 + 60
    interval, moves = np.mod(viola[at] - bass[at], 12), (np.diff(bass[at]) != 0) & (np.diff(viola[at]) != 0)
    kept = (interval[:-1] == interval[1:]) & np.isin(interval[1:], (0, 7)) & moves
    return int(kept.sum()), int(moves.sum())


@pytest.mark.parametrize("loop", [STEPWISE, FALLING], ids=["up", "down"])
def test_an_inner_voice_does_not_run_in_parallel_with_the_bass(loop, monkeypatch):
    with_cost, moves = parallels(loop)
    monkeypatch.setattr(voicing, "_PARALLEL_TO_BASS", -5.0)
    wanted, _ = parallels(loop)
    assert moves >= 12
    assert with_cost <= 1
    assert wanted >= 6  # the measure can fail


def test_what_moves_in_parallel_by_hand():
    def moves(lower: int, lower_next: int, upper: int, upper_next: int) -> bool:
        return bool(voicing._moves_in_parallel(*map(np.array, (lower, lower_next, upper, upper_next))))

    assert moves(48, 50, 55, 57)  # fifths
    assert moves(48, 45, 72, 69)  # octaves, two apart
    assert not moves(48, 50, 52, 54)  # thirds
    assert not moves(48, 48, 55, 55)  # nobody moves
    assert not moves(48, 50, 55, 62)  # a fifth becomes an octave
    assert not moves(0, 50, 55, 57)  # a rest
