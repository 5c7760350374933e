"""Who plays, where, how fast, as a table: once, or every second until Ctrl-C."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from cluster.monitor import OUT

PERIOD_S = 1.0
_HEADINGS = (
    "who", "plays", "where", "GPU", "state", "restarts", "music s", "x real time", "p50 ms", "p99 ms", "queue", "MB",
    "GPU MB",
)  # fmt: skip
_STATES = {"ALIVE": "green", "BUSY": "yellow", "RESTARTING": "red", "PENDING_CREATION": "yellow"}


def show_status(look: Callable[[], Sequence[dict[str, Any]]], *, watch: bool) -> None:
    """Print the table, or keep it up to date.

    Args:
        look: gives the rows of now; see `cluster.watch.watching`.
        watch: until Ctrl-C, or until the Ray that is watched has ended.
    """
    if not watch:
        OUT.print(status_table(look()))
        return
    with Live(status_table(look()), console=OUT, auto_refresh=False, screen=OUT.is_terminal) as live:
        while True:
            time.sleep(PERIOD_S)
            live.update(status_table(look()), refresh=True)


def status_table(rows: Sequence[dict[str, Any]]) -> RenderableType:
    """A table for every render."""
    if not rows:
        return "nobody is playing"
    renders = dict.fromkeys((str(row["ray"]), str(row["render"])) for row in rows)
    return Group(*(_table(*render, rows) for render in renders))


def _table(ray: str, render: str, rows: Sequence[dict[str, Any]]) -> Table:
    table = Table(title=f"render {render} on the Ray at {ray}", title_justify="left", box=None, pad_edge=False)
    for number, heading in enumerate(_HEADINGS):
        table.add_column(heading, justify="left" if number < 5 else "right", overflow="fold")
    for row in rows:
        if (row["ray"], row["render"]) == (ray, render):
            state = str(row["state"])
            table.add_row(
                row["name"], _said(row, "role"), f"{_said(row, 'host')}:{row['pid']}", _said(row, "gpu"),
                Text(state.lower(), style=_STATES.get(state, "")), str(row["restarts"]),
                *(_said(row, name) for name in ("music_s", "realtime_factor", "block_p50_ms", "block_p99_ms", "queue")),
                *(_said(row, name) for name in ("resident_mb", "gpu_mb")),
            )  # fmt: skip
    return table


def _said(row: dict[str, Any], name: str) -> str:
    """A fact, or a dash where nobody told it."""
    fact = row.get(name)
    return "-" if fact is None else str(fact)
