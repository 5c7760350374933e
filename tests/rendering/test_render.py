"""`ensemble.render` from Python: the names that 0.1.0 gave its arguments still work, with a warning."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ensemble.band import LocalBand
from ensemble.errors import ConfigError
from ensemble.events import Events
from ensemble.manifest import Manifest
from ensemble.plan import RenderPlan
from ensemble.rendering.render import render, resume


def test_the_old_names_of_arguments_warn_and_are_obeyed(short_leader_file: Path, tmp_path: Path) -> None:
    planned: list[RenderPlan] = []
    stages: list[str] = []
    takes: list[Path] = []

    def band_of(plan: RenderPlan) -> LocalBand:
        planned.append(plan)
        return LocalBand(plan)

    old_names: dict[str, Any] = {
        "seat": band_of, "on_progress": lambda stage, _done, _total: stages.append(stage), "on_take": takes.append,
    }  # fmt: skip
    with pytest.warns(DeprecationWarning, match="is called") as warned:
        manifest = render(short_leader_file, tmp_path / "out", voice="naive", sample_rate=16_000, **old_names)
    assert [str(one.message) for one in warned] == [
        "`seat=` is called `band_factory=` now",
        "`on_progress=` is called `events=` now",
        "`on_take=` is called `events=` now",
    ]
    assert {one.filename for one in warned} == {__file__}
    assert planned == [manifest.plan]
    assert {"read", "listen", "play", "mix"} <= set(stages)
    assert takes == [tmp_path / "out" / "take-00"]


def test_the_music_can_be_heard_before_the_report_is_written(short_leader_file: Path, tmp_path: Path) -> None:
    out, told = tmp_path / "out", list[str]()

    def note(stage: str, _done: int, _total: int) -> None:
        told.append(stage)
        assert stage != "report" or (out / "take-00" / "mix.wav").is_file()
        assert stage != "report" or (out / "manifest.json").is_file()

    def again(*, force: bool, report: bool) -> Manifest:
        told.clear()
        events = Events(progress=note, take_ready=lambda take: told.append(str(take)))
        return render(
            short_leader_file, out, voice="naive", sample_rate=16_000, force=force, report=report, events=events
        )

    first = again(force=False, report=True)
    assert told.index(str(out / "take-00")) < told.index("report")
    assert Manifest.read(out / "manifest.json") == first
    spent = first.execution.seconds
    assert 0 < spent["report"] < spent["total"]
    second = again(force=True, report=False)
    assert told[-1] == str(out / "take-00")
    assert sorted(path.name for path in out.iterdir()) == [".memory", "leader.wav", "manifest.json", "take-00"]
    assert second.takes == first.takes


@pytest.mark.parametrize("call", [lambda out: render(None, out, setas=LocalBand), lambda out: resume(out, tempo=96)])
def test_an_unknown_argument_is_a_type_error(call: Any, tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"got an unexpected keyword argument '(setas|tempo)'"):
        call(tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("seed", [-1, 2**63])
def test_a_seed_that_no_message_holds_is_refused(seed: int, short_leader_file: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"seed: .* is no seed; give a whole number from 0 up to"):
        render(short_leader_file, tmp_path / "out", seed=seed)
    assert not (tmp_path / "out").exists()
