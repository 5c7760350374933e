"""Progress and log: `Events` reports to the caller how far a run is, `emit` writes lines of a log.

A line names its render, take, part and block. Nothing is written until a handler is added to `LOGGER`; `JsonLines`
formats one JSON document per line. Lines hold names and numbers only, no settings and no environment; values of
environment variables that look like secrets are replaced by `***`.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from ensemble.plan import RenderPlan
    from ensemble.types.music import Arrangement, Heard

OnProgress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and how much there is to do."""


def unheard(*_arguments: object) -> None:
    """Do nothing: the callback where the caller gives none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Events:
    """The callbacks of a long run."""

    progress: OnProgress = unheard
    """Called with the stage, how much of it is done, and how much there is to do."""
    take_ready: Callable[[Path], None] = unheard
    """Called with the folder of each take as soon as it is complete."""
    arranged: Callable[[RenderPlan, Mapping[str, tuple[Heard, Arrangement]]], None] = unheard
    """Called before the first block with the plan, and with what was heard and written for each take, by its name."""


class Counted:
    """A stage of so many equal steps.

    Args:
        events: told of every step.
        stage: its name.
        total: how many steps it has.
    """

    def __init__(self, events: Events, stage: str, total: int) -> None:
        self._events, self._stage, self._total, self._done = events, stage, total, 0
        events.progress(stage, 0, total)

    def count(self) -> None:
        """Tell that one more step is done."""
        self._done += 1
        self._events.progress(self._stage, self._done, self._total)


LOGGER = logging.getLogger("ensemble.events")
LOGGER.addHandler(logging.NullHandler())
LOGGER.propagate = False
Fact = str | int | float | bool | None
WHERE = ("render", "take", "part", "block")
"""Keys of every line, null where they do not apply; `block` is the control frame that the block begins with."""


class Position(NamedTuple):
    """One block of some takes."""

    take: str
    """Name of the take; of several that share the block, joined by `+`."""
    block: int
    """The control frame that it begins with."""
    num_frames: int
    """Its length in control frames."""


_RENDER: ContextVar[str | None] = ContextVar("render", default=None)
_WHERE: ContextVar[Position | None] = ContextVar("where", default=None)
_SECRETS = ("TOKEN", "PASSWORD", "SECRET", "_KEY")


def begin(render: str) -> None:
    """Name the render that the following lines of this thread belong to."""
    _RENDER.set(render)


def set_position(takes: Sequence[str] = (), block: int = 0, num_frames: int = 0) -> None:
    """Name the block, and the takes that share it, that the following lines of this thread belong to; () for none."""
    _WHERE.set(Position("+".join(takes), block, num_frames) if takes else None)


def position_now() -> Position | None:
    """The block that was named last in this thread."""
    return _WHERE.get()


def emit(event: str, *, level: int = logging.INFO, **facts: Fact) -> None:
    """Write one line to `LOGGER`."""
    LOGGER.log(level, event, extra={"facts": {"render": _RENDER.get()} | facts})


def facts_of(record: logging.LogRecord) -> dict[str, Fact]:
    """The facts of a line, without its event."""
    facts: dict[str, Fact] = getattr(record, "facts", {})
    return facts


class JsonLines(logging.Formatter):
    """Formats a line as JSON: time (UTC), level, event, pid, the keys of `WHERE`, and all further facts.

    Args:
        **always: facts of every line, unless the line has others of the same name.
    """

    def __init__(self, **always: Fact) -> None:
        super().__init__()
        self._always = always

    def format(self, record: logging.LogRecord) -> str:
        """Format one line."""
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
    """A fact in which secrets of the environment are replaced by `***`."""
    if isinstance(value, str):
        for name, secret in os.environ.items():
            if name.upper().endswith(_SECRETS) and len(secret) >= 6:
                value = value.replace(secret, "***")
    return value
