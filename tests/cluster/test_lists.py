"""`bands`, `styles` and `voices` list what there is, and all of it can be named."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from cluster.cli.app import app
from ensemble.config import load_band
from ensemble.play.voice_file import VOICE


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
