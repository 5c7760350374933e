"""A render written down on request: its journal as lines of JSON, its trace for a browser."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cluster.watch.trace import Noted, trace_of
from ensemble import events
from ensemble.errors import EnsembleError, OutputError

Say = Callable[[str], None]


@contextmanager
def recording(log: Path | None, trace: Path | None, say: Say) -> Iterator[None]:
    """Write down what happens inside the block. The Ray that plays must still be there when the block ends.

    Args:
        log: a file to add lines to, while they are said.
        trace: a file to write when all is over, however it ends.
        say: told what the trace lacks.

    Raises:
        OutputError: a file cannot be written.
    """
    keeper, is_over = _Keeper(), False
    handlers: list[logging.Handler] = [_lines(log)] if log else []
    if trace:
        _touch(trace)
        os.environ.setdefault("RAY_PROFILING", "1")  # for the Ray that is started in the block
        handlers.append(keeper)
    for handler in handlers:
        events.LOGGER.addHandler(handler)
    if handlers:
        events.LOGGER.setLevel(logging.INFO)
    try:
        yield
    except EnsembleError as error:
        is_over = True
        line = " ".join(str(error).split())
        events.emit("failed", level=logging.ERROR, code=error.code, resumable=error.resumable, error=line)
        raise
    except BaseException as error:
        events.emit("ended early", level=logging.ERROR, error=type(error).__name__)
        raise
    else:
        is_over = True
        events.emit("done")
    finally:
        ended_at = time.time()
        for handler in handlers:
            events.LOGGER.removeHandler(handler)
            handler.close()
        if trace:
            if not any(one.event == "answered" for one in keeper.noted):
                say("no Ray actor played: the trace holds this process's stages and nothing else")
            # Ray takes a second to tell its timeline: somebody who interrupts has no time for it.
            _write(trace, trace_of(keeper.noted, ended_at, _timeline() if is_over else ()))


class _Keeper(logging.Handler):
    """Keeps every line."""

    def __init__(self) -> None:
        super().__init__()
        self.noted: list[Noted] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.noted.append(Noted(record.created, record.getMessage(), dict(events.facts_of(record))))


def _lines(path: Path) -> logging.Handler:
    try:
        handler = logging.FileHandler(path, encoding="utf-8")
    except OSError as error:
        raise OutputError(str(path), f"cannot be written ({error.strerror})", "name another file") from error
    handler.setFormatter(events.JsonLines())
    return handler


def _touch(path: Path) -> None:
    """Know before the render that its trace can be written."""
    try:
        path.touch()
    except OSError as error:
        raise OutputError(str(path), f"cannot be written ({error.strerror})", "name another file") from error


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise OutputError(str(path), f"cannot be written ({error.strerror})", "name another file") from error


def _timeline() -> list[dict[str, Any]]:
    """What Ray tells of its calls; nothing where no Ray is, or it was started without RAY_PROFILING=1."""
    ray: Any = sys.modules.get("ray")
    if ray is None or not ray.is_initialized():
        return []
    told = logging.getLogger("ray._private.worker"), logging.getLogger("ray._private.state")
    levels = [logger.level for logger in told]
    for logger in told:
        logger.setLevel(logging.ERROR)  # it announces its own future, and says when there is nothing
    try:
        events: list[dict[str, Any]] = ray.timeline()
        return events
    except (ray.exceptions.RayError, RuntimeError, OSError):  # the Ray is gone, which is what the render died of
        return []
    finally:
        for logger, level in zip(told, levels, strict=True):
            logger.setLevel(level)
