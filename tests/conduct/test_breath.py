"""A sustained line is played and not held: bows turn, wind players breathe, and both do so with the leader."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from ensemble.conduct.parts import write_parts
from ensemble.conduct.shaping import WrittenNote, shape
from ensemble.config import FollowerSettings
from ensemble.types.instruments import CATALOGUE
from ensemble.types.music import Note, Part
from tests.conduct.handmade_leader import heard_of, of

HELD = ((72, 4.0),)
"""A leader who plays one note a bar."""


def notes(follower: FollowerSettings, **leader: object) -> tuple[Note, ...]:
    heard = heard_of(**leader)  # type: ignore[arg-type]
    (part,) = write_parts(heard, (follower,), heard.frames.num_frames, 0)
    return of(part).notes


def inner(instrument: str, role: str = "pad") -> FollowerSettings:
    return FollowerSettings(name=instrument, instrument=instrument, role=role, voices=1)  # type: ignore[arg-type]


@pytest.mark.parametrize("role", ["pad", "counter"])
@pytest.mark.parametrize(("instrument", "longest_s"), [("viola", 2.8), ("clarinet", 4.0)])
@pytest.mark.parametrize("bpm", [66.0, 120.0, 180.0])
def test_no_bow_and_no_breath_lasts_for_ever(role, instrument, longest_s, bpm):
    played = notes(inner(instrument, role), bars=26, bpm=bpm, loop=((0, "maj"),), melody=HELD)
    assert len(played) > 12
    assert max(one.stop_frame - one.start_frame for one in played[:-1]) <= 100 * longest_s + 2
    if role == "pad":  # a counter-melody moves on
        assert max(one.stop_frame - one.start_frame for one in played[:-1]) > 45 * longest_s


@pytest.mark.parametrize(("instrument", "breath_s"), [("viola", 0.12), ("clarinet", 0.22)])
def test_everybody_breathes_where_a_phrase_opens(instrument, breath_s):
    played = notes(inner(instrument), bars=16, bpm=120.0, loop=((0, "maj"),), melody=HELD)
    gaps = {after.start_frame: after.start_frame - before.stop_frame for before, after in pairwise(played)}
    for opening in (800, 1600, 2400):
        (gap,) = (gap for start, gap in gaps.items() if abs(start - opening) < 6)
        assert gap == pytest.approx(100 * breath_s, abs=6)
    within = [gap for start, gap in gaps.items() if min(abs(start - opening) for opening in (800, 1600, 2400)) > 6]
    assert within
    assert max(within) < 5


def test_they_breathe_with_a_leader_who_comes_back_in():
    melody = ((72, 5.0), (0, 1.0), (74, 2.0))  # rests on the second beat of every other bar
    played = notes(inner("clarinet"), bars=16, bpm=120.0, loop=((0, "maj"),), melody=melody)
    starts = np.array([one.start_frame for one in played])
    gaps = np.array([0, *(after.start_frame - before.stop_frame for before, after in pairwise(played))])
    for entry in range(300, 3000, 400):
        at = np.flatnonzero(np.abs(starts - entry) < 6)
        assert len(at) == 1, entry
        assert gaps[at[0]] >= 12


@pytest.mark.parametrize("instrument", ["viola", "clarinet"])
def test_a_leader_who_plays_short_notes_is_not_breathless(instrument):
    short, full = (
        notes(inner(instrument), bars=8, bpm=80.0, loop=((0, "maj"),), melody=((72, long), (0, 1 - long)))
        for long in (0.4, 0.9)
    )
    assert [one.start_frame for one in short] == [one.start_frame for one in full]


@pytest.mark.parametrize(("beats_per_bar", "bpm"), [(3, 50.0), (5, 90.0), (7, 100.0), (4, 40.0), (2, 60.0)])
@pytest.mark.parametrize(("instrument", "longest_s"), [("viola", 2.8), ("clarinet", 4.0)])
def test_bows_and_breaths_end_in_any_metre(beats_per_bar, bpm, instrument, longest_s):
    melody = ((72, float(beats_per_bar)),)
    played = notes(inner(instrument), bars=12, bpm=bpm, beats_per_bar=beats_per_bar, loop=((0, "maj"),), melody=melody)
    assert max(one.stop_frame - one.start_frame for one in played[:-1]) <= 100 * longest_s + 2


def joint(velocity: int, instrument: str) -> float:
    """How far the level falls where a second note of another pitch begins."""
    part: Part = shape(
        "part",
        [WrittenNote(0.5, 1.0, 62, 90), WrittenNote(1.0, 2.0, 65, velocity)],
        CATALOGUE[instrument],
        1,
        0.0,
        300,
        1,
    )
    start = part.notes[1].start_frame
    return float(part.level_db[0, start - 20 : start - 6].max() - part.level_db[0, start - 3 : start + 3].min())


@pytest.mark.parametrize("instrument", ["violin", "flute"])
def test_stressed_notes_are_struck_and_others_are_slurred(instrument):
    assert joint(70, instrument) < 7
    assert joint(90, instrument) > joint(70, instrument) + 2


def test_no_two_notes_are_shaken_alike():
    written = [WrittenNote(4.0 * index, 4.0 * index + 3.9, 69, 80) for index in range(8)]
    part = shape("part", written, CATALOGUE["violin"], 1, 0.0, 3300, 1)
    rates = []
    for one in part.notes:
        cents = 1200 * np.log2(part.f0_hz[0, one.start_frame + 60 : one.start_frame + 360] / 440)
        crossings = np.flatnonzero(np.diff(np.signbit(cents - cents.mean())))
        rates.append(50 * (len(crossings) - 1) / (crossings[-1] - crossings[0]))
    assert np.std(rates) > 0.05
    assert np.mean(rates) == pytest.approx(5.6, abs=0.2)
    assert np.ptp(rates) < 0.75
