"""Swing is measured where it is, and neither sixteenths, dotted rhythms nor looseness are taken for it."""

from __future__ import annotations

import numpy as np
import pytest

from ensemble.listen.listener import Listener
from ensemble.listen.onsets import onset_strength
from ensemble.listen.swing import STRAIGHT, find_swing
from tests.listen.leader_sounds import RATE, clip_of, tone


def played(
    shares: tuple[float, ...], tempo_bpm: float = 110.0, num_beats: int = 40, loose_s: float = 0.0
) -> np.ndarray:
    """A walk up and down a scale with a note on each of these shares of every beat."""
    rng, beat_s = np.random.default_rng(0), 60 / tempo_bpm
    places = [beat + share for beat in range(num_beats) for share in shares]
    times_s = np.array(places) * beat_s + loose_s * rng.normal(size=len(places)) * (np.mod(places, 1) > 0)
    samples = np.zeros(round((num_beats * beat_s + 1) * RATE))
    gaps_s = np.diff(places, append=num_beats) * beat_s
    for index, (time_s, gap_s) in enumerate(zip(times_s, gaps_s, strict=True)):
        note = tone((60, 62, 64, 65, 67, 69, 71, 72)[index % 8], 0.95 * gap_s)
        at = max(round(time_s * RATE), 0)
        samples[at : at + len(note)] += note
    return samples


def measured(samples: np.ndarray, tempo_bpm: float = 110.0) -> float:
    onset = onset_strength(samples.astype(np.float32), RATE, -(-len(samples) // 160))
    return find_swing(onset, np.arange(40) * 60 / tempo_bpm + 0.005)


@pytest.mark.parametrize("tempo_bpm", [90.0, 140.0])
@pytest.mark.parametrize("swing", [0.58, 0.62, 0.667])
def test_swing_is_measured_within_a_fiftieth_of_the_beat(swing, tempo_bpm):
    assert measured(played((0.0, swing), tempo_bpm), tempo_bpm) == pytest.approx(swing, abs=0.02)


@pytest.mark.parametrize(
    "shares", [(0.0,), (0.0, 0.5), (0.0, 0.25, 0.5, 0.75), (0.0, 0.75), (0.0, 1 / 3, 2 / 3)], ids=str
)
def test_straight_music_is_straight(shares):
    if shares == (0.0, 1 / 3, 2 / 3):  # triplets swing like triplets
        assert measured(played(shares)) == pytest.approx(2 / 3, abs=0.02)
    else:
        assert measured(played(shares)) == STRAIGHT


def test_a_loose_player_is_not_swinging():
    assert measured(played((0.0, 0.5), loose_s=0.03)) == STRAIGHT
    assert measured(np.zeros(20 * RATE)) == STRAIGHT
    assert find_swing(np.zeros(0, np.float32), np.zeros(0)) == STRAIGHT


def test_the_listener_tells_the_swing_of_a_whole_leader():
    heard = Listener().listen(clip_of(played((0.0, 2 / 3))))
    assert heard.tempo_bpm == pytest.approx(110, rel=0.02)
    assert heard.swing == pytest.approx(2 / 3, abs=0.03)
    assert Listener().listen(clip_of(played((0.0, 0.5)))).swing == STRAIGHT
