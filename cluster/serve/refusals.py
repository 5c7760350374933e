"""The studio's own refusals."""

from __future__ import annotations

from ensemble.errors import EnsembleError


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


def absent(what: str) -> StudioError:
    """The error for something that is not there."""
    return StudioError(404, "not_found", f"There is no such {what}.")
