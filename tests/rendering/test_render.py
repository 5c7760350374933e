"""`ensemble.render` from Python: the names that 0.1.0 gave its arguments still work, with a warning."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ensemble.band import LocalBand
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


@pytest.mark.parametrize("call", [lambda out: render(None, out, setas=LocalBand), lambda out: resume(out, tempo=96)])
def test_an_unknown_argument_is_a_type_error(call: Any, tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"got an unexpected keyword argument '(setas|tempo)'"):
        call(tmp_path / "out")
    assert not (tmp_path / "out").exists()
