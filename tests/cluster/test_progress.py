"""What a command shows on a terminal while it works."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from cluster.cli import progress
from cluster.cli.progress import Monitor


def test_a_stage_that_is_counted_shows_percent_and_what_is_left_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = io.StringIO()
    monkeypatch.setattr(progress, "ERR", Console(file=seen, force_terminal=True, width=80))
    with Monitor(quiet=False, stage="load") as monitor:
        monitor.progress("mix", 3, 4)
        monitor.progress("play", 0, 8)
        monitor.progress("play", 2, 8)
    shown = seen.getvalue().rpartition("playing")[2]
    assert "25%" in shown
    assert "left" in shown
