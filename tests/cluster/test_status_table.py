"""The table of those who play has the columns that there is room for."""

from __future__ import annotations

from typing import Any

import pytest
from rich.console import Console

from cluster.cli.status_view import status_table
from cluster.watch.scraping import told_by_drivers

PARTS = ("conductor", "bass", "rhythm", "violin and a long name")


def row(name: str, **facts: Any) -> dict[str, Any]:
    known: dict[str, Any] = {
        "ray": "127.0.0.1:6379", "render": "63e2d1b3", "name": name, "role": "nylon_guitar, chords, voice nylon_guitar",
        "host": "a-host", "pid": 123456, "gpu": None, "state": "ALIVE", "restarts": 0, "music_s": 1234.5,
        "realtime_factor": 43.21, "block_p50_ms": 12.3, "block_p99_ms": 123.4, "queue": 2, "resident_mb": 1301.2,
        "gpu_mb": 0.0,
    }  # fmt: skip
    return known | facts


def printed(rows: list[dict[str, Any]], width: int) -> list[str]:
    console = Console(width=width, force_terminal=False)
    with console.capture() as captured:
        console.print(status_table(rows, width))
    return captured.get().rstrip("\n").split("\n")


@pytest.mark.parametrize("width", [72, 80, 100, 120, 160, 200])
def test_everybody_has_one_line(width: int) -> None:
    lines = printed([row(part) for part in PARTS], width)
    assert len(lines) == 2 + len(PARTS)
    for part, line in zip(PARTS, lines[2:], strict=True):
        assert line.startswith(part)
        assert {"alive", "1234.5", "123.4", "2"} <= set(line.split())


@pytest.mark.parametrize("width", [80, 100, 200])
def test_several_renders_are_one_table(width: int) -> None:
    warm = [row(part, render="warm") for part in PARTS[:3]]
    lines = printed([*warm, *(row(part) for part in PARTS[:3])], width)
    assert lines[0].rstrip() == "2 renders on the Ray at 127.0.0.1:6379"
    assert [line.split()[:2] for line in lines[2:]] == [
        [render, part] for render in ("63e2d1b3", "warm") for part in PARTS[:3]
    ]
    assert max(map(len, lines)) <= width
    elsewhere = printed([row("bass"), row("bass", ray="127.0.0.1:7777", render="0a0b0c0d")], width)
    assert elsewhere[0].rstrip() == "2 renders on 2 Rays"
    assert len(elsewhere) == 4


def test_a_wide_terminal_shows_everything_but_gpus_that_nobody_has() -> None:
    (heading,) = printed([row("bass")], 200)[1:2]
    shown = "who plays where state restarts music_s x_real_time p50_ms p99_ms queue MB"
    assert heading.split() == shown.replace("_", " ").split()
    (heading,) = printed([row("bass", gpu="0", gpu_mb=812.0)], 200)[1:2]
    assert "GPU" in heading.split()
    assert heading.endswith("GPU MB")


def test_a_live_session_says_whether_it_is_in_time() -> None:
    told = {"in_time": 0.9987, "left_p50_ms": 212, "left_p99_ms": 31, "stop_reaction_bars": 0.86}
    lines = printed([row("conductor", **told), row("bass")], 220)
    assert "in time left p50 left p99 rests after" in " ".join(lines[1].split())
    assert {"0.9987", "212", "31", "0.86"} <= set(lines[2].split())


def test_what_drivers_tell_of_live_sessions_is_read_from_their_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    driver = 'WorkerId="0300000000ff"'
    page = (
        f'ray_ensemble_blocks_in_flight{{{driver},part="bass"}} 2.0\n'
        f'ray_ensemble_live_quanta_total{{{driver},ready="in_time"}} 3.0\n'
        f'ray_ensemble_live_quanta_total{{{driver},ready="late"}} 1.0\n'
        f'ray_ensemble_live_left_seconds{{{driver},percent="50"}} 0.21\n'
        f'ray_ensemble_live_left_seconds{{{driver},percent="99"}} -0.04\n'
        f"ray_ensemble_live_stop_reaction_bars{{{driver}}} 0.857\n"
        'ray_ensemble_live_quanta_total{WorkerId="0400000000ff",ready="late"} 0.0\n'
    )
    monkeypatch.setattr("cluster.watch.scraping._page", lambda _host, _port: page)
    told = told_by_drivers([("here", 1)])
    assert told.in_flight == {("03000000", "bass"): 2.0}
    assert told.live["03000000"] == {
        "in_time": 0.75,
        "left_p50_ms": 210,
        "left_p99_ms": -40,
        "stop_reaction_bars": 0.86,
    }
    assert not told.live.get("04000000")


def test_what_nobody_told_is_a_dash() -> None:
    asked_in_vain = dict.fromkeys(("host", "music_s", "realtime_factor", "block_p50_ms", "queue"))
    (line,) = printed([row("bass", state="RESTARTING", **asked_in_vain)], 200)[2:]
    assert "-:123456" in line
    assert "restarting" in line


def test_no_players_no_table() -> None:
    assert status_table([]) == "no actor is playing"
