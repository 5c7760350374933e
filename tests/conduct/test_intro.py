"""Intros: counted bars and the last four bars lie before the leader's first whole bar, in its tempo."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ensemble.chart.text import write_chart
from ensemble.conduct.grid import grid_of
from ensemble.conduct.intro import intro_frames, leaders_bar_one, with_intro, without_intro
from ensemble.conduct.parts import write_parts
from ensemble.config import FollowerSettings, load_band
from ensemble.listen.charted import chart_of
from ensemble.settings.style import Manner
from ensemble.types.music import Heard, Hits
from tests.conduct.handmade_leader import heard_of, of

BAND = load_band("rock").followers
COUNT = FollowerSettings(name="count", instrument="drums", role="drums", plays="count")
CLICK = FollowerSettings(name="click", instrument="drums", role="drums", plays="click")


def led_in(heard: Heard, manner: Manner) -> tuple[Heard, float]:
    """With its intro, and how much later the leader is."""
    num_frames = intro_frames(heard, manner)
    return with_intro(heard, manner, num_frames), num_frames / 100


@pytest.mark.parametrize(("intro", "bars"), [("count-1", 1), ("count-2", 2)])
@pytest.mark.parametrize("pickup_beats", [0, 1])
def test_bars_are_counted_in_in_the_leaders_tempo(intro, bars, pickup_beats):
    heard = replace(heard_of(bars=8, bpm=100, first_beat_s=0.37), first_downbeat=pickup_beats)
    manner = Manner(intro=intro, humanize=0.0)
    shifted, later_s = led_in(heard, manner)
    downbeat_s = later_s + float(heard.beats_s[pickup_beats])
    assert shifted.beats_s[shifted.first_downbeat] == pytest.approx(downbeat_s)
    assert shifted.chords[shifted.first_downbeat :] == heard.chords[pickup_beats:]
    np.testing.assert_array_equal(shifted.frames.f0_hz[-100:], heard.frames.f0_hz[-100:])
    parts = write_parts(shifted, (*BAND, COUNT), shifted.frames.num_frames + 100, 0, manner=manner)
    bass, rhythm, drums, count = parts
    assert isinstance(drums, Hits)
    assert isinstance(count, Hits)
    counted = [hit.time_s for hit in count.hits]
    np.testing.assert_allclose(counted, downbeat_s - 0.6 * np.arange(4 * bars, 0, -1), atol=1e-6)
    assert counted[0] >= 0
    assert [hit.time_s for hit in drums.hits][: len(counted)] == counted
    entry = min(note.start_frame for note in (*of(bass).notes, *of(rhythm).notes))
    assert entry / 100 == pytest.approx(downbeat_s, abs=0.03)
    assert shifted.frames.loudness_db[round(100 * counted[0])] > -40  # or the count could not be heard


def test_the_last_four_bars_come_first():
    heard = heard_of(bars=12, bpm=100, first_beat_s=0.2)
    manner = Manner(intro="last-4")
    shifted, later_s = led_in(heard, manner)
    assert shifted.first_downbeat == 0
    assert len(shifted.beats_s) == len(heard.beats_s) + 16
    assert shifted.chords == (*heard.chords[-16:], *heard.chords)
    np.testing.assert_allclose(np.diff(shifted.beats_s), 0.6, atol=1e-6)
    bass, _, drums = write_parts(shifted, BAND, shifted.frames.num_frames + 100, 0, manner=manner)
    assert isinstance(drums, Hits)
    assert of(bass).notes[0].start_frame / 100 < 0.2
    inside = [note for note in of(bass).notes if note.start_frame / 100 < later_s]
    assert len(inside) >= 8
    roots = {bar: chord.root for bar, chord in enumerate(shifted.chords[::4])}
    grid = grid_of(shifted)
    for bar in range(8):
        first = next(note for note in of(bass).notes if note.start_frame / 100 > grid.edges_s[4 * bar] - 0.05)
        assert round(first.pitch_midi) % 12 == roots[bar]


@pytest.mark.parametrize("intro", ["count-1", "count-2", "last-4"])
@pytest.mark.parametrize("first_downbeat", [0, 1, 3])
def test_the_chart_of_a_leader_with_an_intro_is_that_of_the_recording(intro, first_downbeat):
    heard = replace(heard_of(bars=9, first_beat_s=0.3), first_downbeat=first_downbeat)
    manner = Manner(intro=intro)
    led, added_s = led_in(heard, manner)
    assert added_s > 0
    alone = without_intro(led, manner, intro_frames(heard, manner))
    assert write_chart(chart_of(alone, "x")) == write_chart(chart_of(heard, "x"))
    bar_one = leaders_bar_one(led, manner)
    assert led.beats_s[bar_one] == pytest.approx(heard.beats_s[first_downbeat] + added_s)


def test_nothing_is_put_before_a_leader_without_beats_or_with_enough_silence():
    heard = heard_of(bars=8, bpm=100)
    assert intro_frames(heard, Manner()) == 0
    none = replace(heard, beats_s=heard.beats_s[:0], chords=())
    assert intro_frames(none, Manner(intro="count-1")) == 0
    assert with_intro(none, Manner(intro="count-1"), 0) is none
    late = heard_of(bars=8, bpm=100, first_beat_s=6.0)
    assert intro_frames(late, Manner(intro="count-2")) == 0
    assert len(with_intro(late, Manner(intro="count-2"), 0).beats_s) == len(late.beats_s) + 8


def test_a_click_strikes_every_beat_and_nothing_else():
    heard = heard_of(bars=8, bpm=90)
    (click,) = write_parts(heard, (CLICK,), heard.frames.num_frames + 100, 0)
    assert isinstance(click, Hits)
    grid = grid_of(heard)
    assert [hit.time_s for hit in click.hits] == grid.edges_s[: grid.final_beat + 1].tolist()
    hard = [hit.velocity > 0.9 for hit in click.hits]
    assert hard == [beat % 4 == 0 for beat in range(len(hard))]
