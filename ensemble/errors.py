"""One error tree. Every message names the thing, what is wrong with it, and the next step; every error pickles.

Programs go by the class, its `code` (which stays, whatever the class is called) and `resumable`; the words are for
people and decide nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar


def printable(path: str | Path) -> str:
    """The path on one line: line breaks and bytes that are not UTF-8 are escaped."""
    return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in str(path))


class EnsembleError(Exception):
    """What the user can be told in one line: `what: problem; cure`.

    Args:
        what: the file, setting or actor concerned, as the user knows it.
        problem: what is wrong with it.
        cure: what to do next.

    Attributes:
        kept_in: the output folder that keeps what was played, so that `resume` can go on from there; empty if nothing
            is kept.
    """

    code: ClassVar[str] = "ensemble"

    def __init_subclass__(cls, *, code: str) -> None:
        super().__init_subclass__()
        cls.code = code

    def __init__(self, what: str, problem: str, cure: str = "") -> None:
        super().__init__(what, problem, cure)  # args and attributes rebuild the error on the other side of Ray
        self.what = what
        self.problem = problem
        self.cure = cure
        self.kept_in = ""

    @property
    def resumable(self) -> bool:
        """Whether the render that failed can be resumed."""
        return bool(self.kept_in)

    def __str__(self) -> str:
        kept = f"what was played is kept: `ensemble render --resume {self.kept_in}` goes on" if self.kept_in else ""
        return "; ".join(filter(None, [f"{self.what}: {self.problem}", self.cure, kept]))


class AudioError(EnsembleError, code="audio"):
    """A recording cannot be read, or is not something to follow."""


class ConfigError(EnsembleError, code="config"):
    """A setting, a band file or an argument is wrong."""


class VoiceError(EnsembleError, code="voice"):
    """A voice's weights or its card cannot be used."""


class ConductorError(EnsembleError, code="conductor"):
    """A conductor's weights or its card cannot be used."""


class ArrangerError(EnsembleError, code="arranger"):
    """An arranger's weights or its card cannot be used."""


class PerformerError(EnsembleError, code="performer"):
    """A performer's weights or its card cannot be used."""


class ListenerError(EnsembleError, code="listener"):
    """A network that listens cannot be used."""


class WireError(EnsembleError, code="wire"):
    """Bytes are not a message of this version."""


class OutputError(EnsembleError, code="output"):
    """The output folder cannot be used."""


class CheckpointError(OutputError, code="checkpoint"):
    """What an interrupted render left cannot be resumed by this release."""


class DeadlineError(EnsembleError, code="deadline"):
    """An actor did not answer in time."""


class BandError(EnsembleError, code="band"):
    """The cluster has no room for a player, or has lost one."""


class JobLostError(BandError, code="job_lost"):
    """Every worker that was given this job died on it."""


class WorkersLostError(BandError, code="workers_lost"):
    """Training workers died, or failed for a reason that another attempt may not meet."""


class VerifyError(EnsembleError, code="verify"):
    """A render could not be reproduced."""


class DataError(EnsembleError, code="data"):
    """A data set, a score or a label file cannot be used."""


class RetrieveError(EnsembleError, code="retrieve"):
    """Nothing could be found that comes next."""


class StoreError(EnsembleError, code="store"):
    """The store of recordings cannot be used."""


class StoreVersionError(StoreError, code="store_version"):
    """It holds what another release made."""


class StoreBusyError(StoreError, code="store_busy"):
    """Another process has the store open."""
