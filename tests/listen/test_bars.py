"""Bar lines from what each beat has, how sure they are, and beats of three parts."""

from __future__ import annotations

import numpy as np
import pytest

from ensemble.listen.bars import Bars, find_bars
from ensemble.listen.beat_evidence import STEPS_PER_BEAT, BeatEvidence, gather_evidence
from ensemble.listen.listener import Listener
from ensemble.types.music import Frames
from tests.listen.leader_sounds import RATE, clip_of, tone


def frames_of(num_frames: int, onset: np.ndarray | None = None) -> Frames:
    still = np.zeros(num_frames, np.float32)
    return Frames(
        f0_hz=still, loudness_db=still - 20.0, confidence=still, onset=still if onset is None else onset,
        chroma=np.zeros((12, num_frames), np.float32),
    )  # fmt: skip


def evidence_of(num_beats: int, *, is_one_voice: bool = False, is_compound: bool = False, **heard: np.ndarray):
    still = np.zeros(num_beats)
    return BeatEvidence(
        **dict.fromkeys(("network", "change", "turn", "accent", "onset", "length", "density"), still) | heard
        | {"rhythm": np.zeros((num_beats, STEPS_PER_BEAT)), "chroma": np.zeros((12, num_beats), np.float32)},
        entry=0, end=None, is_compound=is_compound, is_one_voice=is_one_voice,
    )  # fmt: skip


def bars_of(evidence: BeatEvidence, beats_per_bar: int | None = None, sure: np.ndarray | None = None) -> Bars:
    beats_s = 0.5 * np.arange(evidence.num_beats)
    return find_bars(evidence, frames_of(50 * max(evidence.num_beats, 1)), beats_s, beats_per_bar, sure)


def on_phase(num_beats: int, beats_per_bar: int, phase: int) -> np.ndarray:
    return (np.arange(num_beats) % beats_per_bar == phase).astype(np.float64)


@pytest.mark.parametrize("beats_per_bar", [3, 4])
@pytest.mark.parametrize("upbeats", [0, 1, 2])
def test_bars_begin_where_chords_change(beats_per_bar, upbeats):
    change = on_phase(48, beats_per_bar, upbeats)
    found = bars_of(evidence_of(48, change=change, turn=change))
    assert found[:3] == (beats_per_bar, upbeats, 2)
    assert len(found.bar_confidence) == len(range(upbeats, 48, beats_per_bar))
    assert found.bar_confidence.min() > 0.65


def test_the_network_outweighs_the_habit_of_beginning_on_a_downbeat():
    found = bars_of(evidence_of(40, network=8.0 * on_phase(40, 4, 2) - 4.0))
    assert found[:2] == (4, 2)


def test_long_notes_open_bars_of_a_single_line():
    long = on_phase(32, 4, 3)
    found = bars_of(evidence_of(32, is_one_voice=True, onset=np.ones(32), length=1.0 + 2.0 * long, accent=1.0 + long))
    assert found[:2] == (4, 3)


def test_where_nothing_tells_the_second_choice_is_told_with_the_doubt():
    found = bars_of(evidence_of(32))
    assert found[:2] == (4, 0)
    assert found.bar_confidence.max() < 0.8
    assert found.second_bars is not None
    assert found.second_bars != (4, 0)


def test_a_beat_that_was_missed_leaves_the_doubt_where_it_is():
    """The bars shift by a beat after two thirds: the first ones stay sure, the last ones are not."""
    change = np.append(on_phase(64, 4, 0), on_phase(32, 4, 1))
    found = bars_of(evidence_of(96, change=change, turn=change))
    assert found[:2] == (4, 0)
    assert found.bar_confidence[:14].min() > 0.7
    assert found.bar_confidence[18:].max() < 0.5


def test_a_bar_line_is_no_surer_than_the_beat_that_it_stands_on():
    change = on_phase(48, 4, 1)
    of_beats = np.linspace(0.2, 0.9, 48, dtype=np.float32)
    clear, doubtful = (bars_of(evidence_of(48, change=change, turn=change), sure=sure) for sure in (None, of_beats))
    np.testing.assert_allclose(doubtful.bar_confidence, clear.bar_confidence * of_beats[1::4], rtol=1e-6)
    assert doubtful[:2] == clear[:2] == (4, 1)


def test_a_known_metre_leaves_the_downbeat_to_the_ear():
    assert bars_of(evidence_of(40, turn=on_phase(40, 5, 2)), beats_per_bar=5)[:2] == (5, 2)


@pytest.mark.parametrize("num_beats", [0, 1, 2, 3])
@pytest.mark.parametrize("known", [None, 3])
def test_hardly_any_beats_have_bars_too(num_beats, known):
    assert bars_of(evidence_of(num_beats), known)[:2] == (known or 4, 0)


def test_beats_of_three_parts_are_counted_in_two():
    found = bars_of(evidence_of(40, is_compound=True, turn=on_phase(40, 2, 1)))
    assert found[:3] == (2, 1, 3)


@pytest.mark.parametrize(
    ("steps", "is_compound"), [((0, 1 / 3, 2 / 3), True), ((0, 2 / 3), False), ((0, 0.5), False), ((0,), False)]
)
def test_three_parts_are_told_from_swing_and_from_halves(steps, is_compound):
    onset = np.zeros(2000, np.float32)
    for beat in range(32):
        for step in steps:
            onset[round(60 * (beat + step)) + 1] = 1.0
    beats_s, still = 0.6 * np.arange(32), np.zeros(32, np.bool_)
    chroma = np.zeros((12, 32), np.float32)
    assert gather_evidence(frames_of(2000, onset), beats_s, chroma, still, is_one_voice=True).is_compound == is_compound


def test_chords_in_six_eight_are_heard_so():
    """Each bar is a bass note with a chord, and four softer chords: 6/8 at 76 dotted quarters a minute."""
    eighth_s, samples = 60 / 76 / 3, np.zeros(round(27 * RATE))
    for number in range(96):
        root = (48, 53, 55, 48)[number // 6 % 4]
        accent = (0.16, 0.04, 0.04, 0.14, 0.04, 0.04)[number % 6]
        chord = sum(tone(root + above, eighth_s, peak=accent) for above in (0, 7, 12, 16))
        start = round(number * eighth_s * RATE)
        samples[start : start + len(chord)] += chord
    heard = Listener().listen(clip_of(samples))
    assert heard.tempo_bpm == pytest.approx(76, rel=0.02)
    assert (heard.beats_per_bar, heard.beat_division, heard.time_signature) == (2, 3, (6, 8))
    assert heard.first_downbeat == 0
