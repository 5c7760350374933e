"""How far ahead a live band commits itself: in seconds, or in beats."""

from __future__ import annotations

import numpy as np
import pytest

from ensemble.band import LocalBand
from ensemble.config import BandSettings, load_band
from ensemble.errors import ConfigError
from ensemble.listen.overrides import Overrides
from ensemble.live.follow import LiveFollower
from ensemble.live.horizon import Horizon, horizon_for, read_horizon
from ensemble.live.settings import LiveSettings
from ensemble.live.stream import ticks_of
from ensemble.plan import RenderPlan
from ensemble.rendering.live import LiveSession
from ensemble.rendering.request import request_for
from tests.listen.leader_sounds import RATE, chords, clicks

TEMPO_BPM = 100.0
CHORDS = ((48, 52, 55), (43, 47, 50), (45, 48, 52), (41, 45, 48))


@pytest.fixture(scope="module")
def band() -> BandSettings:
    return load_band("rock").with_voice("naive")


@pytest.fixture(scope="module")
def strummed() -> np.ndarray:
    """Nine seconds of chords, a stroke a beat."""
    struck = chords([chord for chord in CHORDS for _ in range(4)], 60 / TEMPO_BPM)[: 9 * RATE]
    return (struck + 0.5 * clicks(TEMPO_BPM, 10, 0.0, (1.0, 0.4, 0.6, 0.4))[: len(struck)]).astype(np.float32)


@pytest.mark.parametrize(
    ("text", "horizon", "written"),
    [
        ("0.4", Horizon(), "0.4"), ("0.24", Horizon(0.2), "0.2"), ("2s", Horizon(2.0), "2"),
        ("1beat", Horizon(beats=1.0), "1beat"), (" 1.5 beats", Horizon(beats=1.5), "1.5beats"),
        ("1.333333beats", Horizon(beats=1.333), "1.333beats"),
    ],
)  # fmt: skip
def test_a_horizon_is_read_as_people_write_it(text: str, horizon: Horizon, written: str) -> None:
    assert read_horizon(text) == horizon
    assert str(horizon) == written
    assert read_horizon(written) == horizon


@pytest.mark.parametrize(
    "text", ["", "0.1", "2.1", "0beats", "0.0001beats", "5beats", "-1", "nan", "soon", "1 bar", "0.4 0.5"]
)
def test_what_is_no_horizon_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"seconds from 0\.2 to 2, or beats up to 4"):
        read_horizon(text)


@pytest.mark.parametrize(("way_s", "horizon_s"), [(0, 0.4), (0.1, 0.5), (0.2, 0.6), (0.3, 0.7), (0.21, 0.7), (9, 2)])
def test_a_horizon_is_the_next_whole_tenth(way_s: float, horizon_s: float) -> None:
    assert horizon_for(way_s) == Horizon(horizon_s)
    assert horizon_for(way_s).frames(None) == round(100 * horizon_s)


def test_beats_become_frames_by_the_tempo_within_bounds() -> None:
    assert [Horizon(beats=1.0).frames(period) for period in (None, 20.0, 55.0, 250.0)] == [40, 40, 55, 200]
    assert Horizon(beats=0.5).frames(100.0) == 50
    assert [Horizon(seconds).quantum_frames for seconds in (0.2, 0.3, 0.4)] == [4, 4, 20]


def test_a_horizon_in_beats_is_so_many_beats_of_the_tempo_that_is_heard(
    band: BandSettings, strummed: np.ndarray
) -> None:
    live = LiveSettings(horizon_beats=1.0, listen_beats=0)
    follower, ahead = LiveFollower(band, 1, live, Overrides()), []
    for number, (tick, has_ended) in enumerate(ticks_of(strummed, 0, follower), 1):
        follower.tick(tick, has_ended=has_ended)
        ahead.append(follower.committed_frames - 10 * number)
    assert ahead[5] in (30, 40)  # no tempo yet
    assert set(ahead[-20:]) <= {40, 50, 60}  # 60 frames a beat, in whole quanta
    counted = LiveFollower(band, 1, LiveSettings(horizon_beats=1.0, count_in_beats=2), Overrides(tempo_bpm=TEMPO_BPM))
    counted.tick(np.zeros(RATE // 10, np.float32))
    assert counted.committed_frames == 60  # 70, in whole quanta


@pytest.mark.parametrize("horizon", [Horizon(0.2), Horizon(beats=1.0)])
def test_a_stream_that_is_cut_otherwise_gives_the_same(
    band: BandSettings, strummed: np.ndarray, horizon: Horizon
) -> None:
    live = LiveSettings(horizon_s=horizon.seconds, horizon_beats=horizon.beats, listen_beats=0)
    request = request_for(band, sample_rate=RATE, live=live)
    hashes, starts = [], []
    for size in (RATE // 50, 7919):
        session = LiveSession(request, LocalBand(RenderPlan(request=request, leader_sha256="")))
        blocks = (strummed[start : start + size] for start in range(0, len(strummed), size))
        played = [*(one for block in blocks for one in session.hear(block)), *session.end()]
        hashes.append(session.samples_sha256)
        starts.append([one.start_frame for one in played])
        assert max(np.abs(one.sound).max() for one in played) > 0.01
    assert hashes[0] == hashes[1]
    assert starts[0] == starts[1]
    if horizon.beats is None:
        assert set(np.diff(starts[0][1:-1])) <= {8, 12}  # a tick is two or three quanta
