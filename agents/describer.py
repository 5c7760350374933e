"""An actor that describes recordings for the library."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from agents.node_check import check_packages, stamped
from agents.status import Status
from ensemble.retrieve.index_local import describe_job
from ensemble.retrieve.library.indexer import IndexJob
from ensemble.retrieve.library.sources import Source
from ensemble.wire import pack


class Summary(NamedTuple):
    """What came of a file."""

    reason: str
    """Why it has no description; empty if it has one."""
    duration_s: float
    num_chunks: int


class Describer:
    """Holds no state: any describer gives the same bytes for the same file."""

    def __init__(self, number: int) -> None:
        self._status = Status(f"describer {number}", "describer")

    def __repr__(self) -> str:
        return f"Describer({self._status.name})"

    def ready(self) -> str:
        """Check what runs here; its name.

        Raises:
            BandError: other people's packages run here.
        """
        check_packages()
        return self._status.name

    def describe(self, path: str, title: str, licence: str, sha256: str) -> tuple[Summary, bytes]:
        """What came of a file, and its description as a message; empty if it has none."""
        source = Source(path=Path(path), title=title, licence=licence)
        with stamped() as stamp:
            outcome = describe_job(IndexJob(source=source, sha256=sha256, size_bytes=0, mtime_ns=0))
            described = b"" if outcome.described is None else pack(outcome.described)
        self._status.count("describer", 0, stamp["busy_s"])
        return Summary(outcome.reason, outcome.duration_s, outcome.num_chunks), described

    def status(self) -> dict[str, object]:
        """How much it has done, and where it runs."""
        return self._status.describe()
