"""The table of `ensemble status`: printed once, or kept up to date until Ctrl-C."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from cluster.cli.progress import OUT

PERIOD_S = 1.0
_COLUMNS = {
    "who": "name", "plays": "role", "where": "where", "GPU": "gpu", "state": "state", "restarts": "restarts",
    "music s": "music_s", "x real time": "realtime_factor", "p50 ms": "block_p50_ms", "p99 ms": "block_p99_ms",
    "queue": "queue", "in time": "in_time", "left p50": "left_p50_ms", "left p99": "left_p99_ms",
    "MB": "resident_mb", "GPU MB": "gpu_mb",
}  # fmt: skip
"""The heading of each column, and the fact that it shows."""
_ON_GPUS = ("GPU", "GPU MB")
_LIVE = ("in time", "left p50", "left p99")
"""Of live sessions: the share of blocks that were ready in time, and ms before they were due."""
_FIRST_TO_GO = ("plays", "where", "p50 ms", "MB", "restarts")
"""Columns that are left out, in this order, where the terminal is too narrow."""
_TO_THE_LEFT = ("who", "plays", "where", "GPU", "state")
_STATES = {"ALIVE": "green", "BUSY": "yellow", "RESTARTING": "red", "PENDING_CREATION": "yellow"}


def show_status(look: Callable[[], Sequence[dict[str, Any]]], *, watch: bool) -> None:
    """Print the table, or keep it up to date.

    Args:
        look: returns the rows of now; see `cluster.watch.watching`.
        watch: go on until Ctrl-C, or until that Ray has ended.
    """
    if not watch:
        OUT.print(status_table(look()))
        return
    with Live(status_table(look()), console=OUT, auto_refresh=False, screen=OUT.is_terminal) as live:
        while True:
            time.sleep(PERIOD_S)
            live.update(status_table(look()), refresh=True)


def status_table(rows: Sequence[dict[str, Any]], width: int | None = None) -> RenderableType:
    """A table for every render, with as many columns as there is room for.

    Args:
        rows: see `cluster.watch.watching`.
        width: in characters; that of the terminal if absent, without limit if there is none.
    """
    if not rows:
        return "no actor is playing"
    room = width or (OUT.width if OUT.is_terminal else None)
    renders = dict.fromkeys((str(row["ray"]), str(row["render"])) for row in rows)
    return Group(*(_fitting(*render, rows, room) for render in renders))


def _fitting(ray: str, render: str, rows: Sequence[dict[str, Any]], room: int | None) -> Table:
    """The table of one render."""
    of_render = [row | _in_words(row) for row in rows if (row["ray"], row["render"]) == (ray, render)]
    has_gpus = any(row.get("gpu") or row.get("gpu_mb") for row in of_render)
    is_live = any("left_p50_ms" in row for row in of_render)
    hidden = (*_ON_GPUS * (not has_gpus), *_LIVE * (not is_live))
    columns = [heading for heading in _COLUMNS if heading not in hidden]
    title = f"render {render} on the Ray at {ray}"
    for gone in ("", *_FIRST_TO_GO):
        columns = [heading for heading in columns if heading != gone]
        table = _table(title, columns, of_render)
        if room is None or OUT.measure(table, options=OUT.options.update(width=10_000)).maximum <= room:
            break
    return table


def _table(title: str, columns: Sequence[str], rows: Sequence[dict[str, Any]]) -> Table:
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for heading in columns:
        table.add_column(heading, justify="left" if heading in _TO_THE_LEFT else "right", overflow="fold")
    for row in rows:
        table.add_row(*(_said(row, _COLUMNS[heading]) for heading in columns))
    return table


def _in_words(row: dict[str, Any]) -> dict[str, Any]:
    state = str(row["state"])
    return {
        "where": f"{row.get('host') or '-'}:{row['pid']}",
        "state": Text(state.lower(), style=_STATES.get(state, "")),
    }


def _said(row: dict[str, Any], name: str) -> str | Text:
    """A fact as text, or a dash where it is not known."""
    fact = row.get(name)
    return fact if isinstance(fact, Text) else "-" if fact is None else str(fact)
