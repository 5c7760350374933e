"""An actor of a pool that calls one function for every job."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from agents.node_check import check_packages, stamped
from agents.status import Reporter, Status


class JobWorker(Reporter):
    """Holds no state: any worker gives the same answer for the same job, so that a job may be repeated.

    Args:
        number: of this actor in its pool.
        role: what it does, in a word.
        work: from a job to its answer.
    """

    def __init__(self, number: int, role: str, work: Callable[[Any], Any]) -> None:
        self._status = Status(f"{role} {number}", role)
        self._work = work

    def ready(self) -> str:
        """Check what runs here; its name.

        Raises:
            BandError: other people's packages run here.
        """
        check_packages()
        return self._status.name

    def do(self, job: Any) -> Any:
        """Do one job. What the function raises is the answer."""
        with stamped() as stamp:
            answer = self._work(job)
        self._status.count(self._status.role, 0, stamp["busy_s"])
        return answer
