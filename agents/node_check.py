"""Whether an actor runs the right code, and the stamp on its answers: where it runs, and what the work cost."""

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
HOME = Path(__file__).resolve().parents[1]
"""The folder that the three packages lie in."""


class Stamp(TypedDict):
    """What every answer of an actor carries beside its value."""

    pid: int
    host: str
    node: str
    """The Ray node, in hexadecimal."""
    busy_s: float
    """Seconds of work."""
    ended_at: float
    """By the clock of that host, in seconds since 1970."""
    fingerprint: str
    """The kind of machine, see `fingerprint_digest`."""


def check_packages() -> None:
    """Make sure that the three packages come from one place.

    Another folder or distribution may also be called `agents` or `cluster`, and Ray workers put the current folder
    first on the path.

    Raises:
        BandError: one of them lies elsewhere; says where.
    """
    for name in PACKAGES:
        found = getattr(importlib.import_module(name), "__file__", None)
        place = Path(found).resolve().parent if found else None
        if place != HOME / name:
            raise BandError(
                f"package {name!r}", f"was loaded from {place or 'a folder without __init__'}, not from {HOME}",
                "run from another folder, or uninstall the package that shadows it",
            )  # fmt: skip


def python_path() -> str:
    """PYTHONPATH for processes that shall import the packages from where this one did."""
    return os.pathsep.join(filter(None, [str(HOME), os.environ.get("PYTHONPATH")]))


@cache
def code_digest() -> str:
    """A hash of the code that runs here."""
    code = hashlib.sha256()
    for path in sorted(path for package in PACKAGES for path in (HOME / package).rglob("*.py")):
        code.update(path.read_bytes())
    return code.hexdigest()[:16]


@cache
def fingerprint_digest() -> str:
    """A hash of this kind of machine: CPU or GPU, library versions."""
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
    """The Ray node that this process runs on."""
    import ray

    return str(ray.get_runtime_context().get_node_id())
