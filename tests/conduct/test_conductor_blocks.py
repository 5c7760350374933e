"""Conducting: equal bytes for any block size, a state that is a value, dynamics that follow without pumping."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ensemble.clock import Block, blocks
from ensemble.conduct.conductor import Conductor
from ensemble.conduct.dynamics import FEATURES, LeaderGain, leader_features, to_control_rate
from ensemble.config import BandSettings, FollowerSettings
from ensemble.types.music import Arrangement, ConductorState, Heard, Score
from ensemble.wire import pack, unpack
from tests.conduct.handmade_leader import cut, heard_of

BAND = BandSettings(
    name="test",
    followers=(
        FollowerSettings(name="bass", instrument="electric_bass", role="bass", level_db=-4),
        FollowerSettings(name="rhythm", instrument="electric_guitar", role="pad", voices=4, level_db=-8),
        FollowerSettings(name="voice", instrument="flute", role="transform", level_db=-20),
        FollowerSettings(name="drums", instrument="drums", role="drums"),
    ),
)
TAIL = 103


def conducted(heard: Heard, block_frames: int, conductor: Conductor | None = None) -> list[Score]:
    conductor = conductor or Conductor(BAND, seed=4)
    arrangement = conductor.arrange(heard, heard.frames.num_frames + TAIL)
    state, scores = conductor.start(), []
    for block in blocks(arrangement.num_frames, block_frames):
        score, state = conductor.conduct(arrangement, block, state)
        scores.append(score)
    return scores


def joined(scores: list[Score]) -> dict[str, bytes]:
    whole = {}
    for name in ("loudness_db", "low_db", "high_db"):
        whole[name] = np.concatenate([getattr(score.dynamics, name) for score in scores], axis=1).tobytes()
    for row, follower in enumerate(BAND.followers):
        cues = [score.cues[row] for score in scores]
        assert {cue.part for cue in cues} == {follower.name}
        for field in ("f0_hz", "level_db"):
            whole[f"{follower.name}.{field}"] = np.concatenate([getattr(cue, field) for cue in cues], axis=1).tobytes()
        whole[f"{follower.name}.loudness"] = np.concatenate([cue.loudness_db for cue in cues]).tobytes()
        whole[f"{follower.name}.hits"] = repr([hit for cue in cues for hit in cue.hits]).encode()
    return whole


@pytest.mark.parametrize("block_frames", [1, 7, 100, 999])
def test_conducting_in_blocks_equals_conducting_whole(block_frames):
    heard = heard_of(bars=4)
    whole, pieces = conducted(heard, 10_000), conducted(heard, block_frames)
    assert len(whole) == 1
    assert len(pieces) > 1 or block_frames == 999
    assert joined(pieces) == joined(whole)
    assert [cue.is_last for score in pieces for cue in score.cues[:1]] == [False] * (len(pieces) - 1) + [True]
    assert [score.dynamics.start_frame for score in pieces] == list(
        range(0, heard.frames.num_frames + TAIL, block_frames)
    )


def test_a_conductor_that_starts_again_goes_on_with_the_same_bytes():
    heard = heard_of(bars=4)
    expected = conducted(heard, 70)
    arrangement = pack(Conductor(BAND, seed=4).arrange(heard, heard.frames.num_frames + TAIL))
    state, scores = Conductor(BAND, seed=4).start(), []
    for block in blocks(heard.frames.num_frames + TAIL, 70):
        fresh = Conductor(BAND, seed=4)  # knows nothing of before
        copied = unpack(pack(state), ConductorState)
        score, state = fresh.conduct(unpack(arrangement, Arrangement), block, copied)
        scores.append(score)
    assert joined(scores) == joined(expected)


def test_a_state_can_be_played_twice():
    heard = heard_of(bars=4)
    conductor = Conductor(BAND, seed=4)
    arrangement = conductor.arrange(heard, heard.frames.num_frames + TAIL)
    _, state = conductor.conduct(arrangement, Block(start_frame=0, stop_frame=133, is_last=False), conductor.start())
    block = Block(start_frame=133, stop_frame=300, is_last=False)
    first, _ = conductor.conduct(arrangement, block, state)
    again, _ = conductor.conduct(arrangement, block, state)
    assert first.dynamics.loudness_db.tobytes() == again.dynamics.loudness_db.tobytes()


def test_one_conductor_serves_another_leader_next():
    conductor = Conductor(BAND, seed=4)
    one, other = heard_of(bars=4), heard_of(bars=4, bpm=100.0, loop=((7, "maj"), (9, "min")))
    conducted(one, 500, conductor)
    assert joined(conducted(other, 500, conductor)) == joined(conducted(other, 500))


def test_a_block_out_of_turn_is_refused():
    heard, conductor = heard_of(bars=2), Conductor(BAND, seed=4)
    arrangement = conductor.arrange(heard, 500)
    with pytest.raises(ValueError, match="does not go on from frame 0"):
        conductor.conduct(arrangement, Block(start_frame=20, stop_frame=40, is_last=False), conductor.start())


def test_what_is_not_committed_is_not_conducted():
    conductor = Conductor(BAND, seed=4)
    arrangement = replace(conductor.arrange(heard_of(bars=2), 500), committed_frames=200)
    _, state = conductor.conduct(arrangement, Block(start_frame=0, stop_frame=200, is_last=False), conductor.start())
    with pytest.raises(ValueError, match="does not go on from frame 200 of 200"):
        conductor.conduct(arrangement, Block(start_frame=200, stop_frame=220, is_last=False), state)


def test_a_transformed_line_has_the_leaders_own_pitch_and_loudness():
    heard = heard_of(bars=4)
    (score,) = conducted(heard, 10_000)
    cue, length = score.cue("voice"), heard.frames.num_frames
    sung, plays = heard.frames.f0_hz > 0, cue.f0_hz[0, :length] > 0
    np.testing.assert_array_equal(cue.f0_hz[0, :length][sung], heard.frames.f0_hz[sung])
    np.testing.assert_array_equal(cue.loudness_db[:length], heard.frames.loudness_db)
    assert not (plays & ~sung & ~np.roll(sung, -3)).any()  # a line rises as windows hear what begins
    begins = np.flatnonzero(sung & ~np.roll(sung, 1))
    is_late = sung & ~(np.abs(np.arange(length)[:, None] - begins - 1) <= 2).any(axis=1)
    np.testing.assert_allclose(cue.level_db[0, :length][is_late], 0, atol=1e-4)
    assert (cue.loudness_db[length:] == -100).all()


def curve(loudness_db: np.ndarray, level_db: float = 0.0) -> np.ndarray:
    """The leader's gain for any loudness, at 25 Hz: loudness, low, high.  [3, frames]"""
    model = LeaderGain([level_db])
    memory, rows = model.start(), []
    padded = np.concatenate([loudness_db, np.full(-len(loudness_db) % 5, -100.0)]).astype(np.float32)
    for start in range(0, len(padded), 5):
        features = np.zeros((16, 5), np.float32)
        features[FEATURES.index("loudness_db")] = padded[start : start + 5]
        predicted, memory = model.predict(features, memory)
        rows.append(np.concatenate(predicted))
    return np.concatenate(rows, axis=1)


