"""Styles: every shipped one is whole, a wrong one is refused with its line and bar, and metres fall back as stated."""

from __future__ import annotations

import os
from threading import Thread

import pytest

from ensemble.config import BandSettings, configs_dir, load_band
from ensemble.errors import ConfigError
from ensemble.settings.style import MetreKind, Style
from ensemble.settings.style_file import free_style, load_style, shipped_styles

WRONG = (
    ('closed_hat: "x-o- x-o-', 'closed_hat: "x-o- x-o', "23: metres.4/4.cross stick.closed_hat: bar 1 has 15 signs"),
    ('rim: "---- x---', 'rim: "---- q---', "22: metres.4/4.cross stick.rim: bar 1 has 'q' among its signs"),
    ("| R--- ---- R--- --5-", "| R--- ---- R--- --9-", "metres.4/4.halves.tones: bar 2 has '9' among its signs"),
    ("closed_hat:", "closed_hut:", "unknown key 'closed_hut' in metres.4/4.cross stick; did you mean 'closed_hat'?"),
    ("6/8:", "6/7:", "metres.6/7: '6/7' is no time signature"),
    ("landing: crash", "landing: crsh", ":7: landing"),
    ('{snare: "--ox"}', '{snare: "--ox-"}', "fills.0.snare: bar 1 has 5 signs, not 4"),
    ("density: 0.3", "density: 3.0", "metres.4/4.cross stick.density"),
    ("swing: 0.5", "swing: [", "is not YAML"),
)  # fmt: skip


def test_the_shipped_styles_are_whole_and_come_back_as_they_were():
    assert len(shipped_styles()) >= 12
    for name in shipped_styles():
        style = load_style(name)
        assert style.name == name
        assert style.about
        assert Style.model_validate_json(style.model_dump_json(), strict=True) == style
        assert all(patterns.bass and patterns.chords for patterns in style.metres.values()) or name == "free"


@pytest.mark.parametrize(("right", "wrong", "said"), WRONG)
def test_a_wrong_style_is_refused_with_its_line_and_bar(tmp_path, right, wrong, said):
    text = (configs_dir() / "styles" / "rock.yaml").read_text(encoding="utf-8")
    path = tmp_path / "mine.yaml"
    path.write_text(text.replace(right, wrong, 1), encoding="utf-8")
    with pytest.raises(ConfigError) as refused:
        load_style(str(path))
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_style_is_read_from_a_pipe(tmp_path):
    path = tmp_path / "mine.yaml"
    os.mkfifo(path)
    text = (configs_dir() / "styles" / "folk.yaml").read_bytes()
    writer = Thread(target=path.write_bytes, args=(text,), daemon=True)
    writer.start()
    assert load_style(str(path)).name == "folk"
    writer.join()


def test_a_misspelt_style_is_told_the_near_one():
    with pytest.raises(ConfigError, match="did you mean 'bossa_nova'"):
        load_style("bosa_nova")


def test_a_band_file_names_a_style_beside_it(tmp_path):
    (tmp_path / "mine.yaml").write_text((configs_dir() / "styles" / "folk.yaml").read_text(encoding="utf-8"))
    band = "name: trio\nstyle: {}\nfollowers: [{{name: bass, instrument: double_bass, role: bass}}]\n"
    (tmp_path / "band.yaml").write_text(band.format("mine.yaml"))
    style = load_band(str(tmp_path / "band.yaml")).style
    assert style is not None
    assert style.name == "folk"
    (tmp_path / "band.yaml").write_text(band.format("folks"))
    with pytest.raises(ConfigError, match="did you mean 'folk'"):
        load_band(str(tmp_path / "band.yaml"))
    whole = load_band("rock").model_copy(update={"style": style})
    assert BandSettings.model_validate_json(whole.model_dump_json(), strict=True) == whole


def test_metres_without_patterns_fall_back_within_their_kind():
    rock, shuffle, waltz = load_style("rock"), load_style("blues_shuffle"), load_style("waltz")
    assert rock.patterns_for(MetreKind(5, 2)) is rock.metres["4/4"]
    assert rock.patterns_for(MetreKind(6, 2)) is rock.metres["3/4"]
    assert rock.patterns_for(MetreKind(4, 3)) is rock.metres["6/8"]
    assert shuffle.patterns_for(MetreKind(4, 3)) is shuffle.metres["4/4"]  # twelve eighths are what it swings
    assert rock.patterns_for(MetreKind(3, 3)) is None
    assert waltz.patterns_for(MetreKind(4, 2)) is None
    for beats in range(2, 13):
        assert free_style().patterns_for(MetreKind(beats, 2)) is not None
        assert free_style().patterns_for(MetreKind(beats, 3)) is not None
