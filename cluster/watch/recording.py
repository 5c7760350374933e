"""What `--log` and `--trace` write of a render: its events as lines of JSON, a trace for a browser."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from logging.handlers import BufferingHandler
from pathlib import Path
from typing import Any

from cluster.watch.trace import Noted, trace_of
from ensemble import events
from ensemble.errors import EnsembleError, OutputError

Say = Callable[[str], None]


@contextmanager
def recording(log: Path | None, trace: Path | None, say: Say) -> Iterator[None]:
    """Write down what happens inside the block. The Ray that plays must still run when the block ends.

    Args:
        log: a file to append lines to as they come.
        trace: a file to write at the end, however it ends.
        say: told if the trace holds little.

    Raises:
        OutputError: a file cannot be written.
    """
    kept, is_over = BufferingHandler(sys.maxsize), False
    handlers: list[logging.Handler] = [_lines(log)] if log else []
    if trace:
        with _written(trace):  # known before the render
            trace.touch()
        os.environ.setdefault("RAY_PROFILING", "1")  # for the Ray that is started in the block
        handlers.append(kept)
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
        noted = [Noted(one.created, one.getMessage(), events.facts_of(one)) for one in kept.buffer]
        for handler in handlers:
            events.LOGGER.removeHandler(handler)
            handler.close()
        if trace:
            if not any(one.event == "answered" for one in noted):
                say("no Ray actor played: the trace holds this process's stages and nothing else")
            # Ray takes a second for its timeline: after Ctrl-C it is left out.
            with _written(trace):
                trace.write_text(trace_of(noted, ended_at, _timeline() if is_over else ()), encoding="utf-8")


def _lines(path: Path) -> logging.Handler:
    with _written(path):
        handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(events.JsonLines())
    return handler


@contextmanager
def _written(path: Path) -> Iterator[None]:
    """Report in our own words that a file cannot be written."""
    try:
        yield
    except OSError as error:
        raise OutputError(str(path), f"cannot be written ({error.strerror})", "name another file") from error


def _timeline() -> list[dict[str, Any]]:
    """Ray's own record of its calls; empty without a Ray, or if it was started without RAY_PROFILING=1."""
    ray: Any = sys.modules.get("ray")
    if ray is None or not ray.is_initialized():
        return []
    told = logging.getLogger("ray._private.worker"), logging.getLogger("ray._private.state")
    levels = [logger.level for logger in told]
    for logger in told:
        logger.setLevel(logging.ERROR)  # it warns of changes to come, and when there is nothing
    try:
        events: list[dict[str, Any]] = ray.timeline()
        return events
    except (ray.exceptions.RayError, RuntimeError, OSError):  # Ray is gone, which is why the render failed
        return []
    finally:
        for logger, level in zip(told, levels, strict=True):
            logger.setLevel(level)
