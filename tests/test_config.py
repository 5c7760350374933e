"""Band files: what is shipped loads, what is wrong is named with its path."""

from __future__ import annotations

from pathlib import Path

import pytest

from cluster.cli.redo import part_to_add
from ensemble.config import BandSettings, load_band, parse, shipped_bands
from ensemble.errors import ConfigError
from ensemble.retrieve.settings import RetrieveSettings
from ensemble.settings.reading import from_yaml

GOOD = """
name: duo
followers:
  - {name: low, instrument: cello, role: bass}
  - {name: kit, instrument: drums, role: drums}
"""

BOMB = "a0: &a0 [x, y]\n" + "".join(f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12))
"""A few lines whose aliases stand for 2 * 9 ** 11 words."""


def write(folder: Path, text: str) -> str:
    path = folder / "band.yaml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_rock_and_quartet_are_shipped_as_promised() -> None:
    assert {"rock", "quartet"} <= set(shipped_bands())
    assert [one.role for one in load_band("rock").followers] == ["bass", "pad", "drums"]
    assert [one.instrument for one in load_band("quartet").followers] == ["violin", "viola", "cello"]


def test_a_users_own_band_gets_the_instruments_ranges(tmp_path: Path) -> None:
    band = load_band(write(tmp_path, GOOD))
    assert band.followers[0].range == (36, 72)
    assert band.followers[1].num_voices == 0


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (
            ("instrument: cello", "instrument: kazoo"),
            "low.instrument: unknown instrument 'kazoo'; choose one of",
        ),
        (("role: bass", "role: boss"), "low.role: Input should be 'bass'"),
        (("role: bass", "role: boss"), ", not 'boss'; did you mean 'bass'? choose one of bass, pad, "),
        (("instrument: cello", "instrument: Chello"), "did you mean 'cello'?"),
        (
            ("role: bass", "role: bass, colour: red"),
            "low.colour: unknown key 'colour' in low; valid are name, instrument, ",
        ),
        (("role: bass", "role: bass, gain: 3"), "unknown key 'gain' in low; did you mean 'gain_db'? valid are name, "),
        (
            ("name: duo", "name: duo\nmix: {target_luf: -14}"),
            "unknown key 'target_luf' in mix; did you mean 'target_lufs'?",
        ),
        (("role: bass", "role: bass, pan: left"), "low.pan: Input should be a valid number"),
        (("role: bass", "role: bass, pan: 3"), "low.pan: Input should be less than or equal to 1, not 3"),
        (("role: bass", "role: drums"), "role 'drums' does not suit the instrument 'cello'"),
        (("role: bass", "role: bass, range_midi: [60, 62]"), "must span an octave"),
        (("role: bass", "role: bass, pan: yes"), "low.pan: Input should be a valid number"),
        (("role: bass", "role: bass, gain_db: '3'"), "low.gain_db: Input should be a valid number"),
        (("role: bass", "role: pad, voices: 4"), "cello sounds 1 notes at once, not 4"),
        (("name: low", "name: mix"), "'mix' is a reserved name"),
        (("name: low", "name: 2024-99-99"), "is not YAML"),
        ((GOOD, "[" * 5000), "is not YAML"),
        (("name: duo", "name: 12e4"), "name: Input should be a valid string, not 120000.0; put it in quotes"),
        (("role: bass", "role: bass, pan: 1e999"), "low.pan: Input should be a finite number, not inf"),
        (("name: kit", "name: low"), "two followers are called 'low'"),
        (("name: low", "name: ../low"), "../low.name: String should match pattern"),
        (
            ("name: duo", "nome: duo"),
            "unknown key 'nome' in the top; did you mean 'name'? valid are",
        ),
        ((GOOD, "name: duo\nfollowers: []"), "followers: holds fewer than 1"),
        ((GOOD, "just words"), "should be keys and values, not 'just words'"),
        ((GOOD, ""), "is empty"),
        ((GOOD, "# nothing"), "is empty"),
        ((GOOD, "name: duo"), "followers: is missing"),
        ((GOOD, "name: duo\nfollowers: {low: {role: bass}}"), "followers: should be a list"),
        (("name: low", 'name: "a\\nb"'), "a\\nb.name: String should match pattern"),
        (("name: low", f"name: {'x' * 99}"), f": {'x' * 40}.name: String should match pattern"),
        (("name: low", "name: ''"), "followers.0.name: String should match pattern"),
        (("role: bass", "role: bass, pan: 0, role: pad"), "'role' is given twice; keep one of them"),
        (("name: duo", "name: duo\nname: trio"), ":3: 'name' is given twice"),
        ((GOOD, "a: [1, 2"), "is not YAML"),
        ((GOOD, BOMB), "its aliases stand for too much"),
    ],
)
def test_what_is_wrong_is_named_with_its_path(tmp_path: Path, change: tuple[str, str], complaint: str) -> None:
    path = write(tmp_path, GOOD.replace(*change))
    with pytest.raises(ConfigError) as refusal:
        load_band(path)
    message = str(refusal.value)
    assert complaint in message
    assert message.startswith(path)
    assert "\n" not in message


