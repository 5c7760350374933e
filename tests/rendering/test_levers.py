"""A band with levers in a whole render: an intro delays the leader, and the render is verified as any other."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from ensemble.audio.files import read_clip, write_clip
from ensemble.band import LocalBand
from ensemble.config import load_band, parse
from ensemble.errors import ConfigError, DataError
from ensemble.listen.overrides import Overrides
from ensemble.live.settings import LiveSettings
from ensemble.perform import Pace
from ensemble.rendering.edits import Edits
from ensemble.rendering.leader import take_in
from ensemble.rendering.levers import Levers
from ensemble.rendering.redo import redo
from ensemble.rendering.render import render
from ensemble.rendering.request import request_for
from ensemble.rendering.verify import verify
from ensemble.scores.melody import transposed
from ensemble.scores.score import read_score
from ensemble.scores.symbolic import hear_melody
from ensemble.settings.style_file import load_style
from ensemble.types.music import AudioClip

FIXTURES = Path(__file__).parents[1] / "scores" / "kern"


def test_an_intro_delays_the_leader_and_is_verified(short_leader_file: Path, tmp_path: Path) -> None:
    changed = {"intro": "count-1", "ending": "ring", "style": load_style("reggae")}
    band = load_band("rock").model_copy(update=changed)
    (tmp_path / "plain").mkdir()
    take_in(short_leader_file, 16_000, tmp_path / "plain")
    manifest = render(short_leader_file, tmp_path / "out", band=band, voice="naive", sample_rate=16_000)
    assert manifest.plan.intro_frames
    silence = manifest.plan.intro_frames * 160
    alone, led_in = (read_clip(tmp_path / name / "leader.wav").samples for name in ("plain", "out"))
    assert not led_in[:, :silence].any()
    np.testing.assert_array_equal(led_in[:, silence:], alone)
    drums = read_clip(tmp_path / "out" / "take-00" / "stems" / "drums.wav").samples
    assert np.abs(drums[:, :silence]).max() > 0.01  # the count is heard
    assert drums.shape[1] >= led_in.shape[1] + 3 * 16_000  # and the end rings on
    assert verify(tmp_path / "out", LocalBand, Pace()).is_good


def test_an_instrument_without_a_voice_is_played_by_the_formula(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ensemble.rendering.levers.weights_in", lambda folder: ("electric_bass", "nylon_guitar"))
    band = Levers(instrument={"bass": "cello", "rhythm": "steel_guitar"}).applied_to(load_band("rock"))
    assert [follower.voice for follower in band.followers[:2]] == ["naive", "nylon_guitar"]


def test_levers_change_a_band_and_no_more() -> None:
    rock = load_band("rock")
    assert Levers().applied_to(rock) == rock
    levers = Levers(
        style="swing", complexity=0.2, ending="stop", click=True, density={"drums": 0.9},
        gain_db={"bass": 2, "leader": -3}, pan={"rhythm": -1}, instrument={"bass": "cello", "rhythm": "organ"},
    )  # fmt: skip
    band = levers.applied_to(rock)
    bass, rhythm, drums, click = band.followers
    assert band.style == load_style("swing")
    assert (band.complexity, band.ending, band.intro) == (0.2, "stop", None)
    assert (bass.gain_db, bass.instrument, bass.voice) == (2.0, "cello", "cello")
    assert (rhythm.pan, rhythm.instrument, rhythm.voice) == (-1.0, "organ", "organ")
    assert (drums.density, drums.voice, click.plays) == (0.9, "drums", "click")
    assert band.mix.leader_gain_db == -3.0
    assert Levers(ending="leader").applied_to(band).ending is None


def test_a_redo_in_another_style_is_a_render_in_that_style(short_leader_file: Path, tmp_path: Path) -> None:
    render(short_leader_file, tmp_path / "redone", voice="naive", sample_rate=16_000, report=False)
    edits = Edits(style="reggae", density={"drums": 0.9}, ending="stop")
    redone = redo(tmp_path / "redone", edits, report=False)
    levers = Levers(style="reggae", density={"drums": 0.9}, ending="stop")
    whole = render(
        short_leader_file, tmp_path / "whole", voice="naive", sample_rate=16_000, levers=levers, report=False
    )
    assert redone.takes["take-00"].files == whole.takes["take-00"].files
    assert redone.plan.request == whole.plan.request


def test_who_counts_in_is_added_where_nobody_drums() -> None:
    counted = Levers(intro="count-2")
    assert [one.plays for one in counted.applied_to(load_band("quartet")).followers] == ["style"] * 3 + ["count"]
    assert len(counted.applied_to(load_band("rock")).followers) == 3


@pytest.mark.parametrize(
    ("levers", "said"),
    [
        (Levers(style="bosa_nova"), "did you mean 'bossa_nova'"),
        (Levers(pan={"basss": 0.0}), "has no part 'basss'; did you mean 'bass'"),
        (Levers(density={"drums": 3.0}), "drums.density"),
        (Levers(instrument={"bass": "banjo"}), "unknown instrument 'banjo'"),
    ],
)
def test_what_a_band_does_not_have_is_refused_in_one_line(levers: Levers, said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        levers.applied_to(load_band("rock"))
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("name", ["gain_db", "pan", "density"])
def test_a_lever_that_is_no_number_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=f"{name}.drums: Input should be a finite number"):
        parse(Levers, {name: {"drums": math.nan}}, "the band")


def test_a_recording_is_transposed_with_what_is_said_of_it(tmp_path: Path) -> None:
    tone = 0.2 * np.sin(2 * np.pi * 440 * np.arange(32_000) / 16_000)[None].astype(np.float32)
    write_clip(tmp_path / "a4.wav", AudioClip(samples=tone, sample_rate=16_000))
    lead = take_in(tmp_path / "a4.wav", 16_000, tmp_path, transpose=-2)
    middle = lead.clip.span(8_000, 24_000).samples[0] * np.hanning(16_000)
    assert np.abs(np.fft.rfft(middle)).argmax() == pytest.approx(392.0, abs=1.0)
    assert lead.clip.num_samples == 32_000
    said = Overrides(key="C", chart="key: C\n| C | G/B | N |")
    request = request_for("rock", overrides=said, transpose=-2)
    assert request.overrides.key == "Bb major"
    assert request.overrides.chart == "key: Bb major\n| Bb | F/A | N |\n"
    assert Edits(chart="key: C\n| C | G/B | N |").edited(request, {}).overrides.chart == request.overrides.chart
    with pytest.raises(ConfigError, match="up to 7 semitones"):
        request_for("rock", transpose=9)


def test_a_score_is_transposed_note_by_note() -> None:
    melody = read_score(FIXTURES / "mill.krn").melody
    moved = transposed(melody, 3)
    assert [note.pitch_midi for note in moved.notes] == [note.pitch_midi + 3 for note in melody.notes]
    assert hear_melody(moved).key.tonic == (hear_melody(melody).key.tonic + 3) % 12
    with pytest.raises(DataError, match="leave the range"):
        transposed(melody, 80)


def test_a_live_band_knows_no_intro() -> None:
    band = load_band("rock").model_copy(update={"intro": "count-1"})
    with pytest.raises(ConfigError, match="knows neither intro nor ending"):
        request_for(band, live=LiveSettings())
