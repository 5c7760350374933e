"""Chords of the beats to come."""

from __future__ import annotations

import numpy as np

from ensemble.chart.text import parse_chart
from ensemble.live.bars import BarGrid
from ensemble.live.foresight import Foresight
from ensemble.types.harmony import NO_CHORD, Chord, Key

CHORDS = (*(Chord(root=root, quality="maj") for root in range(12)), NO_CHORD)


def said(chord: int) -> np.ndarray:
    """Ten steps in which this chord is almost sure."""
    shares = np.full((10, len(CHORDS)), 0.01, np.float32)
    shares[:, chord] = 0.88
    return shares


def after(roots: list[int]) -> Foresight:
    foresight = Foresight(CHORDS, None, None)
    for root in roots:
        foresight.hear_beat(said(root), BarGrid(4, 0))
    return foresight


def test_what_is_not_proven_is_played_as_root_and_fifth() -> None:
    chord, _ = after([0, 0, 0, 0]).of(4, 1, 0)
    assert (chord.root, chord.quality) == (0, "5")


def test_a_loop_is_played_once_it_is_proven() -> None:
    loop = [0] * 4 + [7] * 4 + [9] * 4 + [5] * 4
    foresight = after(loop * 2)
    assert foresight.loop_beats == 16
    assert [foresight.of(32 + beat, 0, 0).chord.root for beat in range(16)] == loop
    assert foresight.is_proven
    assert foresight.of(32, 0, 0).chord.quality == "maj"
    assert after(loop + loop[:8]).loop_beats == 16
    assert after(loop + loop[:4]).loop_beats is None


def test_a_loop_is_proven_once_it_has_foretold_a_whole_pass_and_until_then_played_as_root_and_fifth() -> None:
    loop = [0] * 4 + [7] * 4 + [9] * 4 + [5] * 4
    for beats in (8, 15):
        foresight = after(loop + loop[:beats])
        assert not foresight.is_proven
        chords = [foresight.of(16 + beat, 0, 0).chord for beat in range(beats, 16)]
        assert [(chord.root, chord.quality) for chord in chords] == [(root, "5") for root in loop[beats:]]
    misheard = after([*loop, 2, 2, 3, 3, 4, 4, 1, 1, *loop[8:]])
    assert not misheard.is_proven


def test_what_was_misheard_the_last_time_is_played_as_the_time_before() -> None:
    loop = [0] * 4 + [7] * 4 + [9] * 4 + [5] * 4
    foresight = after(loop * 2)
    for root in loop:
        foresight.hear_beat(0.8 * said(2) + 0.2 * said(7) if root == 7 else said(root), BarGrid(4, 0))
    assert [chord.root for chord in foresight.heard[36:40]] == [2] * 4
    assert [foresight.of(48 + beat, 0, 0).chord.root for beat in range(16)] == loop


def test_a_beat_that_is_heard_again_later_has_another_chord() -> None:
    foresight = after([0, 0, 0, 0])
    foresight.hear_beat(said(0), BarGrid(4, 0))  # the listener still says the former one
    foresight.hear_beat(said(9), BarGrid(4, 0), before=said(9))
    assert [chord.root for chord in foresight.heard] == [0, 0, 0, 0, 9, 9]


def test_what_was_heard_once_by_chance_is_no_loop() -> None:
    assert after([0, 5, 2, 7, 9, 4, 11, 5, 0, 6, 3, 8, 9, 1, 10, 6, 0, 7, 4, 8]).loop_beats is None


def test_a_chord_begins_on_the_bar_line_where_it_is_not_clear_which_it_is() -> None:
    foresight = after([0, 0, 0, 0])
    foresight.hear_beat(0.5 * said(0) + 0.5 * said(9), BarGrid(4, 0))
    for _ in range(3):
        foresight.hear_beat(said(9), BarGrid(4, 0))
    assert [chord.root for chord in foresight.heard] == [0] * 4 + [9] * 4


def test_the_beat_that_sounds_decides_what_is_held() -> None:
    foresight = after([0, 0])
    foresight.hear_now(said(7))
    assert foresight.of(3, 0, 3).chord.root == 7
    silent = Foresight(CHORDS, None, None)
    silent.hear_now(said(12))
    assert silent.of(0, 0, 0).chord == NO_CHORD


def test_the_key_is_that_of_the_chords_as_they_are_heard_by_now() -> None:
    """Beats are heard again with what follows: the key counts each as it is heard in the end."""
    rng = np.random.default_rng(3)
    foresight = Foresight(CHORDS, None, None)
    for _ in range(80):
        foresight.hear_beat(rng.dirichlet(np.ones(len(CHORDS)), 4).astype(np.float32), BarGrid(4, 0))
        tones = np.zeros(12)
        for chord in foresight.heard:
            tones[list(chord.tones)] += chord != NO_CHORD
        inside = [tones[[(tonic + step) % 12 for step in (0, 2, 4, 5, 7, 9, 11)]].sum() for tonic in range(12)]
        assert inside[foresight.key.tonic] >= 0.9 * max(inside)


def test_a_chart_is_played_as_it_is_written() -> None:
    chart = parse_chart("key: G\n| G | Em7 D |\n")
    foresight = Foresight(CHORDS, chart, None)
    assert [foresight.of(beat, beat // 4, beat % 4).chord.root for beat in range(12)] == [7] * 4 + [4, 4, 2, 2] + [
        7
    ] * 4
    assert foresight.key == Key(tonic=7, mode="major")
