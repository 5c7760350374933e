"""`bands`, `styles` and `voices` list what there is, and all of it can be named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cluster.cli.app import app
from ensemble.config import load_band, located
from ensemble.errors import VoiceError
from ensemble.play.kit_file import KIT
from ensemble.play.own_voices import add_voice
from ensemble.play.voice_file import VOICE, voice_sha256
from ensemble.settings.installed import PLAYERS, lent


@pytest.mark.parametrize("what", ["bands", "styles", "voices"])
def test_a_table_fits_80_columns_and_names_what_the_document_names(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    document = json.loads(CliRunner().invoke(app, [what, "--json"]).stdout)
    shown = CliRunner().invoke(app, [what])
    assert shown.exit_code == 0
    assert document
    firsts = {line.split(" ")[0] for line in shown.stdout.splitlines()}
    assert {one["name"] for one in document} <= firsts
    assert max(map(len, shown.stdout.splitlines())) <= 80


def test_what_is_listed_can_be_loaded() -> None:
    for band in json.loads(CliRunner().invoke(app, ["bands", "--json"]).stdout):
        assert [one.name for one in load_band(band["name"]).followers] == [one["name"] for one in band["followers"]]
    for voice in json.loads(CliRunner().invoke(app, ["voices", "--json"]).stdout):
        assert voice["licence"]
        assert voice["name"] == "drums" or VOICE.load(voice["name"]).card.instrument == voice["instrument"]


def test_a_voice_that_is_added_is_listed_and_known_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    shipped = VOICE.path_of("violin")
    done = CliRunner().invoke(app, ["voices", "add", str(shipped)])
    assert done.exit_code == 0, done.output
    (added,) = (one for one in json.loads(CliRunner().invoke(app, ["voices", "--json"]).stdout) if "my_" in one["name"])
    assert (added["name"], added["kind"], added["instrument"]) == ("my_violin", "voice", "violin")
    named = located("voice", "my_violin", tmp_path, "voice")
    assert (named, Path(named).read_bytes()) == (added["path"], shipped.read_bytes())
    for name in ("my_violin", "cello", "naive", "My Violin", "../violin"):
        with pytest.raises(VoiceError, match="voice"):
            add_voice(shipped, name)
    assert voice_sha256("my_violin") == voice_sha256("violin")
    assert VOICE.load("my_violin").card == VOICE.load("violin").card
    with lent(PLAYERS, {"whistle": print}), pytest.raises(VoiceError, match="is the name of a voice already"):
        add_voice(shipped, "whistle")
    with pytest.raises(VoiceError, match="cannot be read"):
        add_voice(tmp_path / "absent.safetensors", "other")
    assert add_voice(KIT.path_of("drums"), "my_kit").instrument == "drums"
    assert KIT.load("my_kit").card.instrument == "drums"
