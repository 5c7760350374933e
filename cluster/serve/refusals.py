"""The studio's own refusals, and what is said where it has failed."""

from __future__ import annotations

import errno

from cluster.serve.models import Refusal
from ensemble.errors import EnsembleError

DISK_FULL = Refusal(code="disk_full", message="The disk is full.", cure="make room and try again")
FAILED = Refusal(code="internal", message="The studio has failed at that; try again.")


class StudioError(EnsembleError, code="studio"):
    """A request that cannot be met: of something that is not there, or at the wrong moment.

    Args:
        status: of the HTTP answer.
        reason: a code for programs.
        sentence: what is wrong.
        cure: what to do.
    """

    def __init__(self, status: int, reason: str, sentence: str, cure: str = "") -> None:
        super().__init__(reason, sentence, cure)
        self.args = (status, reason, sentence, cure)
        self.status, self.reason = status, reason

    @property
    def refusal(self) -> Refusal:
        """As it is told."""
        return Refusal(code=self.reason, message=self.problem, cure=self.cure)


def refusal_for(error: EnsembleError) -> Refusal:
    """An error of ours, as it is told."""
    if isinstance(error, StudioError):
        return error.refusal
    said = f"{error.what}: {error.problem}" if error.what else error.problem
    return Refusal(code=error.code, message=said, cure=error.cure)


def absent(what: str) -> StudioError:
    """The error for something that is not there."""
    return StudioError(404, "not_found", f"There is no such {what}.")


def stranger() -> StudioError:
    """The error for somebody who has no session."""
    return StudioError(401, "unauthorized", "Open the studio by the address that `ensemble studio` has printed.")


def is_full(error: OSError) -> bool:
    """Whether there is no room on the disk."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT)
