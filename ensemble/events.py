"""What happens: `Events` tells the caller how far a run is, `emit` writes lines of a log.

A line says of which render, take, part and block. Nothing is written until a handler is added to `LOGGER`; `JsonLines`
formats one JSON document a line. Lines hold names and numbers only: no settings, no environment, and what looks like
one of the environment's secrets is struck out.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

OnProgress = Callable[[str, int, int], None]
"""Told what is being done, how much of it is done, and how much there is to do."""


def unheard(*_told: object) -> None:
    """Told something that nobody asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Events:
    """Who is told what, while something long runs."""

    progress: OnProgress = unheard
    take_ready: Callable[[Path], None] = unheard
    """Told the folder of each take that can be heard before the rest is done."""


LOGGER = logging.getLogger("ensemble.events")
LOGGER.addHandler(logging.NullHandler())
LOGGER.propagate = False
Fact = str | int | float | bool | None
WHERE = ("render", "take", "part", "block")
"""In every line; null where it does not apply. block: the control frame that it begins with."""


class Position(NamedTuple):
    """One block in the music."""

    take: str
    """Or the takes that share it, joined by `+`."""
    block: int
    """The control frame that it begins with."""
    num_frames: int


_RENDER: ContextVar[str | None] = ContextVar("render", default=None)
_WHERE: ContextVar[Position | None] = ContextVar("where", default=None)
_SECRETS = ("TOKEN", "PASSWORD", "SECRET", "_KEY")


def begin(render: str) -> None:
    """From here on, what this thread says is about this render."""
    _RENDER.set(render)


def set_position(takes: Sequence[str] = (), block: int = 0, num_frames: int = 0) -> None:
    """From here on this thread asks for a block of these takes, which share it; of none, where none are named."""
    _WHERE.set(Position("+".join(takes), block, num_frames) if takes else None)


def position_now() -> Position | None:
    """The block that this thread is asking for."""
    return _WHERE.get()


def emit(event: str, *, level: int = logging.INFO, **facts: Fact) -> None:
    """Write one line, if anybody listens."""
    LOGGER.log(level, event, extra={"facts": {"render": _RENDER.get()} | facts})


def facts_of(record: logging.LogRecord) -> dict[str, Fact]:
    """What a line says beside its event."""
    facts: dict[str, Fact] = getattr(record, "facts", {})
    return facts


class JsonLines(logging.Formatter):
    """One line of JSON: time (UTC), level, event, pid, where in the music, and whatever else is known.

    Args:
        **always: facts of every line, unless the line says otherwise.
    """

    def __init__(self, **always: Fact) -> None:
        super().__init__()
        self._always = always

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        said: dict[str, Fact] = {
            "time": datetime.fromtimestamp(record.created, tz=UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            "pid": record.process,
            **dict.fromkeys(WHERE),
            **self._always,
            **{name: value for name, value in facts_of(record).items() if value is not None},
        }
        return json.dumps({name: _without_secrets(value) for name, value in said.items()}, default=str)


def _without_secrets(value: Fact) -> Fact:
    """A fact in which no secret of the environment can be read."""
    if isinstance(value, str):
        for name, secret in os.environ.items():
            if name.upper().endswith(_SECRETS) and len(secret) >= 6:
                value = value.replace(secret, "***")
    return value
