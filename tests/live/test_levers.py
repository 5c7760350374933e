"""What a player asks for while playing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ensemble.config import load_band
from ensemble.errors import ConfigError
from ensemble.listen.overrides import Overrides
from ensemble.live.bars import BarGrid, LiveBars
from ensemble.live.beats import BeatFilter
from ensemble.live.follow import LiveFollower
from ensemble.live.hearing import TICK_SAMPLES
from ensemble.live.horizon import Horizon
from ensemble.live.levers import LiveLever, Taps, add_levers, begin_levers, horizon_in, lever_at, read_levers
from ensemble.live.settings import LiveSettings
from ensemble.live.stream import Followed, follow
from ensemble.settings.style_file import load_style
from ensemble.types.music import Hits
from tests.listen.leader_sounds import RATE, chords, clicks, clip_of
from tests.live.test_beats import pulses

PARTS = ("bass", "drums")
BEAT_S = 0.5


def test_a_file_of_levers_is_read_in_order(tmp_path: Path) -> None:
    path = tmp_path / "levers"
    path.write_text("# a song\n20 mute bass\n\n12.5 tap\n30 gain drums=-3  # softer\n40 density 0.2\n50 style waltz\n")
    read = read_levers(path, PARTS)
    assert [(one.frame, one.kind, one.part, one.value) for one in read] == [
        (1250, "tap", None, 0.0), (2000, "mute", "bass", 0.0), (3000, "gain", "drums", -3.0),
        (4000, "density", None, 0.2), (5000, "style", None, 0.0),
    ]  # fmt: skip
    assert read[-1].style is not None
    assert read[-1].style.name == "waltz"


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("soon tap", "line 1"), ("3 taap", "tap"), ("3 mute flute", "no part 'flute'"),
        ("3 density bass=2", "density"), ("3 gain loud", "no number"), ("3 tap bass", "whole band"), ("3", "line 1"),
        ("nan tap", "line 1"), ("-1 tap", "frame"), ("3 style none_such", "none_such"), ("{", "no JSON"),
        ("{}", "frame"), ('{"frame": 3, "kind": "mute", "part": "flute"}', "no part 'flute'"), ("[" * 9, "no time"),
    ],
)  # fmt: skip
def test_a_wrong_line_is_named(line: str, names: str, tmp_path: Path) -> None:
    path = tmp_path / "levers"
    path.write_text(line)
    with pytest.raises(ConfigError, match=names) as refused:
        read_levers(path, PARTS)
    assert refused.value.what.endswith("levers, line 1")


def test_taps_tell_the_tempo_and_late_ones_begin_anew() -> None:
    taps = Taps()
    assert [taps.tap(frame) for frame in (100, 152, 200, 251)] == [None, 52.0, 50.0, 51.0]
    assert [taps.tap(frame) for frame in (700, 740)] == [None, 40.0]


def test_a_beat_that_is_said_is_followed_at_once() -> None:
    said = pulses(np.arange(0.3, 5.9, 0.4), 6.0)
    heard = BeatFilter()
    heard.hear(said, said)
    heard.say(620, 80.0)
    assert heard.now().period_frames == pytest.approx(80, rel=0.02)
    ahead = heard.now().phase + (620 - heard.now().frame) / 80
    assert ahead == pytest.approx(round(ahead), abs=0.06)
    heard.hear(pulses(np.arange(0.3, 7.9, 0.4), 8.0)[600:], pulses(np.arange(0.3, 7.9, 0.4), 8.0)[600:])
    assert heard.now().period_frames == pytest.approx(80, rel=0.05)  # and stays there
    heard.say(800, 1.0)  # no tempo
    assert heard.now().period_frames == pytest.approx(80, rel=0.05)


def test_bars_begin_where_the_player_says() -> None:
    bars = LiveBars([4])
    for beat in range(16):
        bars.hear_beat(0.9 if beat % 4 == 0 else 0.1, 0.0)
    bars.say_one(18)
    assert bars.grid == BarGrid(4, 2)
    for beat in range(16, 32):
        bars.hear_beat(0.9 if beat % 4 == 0 else 0.1, 0.0)
    assert bars.grid == BarGrid(4, 2)


def test_levers_that_are_written_are_read_again(tmp_path: Path) -> None:
    levers = (
        lever_at(0, "tap"), lever_at(1, "one"), lever_at(7, "half"), lever_at(7, "double"),
        lever_at(1250, "style", "bossa_nova"), lever_at(1299, "density", "0.1"), lever_at(1300, "mute", "bass"),
        lever_at(99_999, "gain", "drums=-6.123456789"), lever_at(99_999, "unmute"),
    )  # fmt: skip
    own = load_style("reggae").model_copy(update={"name": "rock"})  # no shipped one, whatever its name says
    levers = (*levers, LiveLever(frame=100_000, kind="style", style=own))
    path = tmp_path / "asked.levers"
    begin_levers(path, Horizon(0.5))
    for lever in levers:
        add_levers(path, [lever])
    assert read_levers(path, PARTS) == levers
    assert horizon_in(path) == Horizon(0.5)
    path.write_text(path.read_text() + "1000.5 gain drums=-6")  # of -6.5, and who wrote it was killed
    assert read_levers(path, PARTS, was_cut_off=True) == levers
    assert len(read_levers(path, PARTS)) == len(levers) + 1  # people may end a file so


def test_the_horizon_is_only_that_of_a_session(tmp_path: Path) -> None:
    path = tmp_path / "own.levers"
    begin_levers(path, Horizon(beats=1.5))
    assert horizon_in(path) == Horizon(beats=1.5)
    for text in (
        "",
        "12.5 tap\n",
        "# --horizon 9.9\n",
        "# --horizon 0.5",
        "# --horizon long\n",
        "# a song\n# --horizon 0.5\n",
    ):
        path.write_text(text)
        assert horizon_in(path) is None


def test_what_is_asked_for_is_done_before_what_was_planned_for_later() -> None:
    live = LiveSettings(levers=(lever_at(15, "mute", "bass"),))
    follower = LiveFollower(load_band("rock").with_voice("naive"), 1, live, Overrides())
    follower.ask(lever_at(5, "mute", "drums"))
    follower.tick(np.zeros(TICK_SAMPLES, np.float32))
    assert follower.muted == {"drums"}
    follower.tick(np.zeros(TICK_SAMPLES, np.float32))
    assert follower.muted == {"bass", "drums"}


def starts_s(followed: Followed, name: str) -> np.ndarray:
    part = next(one for one in followed.arrangement.parts if one.name == name)
    if isinstance(part, Hits):
        return np.array([hit.time_s for hit in part.hits])
    return np.array([note.start_frame / 100 for note in part.notes])


@pytest.fixture(scope="module")
def counted_in() -> Followed:
    """A leader that begins after four beats that the band counts, and levers on the way."""
    band = load_band("rock").with_voice("naive")
    struck = chords([(48, 52, 55)] * 24, BEAT_S)
    leader = np.concatenate(
        [np.zeros(RATE * 51 // 20), struck + 0.3 * clicks(120, len(struck) / RATE, 0.0)[: len(struck)]]
    )
    levers = (
        lever_at(600, "mute", "bass"), lever_at(800, "gain", "drums=-20"), lever_at(900, "unmute", "bass"),
    )  # fmt: skip
    live = LiveSettings(count_in_beats=4, levers=levers)
    return follow(clip_of(leader), 1500, band, 1, live, Overrides(tempo_bpm=120))


def test_the_band_counts_and_plays_with_the_leaders_first_note(counted_in: Followed) -> None:
    hits = starts_s(counted_in, "drums")
    np.testing.assert_allclose(hits[:4], 0.55 + BEAT_S * np.arange(4), atol=0.03)
    assert hits[4] == pytest.approx(2.55, abs=0.05)
    beats = counted_in.heard.beats_s
    off = (beats[4:] - 2.55) / BEAT_S
    assert np.abs(off - np.rint(off)).max() * BEAT_S < 0.05


def test_a_muted_part_rests_and_plays_again(counted_in: Followed) -> None:
    bass = starts_s(counted_in, "bass")
    assert not ((bass > 6.6) & (bass < 9.2)).any()
    assert ((bass > 3.0) & (bass < 6.0)).any()
    assert (bass > 9.3).any()


def test_a_part_plays_softer_from_where_it_is_asked_to(counted_in: Followed) -> None:
    drums = next(one for one in counted_in.arrangement.parts if isinstance(one, Hits))
    early = [hit.velocity for hit in drums.hits if 3.0 < hit.time_s < 8.0]
    late = [hit.velocity for hit in drums.hits if hit.time_s > 8.7]
    assert max(late) < 0.2 * max(early)


def test_counting_in_needs_a_tempo() -> None:
    with pytest.raises(ConfigError, match="tempo"):
        follow(clip_of(np.zeros(RATE)), 100, load_band("rock"), 1, LiveSettings(count_in_beats=4), Overrides())
