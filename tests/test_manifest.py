"""Manifests of this release and of 0.1.0 are read; others are refused in one line that names the file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ensemble.config import load_band
from ensemble.errors import VerifyError
from ensemble.listen.overrides import Overrides
from ensemble.manifest import MANIFEST_VERSION, Manifest
from ensemble.plan import Extension, RenderPlan, RenderRequest
from tests.empty_manifest import manifest


@pytest.fixture
def written() -> Manifest:
    request = RenderRequest(
        band=load_band("quartet"), seed=7, sample_rate=16_000, weights_sha256={"violin": "1"},
        overrides=Overrides(key="Em"), extension=Extension(extend_s=8.0, top_k=3),
    )  # fmt: skip
    plan = RenderPlan(request=request, leader_sha256="2", score_sha256="3")
    return manifest("song.wav").model_copy(update={"plan": plan})


def as_version_1(document: dict[str, Any]) -> dict[str, Any]:
    """The same as 0.1.0 wrote it: the request's values stood in the plan, and warnings had no codes."""
    plan = {**document["plan"].pop("request"), **document["plan"]}
    heard = {name: value for name, value in document["heard"].items() if name != "codes"}
    return document | {"version": 1, "plan": plan, "heard": heard}


def test_what_is_written_is_read(written: Manifest, tmp_path: Path) -> None:
    written.write(tmp_path / "manifest.json")
    assert json.loads((tmp_path / "manifest.json").read_text())["version"] == MANIFEST_VERSION
    assert Manifest.read(tmp_path / "manifest.json") == written


def test_a_manifest_of_version_1_is_read(written: Manifest) -> None:
    old = as_version_1(written.model_dump(mode="json"))
    assert "request" not in old["plan"]
    assert old["plan"]["seed"] == 7
    assert Manifest.parse(json.dumps(old).encode(), "manifest.json") == written


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"version": 3}, "is of manifest version 3; this release reads 1 and 2"),
        ({"version": None}, "is of manifest version None"),
        ({"plan": []}, "plan: "),
        ({"takes": 7}, "takes: "),
        ({"takes": {"../take-00\n": {}}}, "takes."),
    ],
)
@pytest.mark.parametrize("version", [1, 2])
def test_a_manifest_that_is_none_is_refused_in_one_line(
    written: Manifest, version: int, change: dict[str, Any], problem: str
) -> None:
    document = written.model_dump(mode="json")
    document = (as_version_1(document) if version == 1 else document) | change
    with pytest.raises(VerifyError) as refusal:
        Manifest.parse(json.dumps(document).encode(), "out/manifest.json")
    assert str(refusal.value).startswith(f"out/manifest.json: {problem}")
    assert "\n" not in str(refusal.value)
