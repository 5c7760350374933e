"""A seat in the pool that indexes: reads a recording, hears it, describes it."""

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
    """What came of a file: the reason why it has no description, or how long it is and how many chunks it has."""

    reason: str
    duration_s: float
    num_chunks: int


class Describer:
    """Holds nothing: the same file is described by the same bytes on any seat."""

    def __init__(self, number: int) -> None:
        self._status = Status(f"describer {number}", "describer")

    def __repr__(self) -> str:
        return f"Describer({self._status.name})"

    def ready(self) -> None:
        """Check what runs here.

        Raises:
            BandError: other people's packages.
        """
        check_packages()

    def describe(self, path: str, title: str, licence: str, sha256: str) -> tuple[Summary, bytes]:
        """What came of a file, and its description, empty where there is none."""
        source = Source(path=Path(path), title=title, licence=licence)
        with stamped() as stamp:
            outcome = describe_job(IndexJob(source=source, sha256=sha256, size_bytes=0, mtime_ns=0))
            described = b"" if outcome.described is None else pack(outcome.described)
        self._status.count("describer", 0, stamp["busy_s"])
        return Summary(outcome.reason, outcome.duration_s, outcome.num_chunks), described

    def status(self) -> dict[str, object]:
        """How much it has done, and where it sits."""
        return self._status.describe()