def test_the_band_follows_the_leader_at_its_own_level():
    loudness = curve(np.concatenate([np.full(100, -30.0), np.full(100, -20.0)]), level_db=-6.0)[0]
    assert loudness[90] == pytest.approx(-36.0, abs=0.2)
    assert loudness[110] == pytest.approx(-26.0, abs=0.5)  # 0.4 s after the leader rose
    assert loudness[190] == pytest.approx(-26.0, abs=0.05)


def test_the_band_does_not_pump_on_a_plucked_leader():
    plucked = -20.0 - 24.0 * np.tile(np.arange(12) / 25, 30)  # two notes a second, each falls by 11 dB
    loudness = curve(plucked)[0, 75:]
    assert np.ptp(loudness) < 0.6 * np.ptp(plucked)
    assert -32 < loudness.mean() < -20


def test_the_band_holds_through_a_short_rest_and_fades_in_a_long_one():
    rests = np.concatenate([np.full(50, -20.0), np.full(20, -100.0), np.full(50, -20.0), np.full(150, -100.0)])
    loudness = curve(rests)[0]
    assert loudness[45:118].min() > -21.0
    assert loudness[120 + 24] > -21.0
    assert loudness[120 + 75] == pytest.approx(-20 - 2 * 12, abs=1.0)
    assert (np.diff(loudness[150:]) <= 0).all()


