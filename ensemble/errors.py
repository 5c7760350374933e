"""One error tree. Every message names the thing, what is wrong with it, and the next step; every error pickles."""

from __future__ import annotations


class EnsembleError(Exception):
    """What the user can be told in one line: `what: problem; cure`.

    Args:
        what: the file, setting or actor concerned, as the user knows it.
        problem: what is wrong with it.
        cure: what to do next.
    """

    def __init__(self, what: str, problem: str, cure: str = "") -> None:
        super().__init__(what, problem, cure)  # args rebuild the error on the other side of Ray
        self.what = what
        self.problem = problem
        self.cure = cure

    def __str__(self) -> str:
        return f"{self.what}: {self.problem}" + (f"; {self.cure}" if self.cure else "")


class AudioError(EnsembleError):
    """A recording cannot be read, or is not something to follow."""


class ConfigError(EnsembleError):
    """A setting, a band file or an argument is wrong."""


class VoiceError(EnsembleError):
    """A voice's weights or its card cannot be used."""


class ConductorError(EnsembleError):
    """A conductor's weights or its card cannot be used."""


class ArrangerError(EnsembleError):
    """An arranger's weights or its card cannot be used."""


class WireError(EnsembleError):
    """Bytes are not a message of this version."""


class OutputError(EnsembleError):
    """The output folder cannot be used."""


class DeadlineError(EnsembleError):
    """An actor did not answer in time."""


class BandError(EnsembleError):
    """The cluster cannot seat, or has lost, a player."""


class VerifyError(EnsembleError):
    """A render could not be reproduced."""


class DataError(EnsembleError):
    """A data set, a score or a label file cannot be used."""


class RetrieveError(EnsembleError):
    """Nothing could be found that comes next."""


class StoreError(EnsembleError):
    """The store of recordings cannot be used."""


class StoreVersionError(StoreError):
    """It holds what another release made."""


class StoreBusyError(StoreError):
    """Another process has the store open."""
