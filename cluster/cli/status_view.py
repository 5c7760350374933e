"""The table of `ensemble status`: printed once, or kept up to date until Ctrl-C."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from rich.console import RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from cluster.cli.progress import OUT

PERIOD_S = 1.0
_COLUMNS = {
    "Ray": "ray", "render": "render",
    "who": "name", "plays": "role", "where": "where", "GPU": "gpu", "state": "state", "restarts": "restarts",
    "music s": "music_s", "x real time": "realtime_factor", "p50 ms": "block_p50_ms", "p99 ms": "block_p99_ms",
    "queue": "queue", "in time": "in_time", "left p50": "left_p50_ms", "left p99": "left_p99_ms",
    "rests after": "stop_reaction_bars",
    "MB": "resident_mb", "GPU MB": "gpu_mb",
}  # fmt: skip
"""The heading of each column, and the fact that it shows."""
_ON_GPUS = ("GPU", "GPU MB")
_LIVE = ("in time", "left p50", "left p99", "rests after")
"""Of live sessions: the share of blocks that were ready in time, ms before they were due, and how many bars after the
leader's last stop the band was 20 dB down."""
_FIRST_TO_GO = ("Ray", "plays", "where", "p50 ms", "MB", "restarts")
"""Columns that are left out, in this order, where the terminal is too narrow."""
_TO_THE_LEFT = ("Ray", "render", "who", "plays", "where", "GPU", "state")
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
    """One table of everybody, with as many columns as there is room for.

    Args:
        rows: see `cluster.watch.watching`.
        width: in characters; the terminal's if absent.
    """
    if not rows:
        return "no actor is playing"
    room = width or OUT.width
    rays, renders = ({str(row[key]) for row in rows} for key in ("ray", "render"))
    hidden: set[str] = set()
    if not any(row.get("gpu") or row.get("gpu_mb") for row in rows):
        hidden.update(_ON_GPUS)
    if not any("left_p50_ms" in row for row in rows):
        hidden.update(_LIVE)
    if len(rays) == 1:
        hidden.add("Ray")
    if len(renders) == 1:
        hidden.add("render")
    title = (
        (f"render {min(renders)}" if len(renders) == 1 else f"{len(renders)} renders")
        + (f" on the Ray at {min(rays)}" if len(rays) == 1 else f" on {len(rays)} Rays")
    )  # fmt: skip
    shown = [row | _in_words(row) for row in sorted(rows, key=lambda row: (str(row["ray"]), str(row["render"])))]
    columns = [heading for heading in _COLUMNS if heading not in hidden]
    for gone in ("", *_FIRST_TO_GO):
        columns = [heading for heading in columns if heading != gone]
        table = _table(title, columns, shown)
        if OUT.measure(table, options=OUT.options.update(width=10_000)).maximum <= room:
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