def test_dynamics_stay_in_a_sane_range_while_the_leader_plays():
    loud, soft = curve(np.full(100, -3.0), level_db=6.0)[0], curve(np.full(100, -55.0), level_db=-20.0)[0]
    assert loud.max() == -6.0
    assert soft.min() == -60.0
    assert (curve(np.full(100, -100.0))[0] == -100.0).all()


def test_four_fifths_of_a_restless_leader_lie_inside_the_band():
    noise = -25.0 + 4.0 * np.random.Generator(np.random.Philox(1)).standard_normal(2000)
    loudness, low, high = curve(noise)
    inside = ((noise >= low) & (noise <= high))[100:].mean()
    assert 0.72 < inside < 0.88
    assert (low <= loudness).all()
    assert (loudness <= high).all()


def test_dynamics_are_causal():
    heard = heard_of(bars=8)
    early = cut(heard, 16)
    stop = early.frames.num_frames
    whole = np.concatenate([score.dynamics.loudness_db for score in conducted(heard, 999)], axis=1)
    short = np.concatenate([score.dynamics.loudness_db for score in conducted(early, 999)], axis=1)
    assert whole[:, : stop - 20].tobytes() == short[:, : stop - 20].tobytes()
    assert not np.array_equal(whole[:, stop : stop + 100], short[:, stop : stop + 100])


def test_the_tail_rings_on():
    heard = heard_of(bars=4)
    loudness = np.concatenate([score.dynamics.row("bass") for score in conducted(heard, 999)])
    end = heard.frames.num_frames
    assert loudness[end + 50] == pytest.approx(loudness[end - 5], abs=1.0)


def test_lines_reach_a_conductor_frame_in_its_last_control_frame():
    drawn = to_control_rate(np.zeros(1, np.float32), np.array([[4.0, 8.0]], np.float32))
    np.testing.assert_array_equal(drawn, [[1, 2, 3, 4, 5, 6, 7, 8]])


def test_a_stroke_with_the_leaders_first_note_is_heard():
    heard = heard_of(bars=4, first_beat_s=0.73, melody=((72, 1.0),))
    (score,) = conducted(heard, 10_000)
    cue = score.cue("drums")
    first = cue.hits[0]
    assert 0.715 < first.time_s < 0.745
    assert cue.loudness_db[int(first.time_s * 100)] > -36.0  # the leader at -22, the drummer 6 dB below
    assert cue.loudness_db[55] == -100.0


def test_features_say_what_the_leader_does():
    heard = heard_of(bars=2, melody=((69, 1.0),), first_beat_s=0.12)  # heard three conductor frames ahead
    features = dict(zip(FEATURES, leader_features(heard.frames, 1000), strict=False))
    assert features["pitch_midi"][2] == pytest.approx(69.0, abs=1e-3)
    assert features["voiced"][2] == 1.0
    assert features["loudness_db"][1] == pytest.approx(-22.44, abs=0.1)
    assert features["onset"][0] == 1.0
    assert features["loudness_db"][-1] == pytest.approx(-100.0)