def test_a_number_with_an_exponent_needs_no_point(tmp_path: Path) -> None:
    band = load_band(write(tmp_path, GOOD.replace("role: bass", "role: bass, gain_db: -1e-1, pan: 5E-1")))
    assert (band.followers[0].gain_db, band.followers[0].pan) == (-0.1, 0.5)


def test_an_unknown_name_lists_the_bands_there_are() -> None:
    with pytest.raises(ConfigError, match="'jazz' is unknown; choose one of drive, quartet, rock"):
        load_band("jazz")


@pytest.mark.parametrize(
    ("setting", "wrong", "near"),
    [("voice", "violn", "violin"), ("conductor", "lerned", "learned"), ("arranger", "Rules", "rules")],
)
def test_a_name_that_is_nearly_a_shipped_one_is_told_with_its_part(
    tmp_path: Path, setting: str, wrong: str, near: str
) -> None:
    line = f"role: bass, voice: {wrong}" if setting == "voice" else "role: bass"
    text = GOOD.replace("role: bass", line) + ("" if setting == "voice" else f"\n{setting}: {wrong}\n")
    with pytest.raises(ConfigError) as refusal:
        load_band(write(tmp_path, text))
    place = "low.voice" if setting == "voice" else setting
    assert f"{place}: {wrong!r} is unknown; did you mean {near!r}? choose one of " in str(refusal.value)


def test_a_near_band_is_named() -> None:
    with pytest.raises(ConfigError, match=r"'Rok' is unknown; did you mean 'rock'\? choose one of "):
        load_band("Rok")


def test_a_name_longer_than_any_file_s_is_unknown(tmp_path: Path) -> None:
    endless = "rock" * 100
    with pytest.raises(ConfigError, match="is unknown"):
        load_band(endless)
    with pytest.raises(ConfigError, match=r"low.voice: .* is unknown"):
        load_band(write(tmp_path, GOOD.replace("role: bass", f"role: bass, voice: {endless}")))


def test_a_missing_file_and_a_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        load_band(str(tmp_path / "none.yaml"))
    (tmp_path / "folder.yaml").mkdir()
    with pytest.raises(ConfigError, match="Is a directory"):
        load_band(str(tmp_path / "folder.yaml"))


def test_another_voice_replaces_every_pitched_one_and_leaves_the_drums() -> None:
    band = load_band("rock").with_voice("seeded")
    assert [one.voice for one in band.followers] == ["seeded", "seeded", "drums"]
    assert isinstance(band, BandSettings)


def test_a_name_that_is_not_utf8_is_refused_by_its_reason() -> None:
    with pytest.raises(ConfigError, match=r"a name in it is not UTF-8 .*caf"):
        parse(RetrieveSettings, {"uri": "/music/caf\udce9"}, "--extend")


@pytest.mark.parametrize(
    ("text", "held"),
    [
        ("[3e7c1.wav, 0e1f, 1e4/2, 1e, -2E+3]", ["3e7c1.wav", "0e1f", "1e4/2", "1e", -2000.0]),
        ("a: &a {x: 1}\nb: &b {y: 2}\nc:\n  <<: *a\n  <<: *b", {"a": {"x": 1}, "b": {"y": 2}, "c": {"x": 1, "y": 2}}),
        ("", None),
    ],
)
def test_yaml_is_read_as_it_is_meant(text: str, held: object) -> None:
    assert from_yaml(text, "it")[0] == held


@pytest.mark.parametrize("text", ["{1: a, 0x1: b}", "{yes: 1, true: 2}", "{a: 1, 'a': 2}", "[{1: a, 1.0: b}]"])
def test_a_key_that_is_written_in_two_ways_is_given_twice(text: str) -> None:
    with pytest.raises(ConfigError, match=r"it:1: .* is given twice; keep one of them"):
        from_yaml(text, "it")


def test_a_part_to_add_is_read_as_a_file_is() -> None:
    added = part_to_add("name=3e7cello,pan=1e-1,range_midi=[36,76]")
    assert added == {"name": "3e7cello", "pan": 0.1, "range_midi": [36, 76]}
    with pytest.raises(
        ConfigError, match=r"--add: 'name=a,name=b' is no list of settings .'name' is given twice.; write"
    ):
        part_to_add("name=a,name=b")
