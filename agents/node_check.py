"""Where an actor is, and whether it runs the code it should: checked once per process, stamped on every answer."""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TypedDict

from ensemble.errors import BandError
from ensemble.machine import fingerprint

PACKAGES = ("ensemble", "agents", "cluster")


class Stamp(TypedDict):
    """What every answer carries beside its value: process, node, work, and the machine's kind.

    ended_at: by that host's clock, in seconds since 1970.
    """

    pid: int
    host: str
    node: str
    busy_s: float
    ended_at: float
    fingerprint: str


def check_packages() -> None:
    """Make sure that the three packages come from one place.

    `agents` and `cluster` are names that a stranger's folder or another distribution may bear too; Ray workers put
    the current folder first on the path.

    Raises:
        BandError: one of them lies elsewhere; names the intruder.
    """
    home = Path(__file__).resolve().parents[1]
    for name in PACKAGES:
        found = getattr(importlib.import_module(name), "__file__", None)
        place = Path(found).resolve().parent if found else None
        if place != home / name:
            raise BandError(
                f"package {name!r}", f"was loaded from {place or 'a folder without __init__'}, not from {home}",
                "run from another folder, or uninstall the package that shadows it",
            )  # fmt: skip


@cache
def code_digest() -> str:
    """A short name for the code that runs here."""
    home, code = Path(__file__).resolve().parents[1], hashlib.sha256()
    for path in sorted(path for package in PACKAGES for path in (home / package).rglob("*.py")):
        code.update(path.read_bytes())
    return code.hexdigest()[:16]


@cache
def fingerprint_digest() -> str:
    """A short name for this kind of machine."""
    return hashlib.sha256(json.dumps(fingerprint(), sort_keys=True).encode()).hexdigest()[:16]


@contextmanager
def stamped() -> Iterator[Stamp]:
    """Time a piece of work; the stamp is complete when the block ends."""
    stamp = Stamp(
        pid=os.getpid(),
        host=socket.gethostname(),
        node=_node(),
        busy_s=0.0,
        ended_at=0.0,
        fingerprint=fingerprint_digest(),
    )
    began = time.perf_counter()
    yield stamp
    stamp["busy_s"] = time.perf_counter() - began
    stamp["ended_at"] = time.time()


@cache
def _node() -> str:
    """Of the cluster, that this process runs on."""
    import ray

    return str(ray.get_runtime_context().get_node_id())
