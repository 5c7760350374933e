"""An actor's log among those of Ray, which its dashboard lists: `ensemble-<parts>-<render>-<pid>.log`."""

from __future__ import annotations

import logging
import os
from logging.handlers import RotatingFileHandler
from pathlib import Path

from ensemble import events

MAX_BYTES = 8 << 20
"""Of one file; it and the one before it are kept."""


def render_id() -> str | None:
    """The id of the render that this actor belongs to, from its name; None of any other actor."""
    return _actor_name().rpartition("-")[2].partition(".")[0] or None


def open_logbook(part: str) -> Path | None:
    """Write this process's events into Ray's folder of logs from now on; nothing where there is no such folder.

    Args:
        part: of lines that name no other.
    """
    folder = _folder()
    if folder is None or any(isinstance(handler, RotatingFileHandler) for handler in events.LOGGER.handlers):
        return None
    name = _actor_name() or part.replace(", ", "+").replace(" ", "-")
    path = folder / f"ensemble-{name}-{os.getpid()}.log"
    try:
        handler = RotatingFileHandler(path, maxBytes=MAX_BYTES, backupCount=1, encoding="utf-8", delay=True)
    except OSError:
        return None
    handler.setFormatter(events.JsonLines(render=render_id(), part=part))
    events.LOGGER.addHandler(handler)
    events.LOGGER.setLevel(logging.INFO)
    return path


def _actor_name() -> str:
    """`<parts>-<render>`, or `<parts>-<render>.<life>`; empty where the actor has no name."""
    import ray

    return ray.get_runtime_context().get_actor_name() or ""


def _folder() -> Path | None:
    """Where Ray keeps the logs of this node."""
    from ray._private import worker

    node = getattr(worker, "_global_node", None)
    return Path(node.get_logs_dir_path()) if node is not None else None
