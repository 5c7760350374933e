"""What is said, and what must never be: lines that say where in the music, without the environment's secrets."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from ensemble import events


@pytest.fixture
def lines() -> Iterator[Any]:
    """What was said so far, read back."""
    page = io.StringIO()
    handler = logging.StreamHandler(page)
    handler.setFormatter(events.JsonLines(part="bass"))
    level = events.LOGGER.level
    events.LOGGER.addHandler(handler)
    events.LOGGER.setLevel(logging.INFO)
    yield lambda: [json.loads(line) for line in page.getvalue().splitlines()]
    events.LOGGER.removeHandler(handler)
    events.LOGGER.setLevel(level)


def test_every_line_says_where_and_null_where_that_is_nowhere(lines: Any) -> None:
    events.emit("block", render="ab12", take="take-01", block=300, busy_s=0.25)
    events.emit("seated", part=None)
    events.emit("restarted", part="drums")
    block, seated, restarted = lines()
    assert (block["event"], block["level"]) == ("block", "info")
    assert [block[name] for name in ("render", "take", "part", "block")] == ["ab12", "take-01", "bass", 300]
    assert block["time"].endswith("+00:00")
    assert block["busy_s"] == 0.25
    assert [seated[name] for name in ("take", "part", "block")] == [None, "bass", None]
    assert restarted["part"] == "drums"


def test_a_line_stays_one_line_whatever_is_said(lines: Any) -> None:
    events.emit("failed", error='two\nlines, a "quote" and \u2028 a separator')
    (line,) = lines()
    assert line["error"] == 'two\nlines, a "quote" and \u2028 a separator'


@pytest.mark.parametrize("name", ["RAY_AUTH_TOKEN", "ENSEMBLE_MILVUS_TOKEN", "AWS_SECRET_ACCESS_KEY", "PGPASSWORD"])
def test_a_secret_of_the_environment_is_struck_out(lines: Any, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "root:Milvus-4711")
    events.emit("failed", error="http://root:Milvus-4711@10.0.0.1 refused")
    (line,) = lines()
    assert line["error"] == "http://***@10.0.0.1 refused"


def test_where_one_is_holds_until_one_goes_on() -> None:
    events.set_position(("take-00", "take-01"), 300, 100)
    assert events.position_now() == ("take-00+take-01", 300, 100)
    events.set_position()
    assert events.position_now() is None


def test_nobody_listens_and_nothing_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    events.emit("block", level=logging.ERROR)
    assert capsys.readouterr() == ("", "")
